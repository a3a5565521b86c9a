"""Tracked requests: how a node serialises overlapping requests.

Source: block/io.c tracked_request_begin, mark_request_serialising, wait_serialising_requests,
tracked_request_end (2.8); bdrv_find_conflicting_request (10.1).
"""

from __future__ import annotations

from dataclasses import dataclass

from cowpath.impl.context import NOWHERE, AioContext, Request
from cowpath.impl.errors import AssertionFailed
from cowpath.impl.extent import Extent
from cowpath.impl.reqlist import Entry


@dataclass(eq=False, slots=True)
class TrackedRequest(Entry):
    """A request on a node's list, for as long as it is in the node; `claim` is its overlap range."""

    claim: Extent = NOWHERE
    serialising: bool = False
    waiting_for: TrackedRequest | None = None


class TrackedRequests:
    """The list of a node. X waits for Y iff one of them is serialising, they overlap and Y waits for nobody.

    The last condition looks at this list only: a request parked elsewhere does not look as if it waited. And
    it lets a newcomer pass a request that is parked here.
    """

    def __init__(self, context: AioContext, node: str) -> None:
        self.context = context
        self.called = f"{node}'s tracked list"
        self.held = f"{{}} on {self.called}"
        self.entries: list[TrackedRequest] = []

    def begin(self, owner: Request, claim: Extent, *, serialising: bool = False) -> TrackedRequest:
        """Enter the node (tracked_request_begin)."""
        entry = TrackedRequest(owner, owner.extent, self.held, claim=claim, serialising=serialising)
        self.touch(entry, write=True)
        self.entries.insert(0, entry)
        return entry

    def mark_serialising(self, entry: TrackedRequest, claim: Extent) -> None:
        """Make the request serialising over a wider range (mark_request_serialising)."""
        entry.claim = claim
        entry.serialising = True
        self.touch(entry, write=True)

    def find_conflict(self, entry: TrackedRequest) -> TrackedRequest | None:
        """Return a request that this one must wait for (bdrv_find_conflicting_request).

        The newest, unless whoever chooses looks past it; then the newest of another owner.
        """
        self.touch(entry, write=False)
        conflicts: dict[Request, TrackedRequest] = {}
        for other in self.entries:
            if (
                other is not entry
                and (entry.serialising or other.serialising)
                and other.waiting_for is None
                and entry.claim.overlaps(other.claim)
            ):
                conflicts.setdefault(other.owner, other)
        left = len(conflicts)
        for owner, other in conflicts.items():
            left -= 1
            if not left or not self.context.choose(2, f"look past {owner}"):
                if owner is entry.owner:
                    raise AssertionFailed(f"{owner} would wait for itself on {self.called}")
                return other
        return None

    def wait(self, entry: TrackedRequest, label: str) -> bool:
        """Wait for conflicting requests, and return whether there were any (wait_serialising_requests)."""
        waited = False
        while (other := self.find_conflict(entry)) is not None:
            entry.waiting_for = other
            self.touch(entry, write=True)
            self.context.trace(f"{label}.park", entry.owner, waits_for=other.owner.name)
            other.wait(self.context, entry.owner, self.called)
            entry.waiting_for = None
            self.touch(entry, write=True)
            waited = True
        return waited

    def end(self, entry: TrackedRequest) -> None:
        """Leave the node and wake all waiters (tracked_request_end)."""
        self.touch(entry, write=True)
        self.entries.remove(entry)
        entry.listed = False
        entry.wake()

    def touch(self, entry: TrackedRequest, *, write: bool) -> None:
        """Say that the list is read or written where the entry is."""
        self.context.touch(self.called, entry.claim, write)
