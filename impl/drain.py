"""Drained sections: who is waited for, who is kept out, and what a job does meanwhile.

Source: block/io.c bdrv_do_drained_begin, bdrv_drain_poll; block/block-backend.c blk_wait_while_drained; job.c
job_pause_point (10.2).
"""

from __future__ import annotations

from dataclasses import dataclass

from cowpath.impl.context import AioContext, Request
from cowpath.impl.design import Design, Disks, Geometry
from cowpath.impl.reqlist import Entry, ReqList


@dataclass(eq=False)
class _Queued:
    """A request that a drained section keeps out; `entry` is its place in flight, if it is counted."""

    request: Request
    woken: bool = False
    entry: Entry | None = None


class Drains(Design):
    """A design with drained sections, to be put before another one.

    `gate`: newcomers are queued while a section lasts. `parks_counted`: who is queued is in flight all the
    same. `wakes_counted`: who wakes the queue counts those in it; else each does so when it runs again.
    """

    gate = True
    parks_counted = False
    wakes_counted = True

    def __init__(self, context: AioContext, disks: Disks, geometry: Geometry) -> None:
        super().__init__(context, disks, geometry)
        self.sections = ReqList(context, "drained sections", "a drained section")
        self.busy_jobs = ReqList(context, "busy jobs", "a job that is busy")
        self.queue: list[_Queued] = []

    # -- requests

    def arrive(self, request: Request) -> Entry:
        """Count the request, which may be kept out first (blk_wait_while_drained)."""
        if self.gate and self.sections.entries:
            queued = _Queued(request)
            if self.parks_counted:
                queued.entry = super().arrive(request)
            self.context.trace("drain.queue", request)
            self._wait_in(queued)
            # It does not look at the gate again: a section may have begun meanwhile.
            entry = queued.entry or super().arrive(request)
            self.context.step("drain.resume", request)
        else:
            entry = super().arrive(request)
            self.context.step("drain.arrive", request)
        return entry

    def checkpoint(self, request: Request, *, quiesced: bool = True) -> None:
        """Make a checkpoint; nothing keeps it out. Raises OSError."""
        with self.context:
            self.context.step("drain.arrive", request)
        super().checkpoint(request, quiesced=quiesced)

    def stop(self, request: Request, *, drained: bool = True) -> None:
        """End the job; nothing keeps it out. Raises OSError."""
        with self.context:
            self.context.step("drain.arrive", request)
        super().stop(request, drained=drained)

    def _wait_in(self, queued: _Queued) -> None:
        self.queue.append(queued)
        while not queued.woken:
            self.sections.wait_one(queued.request, self.sections.entries[0], self.whole)

    # -- drained sections

    def drain(self, request: Request) -> None:
        """Make one drained section, from begin to end (bdrv_drained_begin, bdrv_drained_end)."""
        with self.context:
            section = self.sections.add(request, self.whole)
            self.context.step("drain.begin", request)
            self._wait_for(request, self.in_flight, self.busy_jobs)
            self.context.step("drain.drained", request)
            if len(self.sections.entries) == 1:
                self._wake()
            self.sections.remove(section)
            self.context.trace("drain.end", request)

    def _wake(self) -> None:
        for queued in self.queue:
            queued.woken = True
            if self.wakes_counted and queued.entry is None:
                queued.entry = super().arrive(queued.request)
        self.queue.clear()

    # -- a job

    def job_read(self, request: Request) -> bytes:
        """Read once, for a job that is busy meanwhile but for its pause points."""
        with self.context:
            self.context.step("job.create", request)
            self.sections.wait_all(request, self.whole)  # its first pause point
            busy = self.busy_jobs.add(request, self.whole)
            self.context.step("job.start", request)
            if self.gate and self.geometry.job_requests_queue and self.sections.entries:
                self.context.trace("job.queue", request)
                self._wait_in(_Queued(request, entry=busy))
                self.context.step("job.resume", request)
            else:
                self.context.step("job.request", request)
            (data,) = self.secondary.file.read("job.read", request, [request.extent])
            self.context.step("job.read", request)
            self.busy_jobs.remove(busy)
            if self.sections.entries:
                self.context.trace("job.pause", request)
                self.sections.wait_all(request, self.whole)
                self.context.trace("job.continue", request)
            else:
                self.context.trace("job.end", request)
            return data
