"""The background's operations: each copies a few chunks, in a coroutine of its own.

Source: block/mirror.c mirror_perform, mirror_co_read, mirror_cow_align, mirror_read_complete,
mirror_iteration_done, mirror_wait_for_free_in_flight_slot.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable
from functools import partial

from cowpath.impl.context import Request
from cowpath.impl.errors import AssertionFailed
from cowpath.impl.extent import Extent
from cowpath.impl.mirror.job import Job
from cowpath.impl.mirror.operations import Operation
from cowpath.impl.mirror.switches import Switches

SLOTS = 16
"""How many may be in flight (MAX_IN_FLIGHT)."""


class Copying:
    """Starts them."""

    def __init__(self, job: Job, has: Switches) -> None:
        self.job = job
        self.has = has
        self.numbers: set[int] = set()  # of those on the list

    def no_slot(self) -> bool:
        """Tell whether all slots are taken."""
        return sum(operation.in_flight for operation in self.job.operations.entries) >= SLOTS

    def to_wait_for(self) -> Operation:
        """Return for which operation one waits who lacks a slot or buffers."""
        any_copy = self.has.first_of_list
        found = self.job.operations.first(lambda each: each.copies and (any_copy or each.in_flight))
        if found is None:
            raise AssertionFailed("no operation is there to wait for")
        return found

    def rounded(self, piece: Extent) -> Extent:
        """Return the piece, or the clusters of the target that hold it where one at its ends is new.

        The repair rounds only the end that is in a new one.
        """
        job, (start, end) = self.job, piece
        ends = (job.chunks(Extent(start, start + 1)), job.chunks(Extent(end - 1, end)))
        if not job.geometry.rounds or all(job.written.within(chunk) for chunk in ends):
            return piece
        wide = piece.widened(job.geometry.cluster, job.geometry.size)
        if not self.has.rounds_each_end:
            return wide
        first, last = (job.written.within(chunk) for chunk in ends)
        return Extent(start if first else wide.start, end if last else wide.end)

    def start(self, background: Request, piece: Extent) -> Extent:
        """Start an operation for a piece of a run, and return what it copies. The step ends."""
        job, extent = self.job, self.rounded(piece)
        job.zero.reset(piece)
        needs = len(extent.units(job.geometry.granularity))
        short = job.lacks(needs)
        operation = self._spawn(extent, self._copy, needs=needs, short=short)
        label = "iterate.start.short" if short else "iterate.start"
        if job.geometry.buffers is not None and needs > job.geometry.buffers:
            job.trace(label, background, extent=piece)
            raise AssertionFailed(f"{operation.owner} needs {needs} buffers, and there are fewer in all")
        job.step(label, background, extent=piece)
        return operation.extent

    def start_zero(self, background: Request, piece: Extent) -> None:
        """Start an operation that writes zeroes, if they are not known to be in the target. The step ends."""
        job = self.job
        if job.zero.next_clear(piece) is not None:
            self._spawn(piece, self._zero)
            job.step("iterate.start.zero", background, extent=piece)
            return
        self._release(piece)
        job.step("iterate.skip", background, extent=piece)

    def _spawn(
        self, extent: Extent, does: Callable[[Operation], None], *, needs: int = 0, short: bool = False
    ) -> Operation:
        job = self.job
        number = next(n for n in itertools.count(1) if n not in self.numbers)
        self.numbers.add(number)
        owner = Request(f"operation {number}", extent)
        operation = Operation(
            owner, extent, job.operations.held_by_job, chunks=extent, copies=True, needs=needs
        )
        job.operations.append(operation)
        if not short:
            self._begin(operation)
        job.context.sync.spawn(partial(self._run, operation, number, does, short=short), owner.name)
        return operation

    def _begin(self, operation: Operation) -> None:
        self.job.take(operation.needs)
        operation.in_flight = True

    def _run(
        self, operation: Operation, number: int, does: Callable[[Operation], None], *, short: bool
    ) -> None:
        with self.job.context:
            if short:
                self._wait_for_buffers(operation)
            does(operation)
            self._end(operation)
            self.numbers.remove(number)
            self.job.trace("copy.end", operation.owner)

    def _wait_for_buffers(self, operation: Operation) -> None:
        job, owner = self.job, operation.owner
        while job.lacks(operation.needs):
            other = self.to_wait_for()
            job.trace("copy.park", owner, waits_for=other.owner.name)
            job.operations.wait(owner, other)
        self._begin(operation)
        job.step("copy.begin", owner)

    def _copy(self, operation: Operation) -> None:
        job, owner, extent = self.job, operation.owner, operation.extent
        data = job.source.read("copy.read", owner, extent)
        job.step("copy.read", owner)
        job.target.write("copy.write", owner, extent, data)
        job.step("copy.write", owner)

    def _zero(self, operation: Operation) -> None:
        job, owner, extent = self.job, operation.owner, operation.extent
        job.target.write("copy.zero", owner, extent, bytes(extent.length))
        job.zero.set(extent)
        job.step("copy.zero", owner)

    def _release(self, extent: Extent) -> None:
        job = self.job
        job.busy.reset(extent)
        if job.geometry.rounds:
            job.written.set(extent)

    def _end(self, operation: Operation) -> None:
        job = self.job
        self._release(operation.extent)
        job.take(-operation.needs)
        operation.in_flight = False
        job.operations.unlink(operation)
