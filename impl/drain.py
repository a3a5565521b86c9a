"""Drained sections: who is waited for, who is kept out, and what a job does meanwhile.

Source: block/io.c bdrv_do_drained_begin, bdrv_drain_poll; block/block-backend.c blk_wait_while_drained; job.c
job_pause_point (10.2).
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
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
        self.stopped_machines = ReqList(context, "checkpoints", "both machines stopped")
        self.queue: list[_Queued] = []

    # -- requests

    def arrive(self, request: Request) -> Entry:
        """Count the request, which may be kept out first (blk_wait_while_drained).

        While a quiesced checkpoint lasts nobody is there to make it.
        """
        self.stopped_machines.wait_all(request, self.whole)
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

    def _wait_in(self, queued: _Queued) -> None:
        self.queue.append(queued)
        while not queued.woken:
            self.sections.wait_one(queued.request, self.sections.entries[0], self.whole)

    # -- drained sections

    def drain(self, request: Request) -> None:
        """Make one drained section, from begin to end (bdrv_drained_begin, bdrv_drained_end)."""
        with self.context:
            with self._section(request):
                self.context.step("drain.drained", request)
            self.context.trace("drain.end", request)

    @contextmanager
    def drained(self, request: Request, really: bool = True, *, stays: bool = False) -> Iterator[None]:
        """Do what follows in a drained section, if `really`; `stays`: of a checkpoint, which yields in it."""
        if not really:
            with super().drained(request, False, stays=stays):
                yield
            return
        stopped = self.stopped_machines.add(request, self.whole) if stays else None
        try:
            with self._section(request):
                if stays:
                    self.context.step("drain.drained", request)
                    self._wait_for(request, self.endings)
                yield
        finally:
            if stopped is not None:
                self.stopped_machines.remove(stopped)

    @contextmanager
    def _section(self, request: Request, label: str = "drain.begin") -> Iterator[None]:
        section = self.sections.add(request, self.whole)
        self.context.step(label, request)
        self._wait_for(request, self.in_flight, self.busy_jobs)
        try:
            yield
        finally:
            if len(self.sections.entries) == 1:
                self._wake()
            self.sections.remove(section)

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
            data = self.secondary.file.read("job.read", request, request.extent)
            self.context.step("job.read", request)
            self.busy_jobs.remove(busy)
            if self.sections.entries:
                self.context.trace("job.pause", request)
                self.sections.wait_all(request, self.whole)
                self.context.trace("job.continue", request)
            else:
                self.context.trace("job.end", request)
            return data
