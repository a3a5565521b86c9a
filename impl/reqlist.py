"""Lists of requests that exclude each other where they overlap.

Who enters a list first looks for a conflict, waits on that request's own queue and looks again from the
start; a request that leaves wakes all its waiters. Nobody is handed anything.
Source: block/reqlist.c (6.2), the rule that block/backup.c, block-copy.c and io.c each had before it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from cowpath.impl.context import AioContext, Request
from cowpath.impl.extent import Extent
from cowpath.impl.sync import Condition


@dataclass(eq=False, slots=True)
class Entry:
    """A request's place on a list. `held` is what it holds, in words, with the range to be filled in.

    It has a wait queue from the first waiter on.
    """

    owner: Request
    extent: Extent
    held: str
    listed: bool = True
    wait_queue: Condition | None = None

    def wait(self, context: AioContext, waiter: Request, on: str) -> None:
        """Wait until the entry has left its list or has shrunk, if only elsewhere."""
        if self.wait_queue is None:
            self.wait_queue = context.condition()
        self.wait_queue.wait_for(Wait(waiter, on, self, self.extent))

    def wake(self) -> None:
        """Let all waiters look again."""
        if self.wait_queue is not None:
            self.wait_queue.notify_all()

    def __str__(self) -> str:
        return self.held.format(self.extent)


@dataclass(slots=True)
class Wait:
    """What a waiter waits for: that an entry leaves the list, or has another extent than `seen`.

    Who shrinks wakes all its waiters, whether they still overlap or not: they may find work in what it gave
    up (reqlist_shrink_req).
    """

    waiter: Request
    on: str
    entry: Entry
    seen: Extent

    def __call__(self) -> bool:
        """Tell whether that is so."""
        return not self.entry.listed or self.entry.extent != self.seen


Excludes = Callable[[Entry], bool]


def _always(entry: Entry) -> bool:
    return True


class ReqList:
    """A list of requests in flight, newest first."""

    def __init__(self, context: AioContext, called: str, held: str) -> None:
        self.context = context
        self.called = called
        self.held = held
        self.entries: list[Entry] = []

    def add(self, owner: Request, extent: Extent) -> Entry:
        """Enter the list (reqlist_init_req)."""
        self.context.touch(self.called, extent, True)
        entry = Entry(owner, extent, self.held)
        self.entries.insert(0, entry)
        return entry

    def find_conflict(self, extent: Extent, excludes: Excludes = _always) -> Entry | None:
        """Return the newest entry that overlaps the extent, of those that exclude (reqlist_find_conflict)."""
        self.context.touch(self.called, extent, False)
        for entry in self.entries:
            if entry.extent.overlaps(extent) and excludes(entry):
                return entry
        return None

    def next_start(self, extent: Extent) -> int:
        """Return where the first entry begins that overlaps the extent, its end if none does."""
        self.context.touch(self.called, extent, False)
        met = (entry.extent.start for entry in self.entries if entry.extent.overlaps(extent))
        return min(met, default=extent.end)

    def choose_conflict(self, extent: Extent) -> Entry | None:
        """Return the newest entry that overlaps the extent, unless whoever chooses looks past it."""
        found = self.find_conflict(extent)
        passed: list[Entry] = []
        while found is not None:
            passed.append(found)
            older = self.find_conflict(extent, lambda entry: entry not in passed)
            if older is None or not self.context.choose(2, f"look past {found.owner}"):
                break
            found = older
        return found

    def wait_one(self, waiter: Request, entry: Entry, extent: Extent) -> None:
        """Wait until the entry has left the list, or has shrunk (reqlist_wait_one)."""
        entry.wait(self.context, waiter, self.called)
        self.context.touch(self.called, extent, False)

    def wait_all(self, waiter: Request, extent: Extent, excludes: Excludes = _always) -> None:
        """Wait until nothing overlaps; the last look and what follows are one step (reqlist_wait_all)."""
        while (entry := self.find_conflict(extent, excludes)) is not None:
            self.wait_one(waiter, entry, extent)

    def shrink(self, entry: Entry, extent: Extent) -> None:
        """Give up what is beyond the new extent; who waits looks again (reqlist_shrink_req)."""
        self.context.touch(self.called, entry.extent, True)
        entry.extent = extent
        entry.wake()

    def remove(self, entry: Entry) -> None:
        """Leave the list and wake all who wait for that (reqlist_remove_req)."""
        self.context.touch(self.called, entry.extent, True)
        self.entries.remove(entry)
        entry.listed = False
        entry.wake()
