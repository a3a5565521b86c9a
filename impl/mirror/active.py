"""A guest's write in the mirror's filter: copied to the target before it returns, or not.

Source: block/mirror.c bdrv_mirror_top_do_write, active_write_prepare, mirror_wait_on_conflicts,
do_sync_target_write, active_write_settle.
"""

from __future__ import annotations

from cowpath.impl.context import Request
from cowpath.impl.errors import AssertionFailed
from cowpath.impl.extent import Extent
from cowpath.impl.mirror.job import WHOLE, Job
from cowpath.impl.mirror.operations import Operation
from cowpath.impl.mirror.switches import Switches


class Filter:
    """The filter, above the source."""

    def __init__(self, job: Job, has: Switches) -> None:
        self.job = job
        self.has = has

    def write(self, request: Request, data: bytes, *, zeroes: bool = False) -> None:
        """Write to the source, and to the target if writes are copied. Raises OSError if the first fails.

        A newcomer is queued while the source is drained; after that the target is the guest's disk.
        """
        job = self.job
        job.until(lambda: job.state != "draining")
        if job.state == "over":
            job.target.write("write.after", request, request.extent, data)
            job.trace("write.after", request)
            return
        place = job.inside.add(request, WHOLE)
        try:
            if self.sees_job and job.blocking:
                self._copied(request, data, zeroes=zeroes)
            else:
                self._uncopied(request, data, zeroes=zeroes)
        finally:
            job.inside.remove(place)

    @property
    def sees_job(self) -> bool:
        """Whether the job's pointer is set: when it exists, or from 8.0 on when it has its lists."""
        return self.job.state not in (("unborn", "created") if self.has.late else ("unborn",))

    # -- copied

    def _copied(self, request: Request, data: bytes, *, zeroes: bool) -> None:
        job, chunks = self.job, self.job.chunks(request.extent)
        unready = job.state == "created"
        held = job.operations.held
        operation = Operation(request, request.extent, held, chunks=chunks, writes=True)
        job.operations.append(operation)
        job.writes += 1
        while job.busy.within(chunks):
            self._wait_for_conflict(operation)
        job.busy.set(chunks)
        if self.has.cleans_first:
            job.dirty.reset(self._whole(request))
        if unready:
            job.trace("write.enter", request)
            raise AssertionFailed(f"{request} uses a job that has no lists yet")
        job.step("write.enter", request)
        try:
            job.source.write("write.source", request, request.extent, data)
        except OSError:
            job.step("write.source.fail", request)
            self._settle(operation, failed=self.has.cleans_first, marks=self.has.marks == "source")
            raise
        self._in_source(request, zeroes=zeroes)
        part = self._clean(request, chunks)
        job.step("write.clean", request)
        copied = part.length == 0 or self._write_target(request, part, data, zeroes=zeroes)
        self._settle(operation, failed=not copied)

    def _in_source(self, request: Request, *, zeroes: bool) -> None:
        """Note that the source has been written. The step ends."""
        job = self.job
        job.allocated.set(job.chunks(request.extent))
        job.zeroed(job.zeroes, request.extent, zeroes=zeroes)
        job.step("write.source", request)

    def _wait_for_conflict(self, operation: Operation) -> None:
        job, request = self.job, operation.owner
        other = job.operations.first(
            lambda each: (
                each is not operation
                and each.chunks.overlaps(operation.chunks)
                and not (self.has.skips_parked and each.parked)
            )
        )
        if other is None:
            raise AssertionFailed(f"{request} looks for ever for whose bit is set in its chunks")
        operation.parked = True
        job.trace("write.enter.park", request, waits_for=other.owner.name)
        job.operations.wait(request, other)
        operation.parked = False

    def _whole(self, request: Request) -> Extent:
        """Return the chunks that the write covers; nothing if there is none."""
        whole = request.extent.narrowed(self.job.geometry.granularity)
        return whole if whole.start < whole.end else Extent(whole.start, whole.start)

    def _clean(self, request: Request, chunks: Extent) -> Extent:
        """Make chunks clean that are written; return what of the write is to be written to the target."""
        job, whole, (start, end) = self.job, self._whole(request), request.extent
        if self.has.resets_outward:
            job.dirty.reset(chunks)
            return request.extent
        if not self.has.cleans_first:
            job.dirty.reset(whole)
        unit = job.geometry.granularity
        if start % unit and job.is_dirty(head := job.chunks(Extent(start, start + 1))):
            start = head.end
        if end % unit and job.is_dirty(tail := job.chunks(Extent(end - 1, end))):
            end = tail.start
        if self.has.spares_new_clusters and job.target.fills:
            start, end = self._spare(chunks, whole, start, end)
        return Extent(start, max(start, end))

    def _spare(self, chunks: Extent, whole: Extent, start: int, end: int) -> tuple[int, int]:
        """Leave new clusters of the target that are not filled to the background."""
        job, unit = self.job, max(self.job.geometry.cluster, self.job.geometry.granularity)
        for at in (chunks.start, chunks.end - 1):
            cluster = Extent(at, at + 1).widened(unit, job.geometry.size)
            filled = whole.start <= cluster.start and cluster.end <= whole.end
            if not filled and job.target.is_new(cluster):
                job.dirty.set(cluster.common(chunks))
                job.synced = False
                if at == chunks.start:
                    start = max(start, cluster.end)
                if at == chunks.end - 1:
                    end = min(end, cluster.start)
        return start, end

    def _write_target(self, request: Request, part: Extent, data: bytes, *, zeroes: bool) -> bool:
        """Write to the target, and return whether that succeeds: if not, the guest is told nothing.

        Zeroes are not written where the target is known to be zero.
        """
        job, first = self.job, part.start - request.extent.start
        if self.has.knows_zeroes and zeroes and job.zero.next_clear(part) is None:
            job.step("write.target.skip", request)
            return True
        if not zeroes:
            job.zero.reset(part)
        try:
            job.target.write("write.target", request, part, data[first : first + part.length])
        except OSError:
            job.step("write.target.fail", request)
            return False
        job.zeroed(job.zero, part, zeroes=zeroes)
        if self.has.knows_zeroes and zeroes and not self.has.checks_range:
            self._check_range(request)
        job.step("write.target", request)
        return True

    def _check_range(self, request: Request) -> None:
        """Die of a range of chunks that ends before it begins (util/bitmap.c bitmap_set)."""
        range_ = request.extent.narrowed(self.job.geometry.granularity)
        if range_.end < range_.start:
            self.job.trace("write.target", request)
            raise AssertionFailed(f"{request} sets {range_} in the bitmap of zeroes")

    def _settle(self, operation: Operation, *, failed: bool, marks: bool = False) -> None:
        """Leave: what has failed is dirty again."""
        job, request, chunks = self.job, operation.owner, operation.chunks
        job.writes -= 1
        differ = job.writes == 0 and job.synced and not failed and (marks or job.is_dirty())
        if failed or marks:
            job.dirty.set(chunks)
        if failed:
            job.synced = False
        job.busy.reset(chunks)
        job.operations.unlink(operation)
        job.trace("write.settle", request)
        if differ:
            raise AssertionFailed("both disks are taken for the same, and something is dirty")

    # -- not copied

    def _uncopied(self, request: Request, data: bytes, *, zeroes: bool) -> None:
        job, chunks = self.job, self.job.chunks(request.extent)
        if not self.has.checks and job.state == "unborn":
            job.trace("write.pass", request)
            raise AssertionFailed(f"{request} uses a job that is not there")
        job.step("write.pass", request)
        failed = None
        try:
            job.source.write("write.source", request, request.extent, data)
        except OSError as error:
            failed = error
            job.step("write.source.fail", request)
        else:
            self._in_source(request, zeroes=zeroes)
        if self._marks():
            job.dirty.set(chunks)
            if self.has.marks == "filter":
                job.synced = False
        job.trace("write.mark", request)
        if failed is not None:
            raise failed

    def _marks(self) -> bool:
        """Tell whether what is not copied is marked dirty when it returns."""
        there = self.job.state != "unborn"
        if self.has.marks == "filter":
            return there if self.has.marks_until_seen else self.sees_job
        return there and (self.has.marks == "source" or not self.job.blocking)
