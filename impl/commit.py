"""The commit at a failover: what the guest has, in active and hidden disk, goes into the secondary disk.

Source: block/replication.c replication_stop, replication_done, replication_co_writev; block/mirror.c
commit_active_start, mirror_run, mirror_exit_common (5.0).
"""

from __future__ import annotations

import errno
from dataclasses import replace

from cowpath.impl.bitmap import Bitmap
from cowpath.impl.context import AioContext, Request
from cowpath.impl.design import Disks, Geometry
from cowpath.impl.drain import Drains
from cowpath.impl.extent import Extent
from cowpath.impl.replication import Replication
from cowpath.impl.reqlist import Entry


class Commits(Replication, Drains):
    """Replication that may fail over, to be put before a design whose job is a filter."""

    def __init__(self, context: AioContext, disks: Disks, geometry: Geometry) -> None:
        super().__init__(context, disks, geometry)
        self.disk = disks.secondary
        self.to_commit = Bitmap(context, "what is to be committed", geometry.cluster)
        self.all = Extent(0, geometry.size)
        self.committed = False
        self.active.hears = self._written

    def failover(self, request: Request) -> None:
        """End the job, and commit what the guest has. Raises OSError if the commit fails or is cancelled."""
        with self.context:
            if self.freed:
                self._failed_over(request)
                return
            with self.drained(request):
                first = not self.freed
                if first:
                    self.job.become("freed")
                    self.replicating, self.committing = False, True
                    for k in self.active.allocated.within(self.all) + self.hidden.allocated.within(self.all):
                        self.to_commit.set(self._cluster(k))
            if first:
                self._commit(request)
            else:
                self._failed_over(request)

    def _failed_over(self, request: Request) -> None:
        if self.commit_failed:
            self.context.trace("failover.refused", request)
            raise OSError(errno.EINVAL, "a failover has failed")
        if self.replicating:
            self._cancel_again()
        self.replicating = False
        self.context.trace("failover.ignored", request)

    # -- the job

    def _commit(self, request: Request) -> None:
        """Copy until nothing is dirty in a drained section; busy, but for pauses and that section."""
        self.context.step("failover.start", request)
        again = True
        while again:
            self.sections.wait_all(request, self.whole)  # a pause point
            busy = self.busy_jobs.add(request, self.whole)
            self.context.step("commit.continue", request)
            while self.committing and not self.sections.entries and not self.to_commit.empty:
                self._copy(request, busy)
            self.busy_jobs.remove(busy)
            if not self.committing:
                self._cancelled(request)
            if self.sections.entries:
                self.context.trace("commit.pause", request)
            else:
                again = self._is_dirty_after_all(request)

    def _copy(self, request: Request, busy: Entry) -> None:
        first, *others = map(self._cluster, self.to_commit.within(self.all))
        while others and self.context.choose(2, f"not from {first}"):
            first, *others = others
        cluster = first
        self.to_commit.reset(cluster)
        self.context.step("commit.take", request, extent=cluster)
        here = self.active.allocated.run(cluster)[0]
        disk, label = (self.active.disk, "active") if here else (self.hidden.disk, "hidden")
        label = f"commit.read-{label}"
        try:
            data = disk.read(label, request, cluster)
            self.context.step(label, request)
            label = "commit.write"
            self.disk.write(label, request, cluster, data)
        except OSError:
            self.to_commit.set(cluster)
            self.busy_jobs.remove(busy)
            self._give_up(request, f"{label}-fails")
            raise
        self.context.step(label, request)

    def _give_up(self, request: Request, step: str) -> None:
        """Leave the chain as it is, in a drained section; replication is told when that is over."""
        with self._section(request, step):
            pass
        self.context.step("commit.give-up", request)
        self.committing, self.commit_failed = False, True
        self.context.trace("commit.failed", request)

    def _is_dirty_after_all(self, request: Request) -> bool:
        """Look again in a drained section, and take the overlays out of the chain if all is committed."""
        with self._section(request, "commit.drain"):
            if not self.committing:
                self._cancelled(request)
            again = not self.to_commit.empty
            if not again:
                self.committing, self.committed = False, True
                self.active.empty()
                self.hidden.empty()
                self.context.trace("commit.end", request)
        if again:
            self.context.step("commit.again", request)
        return again

    def _cancelled(self, request: Request) -> None:
        self.context.trace("commit.cancelled", request)
        raise OSError(errno.ECANCELED, "the commit is cancelled")

    def _cluster(self, k: int) -> Extent:
        return Extent(k * self.geometry.cluster, min((k + 1) * self.geometry.cluster, self.geometry.size))

    # -- the guest

    def _guest_write(self, request: Request, data: bytes) -> None:
        """Write to the secondary disk itself, once all is committed; by extent, if the commit has failed."""
        if self.committed:
            self.context.step("guest.direct", request)
            with self._ending(request, "guest"):
                self._write_below(request, request.extent, data, "guest.direct-write", "guest.direct-fails")
        elif self.commit_failed:
            with self._ending(request, "guest"):
                self._write_by_extent(request, data)
        else:
            super()._guest_write(request, data)

    def _write_by_extent(self, request: Request, data: bytes) -> None:
        """Write to the active disk what an overlay has, a cluster at a time, and the rest below."""
        rest = request.extent
        while rest.start < rest.end:
            here, run = self._above(rest)
            part = data[run.start - request.extent.start : run.end - request.extent.start]
            self.context.step("guest.look-above", request, extent=run, mapped=here)
            if here:
                self.active.write(replace(request, extent=run), part)
            else:
                self._write_below(request, run, part, "guest.beside", "guest.beside-fails")
            rest = Extent(run.end, rest.end)

    def _above(self, rest: Extent) -> tuple[bool, Extent]:
        """Return whether an overlay has the first cluster, and that one, or all up to one that is there."""
        first = Extent(rest.start, self._cluster(rest.start // self.geometry.cluster).common(rest).end)
        maps = (self.active.allocated, self.hidden.allocated)
        if any(there.run(first)[0] for there in maps):
            return True, first
        return False, Extent(rest.start, min(there.run(rest)[1].end for there in maps))

    def _write_below(self, request: Request, extent: Extent, data: bytes, label: str, fails: str) -> None:
        try:
            self.disk.write(label, request, extent, data)
        except OSError:
            self.context.step(fails, request)
            raise
        self.context.step(label, request)

    def _written(self, cluster: Extent) -> None:
        if self.committing:
            self.to_commit.set(cluster)
