"""Before the RFC: readers and copy-before-write do not know each other.

Source: block/backup.c backup_before_write_notify, backup_run; blockjob.c block_job_cancel_sync;
block/replication.c replication_stop (2.6, 2.8).
"""

from __future__ import annotations

from cowpath.impl.backup import BackupJob
from cowpath.impl.context import AioContext, Request
from cowpath.impl.design import Design, Disks, Geometry


class Unserialised(Design):
    """The job's notifier copies inside each write; a guest's request goes straight into the active disk.

    `offloads`: what its job has copied at once where the disks can copy by themselves.
    """

    name = "unserialised"
    stop_drains = False
    offloads = ""
    job_class = BackupJob
    job: BackupJob

    def __init__(self, context: AioContext, disks: Disks, geometry: Geometry) -> None:
        super().__init__(context, disks, geometry)
        self.job = self.job_class(context, self.secondary, self.hidden, geometry.cluster)
        self.job.offloads = self.offloads if geometry.copy_offload else ""

    def _write(self, request: Request) -> None:
        self.secondary.write(request, self.job.before_write_notify)

    def _stop(self, request: Request, drained: bool) -> None:
        self.job.become("ending")  # its notifier is removed
        self.context.step("stop.cancel", request)
        self.job.copies.wait_all(request, self.whole)  # flush_rwlock, for writing
        self.job.become("ended")
        self.context.step("stop.lock", request)
        with self.drained(request, drained or self.stop_drains):
            self.job.become("freed")
            self.context.trace("stop.free", request)
