"""The background: the job's own coroutine, which looks for dirty chunks and starts operations that copy them.

Source: block/mirror.c mirror_run, mirror_dirty_init, mirror_iteration, mirror_pause; job.c job_pause_point.
"""

from __future__ import annotations

from cowpath.impl.context import Request
from cowpath.impl.errors import AssertionFailed
from cowpath.impl.extent import Extent
from cowpath.impl.mirror.copying import Copying
from cowpath.impl.mirror.job import WHOLE, Job
from cowpath.impl.mirror.operations import Operation
from cowpath.impl.mirror.switches import Switches


class Background:
    """The job's coroutine.

    `position`: where it looks for the next dirty chunk. `still`: it is paused, or has ended.
    """

    def __init__(self, job: Job, has: Switches) -> None:
        self.job = job
        self.has = has
        self.request = Request("background")
        self.copying = Copying(job, has)
        self.position = 0
        self.still = False

    def run(self) -> None:
        """Run the job to its end."""
        job = self.job
        if job.state == "unborn":
            self._start()
        paused = False
        while True:
            # Who has been paused goes on where it was, behind its wait for writes, and rests there.
            if not paused and (self._waits_for_writes() or self._pauses_for_operations()):
                continue
            if job.to_pause:
                self._pause(told=not paused)
                paused = True
                continue
            if self._rests():
                job.until(self._is_called_paused if paused else self._is_called)
                continue
            paused = False
            if self._needs_slot():
                self._park("loop.slot", self.copying.to_wait_for())
            elif job.is_dirty():
                self._iterate()
            elif not job.ready:
                self._become_ready()
            elif self._unsynced():
                job.synced = True
                job.step("loop.synced", self.request)
            elif self._complete():
                return

    def _start(self) -> None:
        """Be created, and ask what is allocated: that is dirty (mirror_start_job, mirror_dirty_init)."""
        job = self.job
        job.state = "created"
        job.step("start.create", self.request)
        for area in job.areas:
            for number in job.allocated.within(area):
                job.dirty.set(job.chunk(number))
            job.step("start.scan", self.request, extent=area)
        job.state = "running"
        job.step("start.show", self.request)

    # -- at the head of the loop

    def _park(self, label: str, other: Operation, extent: Extent | None = None) -> None:
        facts = {} if extent is None else {"extent": extent}
        self.job.trace(f"{label}.park", self.request, waits_for=other.owner.name, **facts)
        self.job.operations.wait(self.request, other)

    def _waits_for_writes(self) -> bool:
        """Wait for a write that is being copied, and return whether there was one."""
        if not (self.has.waits_for_writes and self.job.writes):
            return False
        other = self.job.operations.first(lambda each: each.writes)
        assert other is not None
        self._park("loop.active", other)
        return True

    def _pauses_for_operations(self) -> bool:
        """Wait for an operation in flight, if it is to pause, and return whether there was one."""
        if not self.job.to_pause or not self.job.in_flight():
            return False
        self._park_on_flight()
        return True

    def _park_on_flight(self) -> None:
        other = self.job.operations.first(lambda each: each.in_flight)
        assert other is not None
        self._park("pause", other)

    def _pause(self, *, told: bool = True) -> None:
        """Be paused until the job may go on; it is told of unless it was paused already."""
        self.still = True
        if told:
            self.job.trace("pause.stop", self.request)
        self.job.until(lambda: not self.job.to_pause)
        self.still = False

    def _needs_slot(self) -> bool:
        """Tell whether an operation must end first."""
        job = self.job
        if self.copying.no_slot() or job.free == 0:
            return True
        return job.in_flight() and not job.is_dirty()

    def _unsynced(self) -> bool:
        return self.has.syncs_again and self.job.blocking and not self.job.synced

    def _rests(self) -> bool:
        """Tell whether all is copied, and nothing is asked for."""
        job = self.job
        busy = job.is_dirty() or job.in_flight() or job.to_complete or self._unsynced()
        return job.ready and not busy

    def _is_called(self) -> bool:
        """Tell whether who rests at the head of the loop has to look again."""
        return self._is_called_paused() or (self.has.waits_for_writes and self.job.writes > 0)

    def _is_called_paused(self) -> bool:
        """Tell the same of who rests where it has been paused."""
        return not self._rests() or self.job.to_pause

    # -- an iteration

    def _iterate(self) -> None:
        """Take a run of dirty chunks, and start operations that copy it (mirror_iteration)."""
        job, chunk = self.job, self._next_dirty()
        waited = False
        while job.busy.within(unit := self._unit(chunk)):  # less than before the wait, if it is not new now
            other = job.operations.first(lambda each: each.chunks.overlaps(unit))
            if other is None:
                raise AssertionFailed(f"the background looks for ever for whose bit is set in {unit}")
            if self.has.needs_self:
                job.trace("iterate.park", self.request, waits_for=other.owner.name, extent=chunk)
                raise AssertionFailed("the background, which is no operation, notes in it whom it waits for")
            self._park("iterate", other, chunk)
            waited = True
        if waited and job.to_pause:
            self._pause_with_a_chunk()
            if self.has.looks_again:
                job.step("iterate.again", self.request)
                return
        self._claim(chunk)

    def _next_dirty(self) -> Extent:
        """Return the dirty chunk to copy next: the first from where it is, unless whoever chooses says so."""
        job = self.job
        found = [(area, numbers) for area in job.areas if (numbers := job.dirty.within(area))]
        later = [each for each in found if each[0].end > self.position]
        ordered = later + [each for each in found if each not in later]
        while len(ordered) > 1 and job.context.choose(2, f"not from {ordered[0][0]}"):
            ordered.pop(0)
        numbers = ordered[0][1]
        here = self.position // job.geometry.granularity
        return job.chunk(next((number for number in numbers if number >= here), numbers[0]))

    def _pause_with_a_chunk(self) -> None:
        """Pause with a chunk chosen. What has begun to wait for all that is in flight does so to the end."""
        job = self.job
        while job.in_flight():
            self._park_on_flight()
        if job.to_pause:
            self._pause()

    def _claim(self, chunk: Extent) -> None:
        job, run = self.job, chunk
        while run.end < job.geometry.size and self._prolongs(following := self._after(run), run):
            run = Extent(run.start, following.end)
        unit = self._unit(run)
        job.dirty.reset(unit)
        held = job.operations.held_by_job
        pseudo = job.operations.append(Operation(self.request, unit, held, chunks=unit))
        job.busy.set(unit)
        self.position = unit.end % job.geometry.size
        job.step("iterate.claim", self.request, extent=run)
        self._start_operations(unit)
        job.operations.unlink(pseudo)
        job.step("iterate.end", self.request)

    def _after(self, run: Extent) -> Extent:
        return self.job.chunks(Extent(run.end, run.end + 1))

    def _prolongs(self, chunk: Extent, run: Extent) -> bool:
        """Tell whether the chunk after a run can be taken with it."""
        job = self.job
        taken = len(self._unit(Extent(run.start, chunk.end)).units(job.geometry.granularity))
        if job.geometry.buffers is not None and taken > job.geometry.buffers:
            return False
        return job.is_dirty(chunk) and not job.busy.within(self._unit(chunk))

    def _unit(self, extent: Extent) -> Extent:
        """Return what is taken for these chunks."""
        return self.copying.rounded(extent) if self.has.claims_clusters else extent

    def _start_operations(self, run: Extent) -> None:
        while run.start < run.end:
            while self.copying.no_slot():
                self._park("iterate.slot", self.copying.to_wait_for())
            if zeroes := self._zeroes(run):
                self.copying.start_zero(self.request, zeroes)
                run = Extent(zeroes.end, run.end)
            else:
                copied = self.copying.start(self.request, self._piece(run))
                run = Extent(copied.end, run.end)

    def _zeroes(self, run: Extent) -> Extent | None:
        """Return the beginning of a run that is zeroes, in whole clusters of the target; None if it is not.

        The source need not tell that they are zeroes.
        """
        job, unit = self.job, max(self.job.geometry.cluster, self.job.geometry.granularity)
        zero, zeroes = job.zeroes.run(run)
        if not (self.has.knows_zeroes and zero) or zeroes.widened(unit, job.geometry.size) != zeroes:
            return None
        return None if job.context.choose(2, f"not told of zeroes in {zeroes}") else zeroes

    def _piece(self, run: Extent) -> Extent:
        """Return the beginning of a run that has one block status: whole chunks, or one that has several."""
        job = self.job
        status, _ = job.source.same_status(run)
        piece = status.whole_units(job.geometry.granularity, job.geometry.size)
        areas = [area for area in job.areas if area.overlaps(piece)]
        for area in reversed(areas[1:]):
            if not job.context.choose(2, f"not up to {area}"):
                break
            piece = Extent(piece.start, area.start)
        return piece

    # -- its end

    def _become_ready(self) -> None:
        job = self.job
        job.step("loop.flush", self.request)
        job.target.disk.flush("loop.ready", self.request)
        job.ready = True
        if job.blocking and not (self.has.looks_after_flush and job.is_dirty()):
            job.synced = True
        job.step("loop.ready", self.request)

    def _complete(self) -> bool:
        """Drain the source; let the target take its place if nothing is dirty then, and return whether so."""
        job = self.job
        job.state = "draining"
        job.step("finish.drain", self.request)
        job.inside.wait_all(self.request, WHOLE)
        over = not job.is_dirty()
        job.state = "over" if over else "running"
        if over:
            job.target.fills = False  # what is behind it is opened now (mirror_exit_common)
            job.trace("finish.end", self.request)
        else:
            job.step("finish.again", self.request)
        return over
