"""Replication's own state, above its backup job: several ends of it, and what comes after them.

Source: block/replication.c replication_stop, replication_do_checkpoint, replication_close (5.0, 5.1).
"""

from __future__ import annotations

from cowpath.impl.context import Request
from cowpath.impl.design import Design
from cowpath.impl.errors import LifetimeError


class Replication(Design):
    """To be put before a design. `forgets_job`: when that has ended; `ignores`: what comes after the end."""

    forgets_job = True
    ignores = True
    committing = False  # a failover has a commit under way
    commit_failed = False

    def exit(self, request: Request) -> None:
        """End QEMU: cancel all jobs, then close replication (job_cancel_sync_all, replication_close)."""
        with self.context:
            with self.drained(request):
                self.job.become("freed")
                self.commit_failed = self.commit_failed or self.committing
                self.committing = False
            self.context.step("exit.cancel", request)
            if self.replicating:
                self._cancel_again()
            self.replicating = False
            self.context.trace("exit.close", request)

    def _stop_again(self, request: Request) -> None:
        if self.replicating:
            self._cancel_again()
            self.replicating = False
            self.context.trace("stop.late", request)
        elif self._has_ended:
            self.context.trace("stop.ignored", request)
        else:
            super()._stop_again(request)

    def _checkpoint_without_job(self, request: Request) -> None:
        if self.replicating or self.commit_failed:
            self._cancel_again()
        if not self._has_ended:
            super()._checkpoint_without_job(request)
        self.context.trace("checkpoint.ignored", request)

    @property
    def _has_ended(self) -> bool:
        """Whether what comes now is ignored: it was stopped, or has failed over and not in vain."""
        return self.ignores and not self.replicating and not self.commit_failed

    def _cancel_again(self) -> None:
        """Use the job that has ended, if it is not forgotten."""
        if not self.forgets_job:
            raise LifetimeError("replication uses its job, which others have cancelled")
