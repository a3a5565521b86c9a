"""Block-copy: the copy engine behind the backup-top filter, which replaced the before-write notifier in 4.2.

The filter sits above the secondary disk, so a write is copied before it enters that node. What is still to be
copied is a bitmap (here its complement, `done`), and bits change *before* the copy.
Source: block/backup-top.c backup_top_cbw; block/block-copy.c block_copy (4.2, 5.0).
"""

from __future__ import annotations

from typing import NamedTuple

from cowpath.impl.backup import Job
from cowpath.impl.context import AioContext, Request
from cowpath.impl.errors import AssertionFailed, CopyFailed
from cowpath.impl.extent import Extent
from cowpath.impl.overlay import Hidden
from cowpath.impl.reqlist import Entry, ReqList
from cowpath.impl.secondary import Secondary

MEMORY = 128 << 20
"""Bytes that all copies have together (BLOCK_COPY_MAX_MEM)."""


class Taken(NamedTuple):
    """A dirty extent that is to be copied: its place in the in-flight list, and whether it is zeroes."""

    copying: Entry
    extent: Extent
    zeroes: bool


class BlockCopy(Job):
    """The filter with its engine, of 5.0: only the extent that is being copied is in the list."""

    def __init__(self, context: AioContext, source: Secondary, target: Hidden, cluster: int) -> None:
        super().__init__(context, source, target, cluster)
        self.in_flight = ReqList(context, "block-copy's in-flight list", "a copy of {} in flight")

    def block_copy(self, request: Request) -> None:
        """Copy what is dirty of the request's clusters, and wait for others' copies there.

        A failed copy makes its clusters dirty again: the step is the caller's. Raises CopyFailed.
        """
        self.context.step("copy.begin", request)
        self.copy_all(request)
        self.context.step("copy.return", request)

    def copy_all(self, request: Request) -> None:
        """Copy until nothing is dirty, and nobody copies there. Raises CopyFailed."""
        whole = self.clusters(request)
        while self.is_wanted(request) and (self.copy_dirty(request, whole) or self._wait(request, whole)):
            pass

    def is_wanted(self, request: Request) -> bool:
        """Tell whether the request still wants its copies: it does."""
        return True

    def copy_dirty(self, request: Request, whole: Extent) -> bool:
        """Copy the first extent that is dirty, and return whether there was one. Raises CopyFailed."""
        extent = self.done.next_clear(whole)
        if extent is None:
            return False
        taken = self.take(request, extent)
        self.context.step("copy.shrink", request, extent=taken.extent)
        self.copy_taken(request, taken)
        return True

    def _wait(self, request: Request, whole: Extent) -> bool:
        """Wait for one copy in flight, and return whether there was one."""
        conflict = self.in_flight.choose_conflict(whole)
        if conflict is not None:
            self.context.trace("copy.park", request, waits_for=conflict.owner.name)
            self.in_flight.wait_one(request, conflict, whole)
        return conflict is not None

    def take(self, request: Request, extent: Extent) -> Taken:
        """Take a dirty extent, and keep what of it is of one block status."""
        copying = self._take(request, extent)
        extent, zeroes = self.source_status(extent)
        self._touch()
        self._shrink(copying, extent)
        return Taken(copying, extent, zeroes)

    def copy_taken(self, request: Request, taken: Taken) -> None:
        """Copy an extent that is taken. Raises CopyFailed."""
        extent = taken.extent
        self.ask_for_memory(extent)
        try:
            self.copy(request, extent, enter="cow.enter", serialises=True, zeroes=taken.zeroes)
        except OSError as error:
            self.done.reset(extent)
            self.give_memory_back()
            self.in_flight.remove(taken.copying)
            raise CopyFailed(error, "copy.fail") from None
        self._touch()
        self.give_memory_back()
        self.in_flight.remove(taken.copying)
        request.ends(self.context, "copy.end")

    def source_status(self, extent: Extent) -> tuple[Extent, bool]:
        """Return the clusters from the extent's first on of one block status, and whether they are zeroes.

        A cluster that has several is copied by itself, as data (block_copy_block_status, 5.0).
        """
        status, zeroes = self.source.same_status(extent)
        return status.whole_units(self.cluster, self.source.size), zeroes and status.length >= self.cluster

    def _take(self, request: Request, extent: Extent) -> Entry:
        self._touch()
        other = self.in_flight.find_conflict(extent)
        self.done.set(extent)
        copying = self.in_flight.add(request, extent)
        if other is not None:
            self.context.trace("copy.take", request, extent=extent)
            raise AssertionFailed(f"{extent} is dirty, and in flight by {other.owner}")
        self.context.step("copy.take", request, extent=extent)
        return copying

    def _shrink(self, copying: Entry, extent: Extent) -> None:
        if extent != copying.extent:
            self.done.reset(Extent(extent.end, copying.extent.end))
            self.in_flight.shrink(copying, extent)

    def ask_for_memory(self, extent: Extent) -> None:
        """Ask for the memory of a copy, of a cluster at a time: nobody may ask for more than there is.

        That others have it is not waited for here; it closes no cycle. Raises AssertionFailed.
        """
        if (asked := min(extent.length, self.cluster)) > MEMORY:
            raise AssertionFailed(f"a copy asks for {asked} bytes of {MEMORY}")

    def give_memory_back(self) -> None:
        """Give back the memory of a copy, where that is counted."""

    def _touch(self) -> None:
        self.alive("block-copy's state", "ended", "freed")


class BlockCopy42(BlockCopy):
    """The engine of 4.2: one request in the list for the whole range, from before the first copy on."""

    def block_copy(self, request: Request) -> None:
        """Copy what is dirty of the request's clusters, after others' copies. Raises CopyFailed."""
        whole = self.clusters(request)
        # block_copy_wait_inflight_reqs takes (start, end) and is called with (start, bytes): a6ffe1998c.
        seen = Extent(whole.start, whole.length)
        if self.in_flight.find_conflict(seen) is not None:
            self.context.trace("copy.wait", request)
            self.in_flight.wait_all(request, seen)
        self._touch()
        if self.done.next_clear(whole) is None:  # nothing to copy, and nothing yields
            self.context.step("copy.pass", request)
            return
        copying = self.in_flight.add(request, whole)
        self.context.step("copy.begin", request)
        try:
            rest = whole
            while (extent := self.done.next_clear(rest)) is not None:
                self._touch()
                self.done.set(extent)
                self.context.step("copy.take", request, extent=extent)
                self.ask_for_memory(extent)
                try:
                    self.copy(request, extent, enter="cow.enter", serialises=True)
                except OSError as error:
                    self.done.reset(extent)
                    raise CopyFailed(error, "copy.fail") from None
                self.context.step("copy.next", request)
                rest = Extent(extent.end, whole.end)
        except OSError:
            self._touch()
            self.in_flight.remove(copying)
            raise
        self._touch()
        self.in_flight.remove(copying)
        self.context.step("copy.end", request)
