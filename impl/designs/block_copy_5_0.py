"""QEMU 5.0: a filter above the secondary disk copies before the write enters it.

Source: block/backup-top.c backup_top_cbw, bdrv_backup_top_drop; block/backup.c backup_clean (5.0).
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from cowpath.impl.block_copy import BlockCopy
from cowpath.impl.context import AioContext, Request
from cowpath.impl.design import Design, Disks, Geometry
from cowpath.impl.errors import CopyFailed


class BlockCopy50(Design):
    """Writes pass the filter, which is removed in a drained section."""

    name = "block-copy-5.0"
    target_serialises = True
    merges_reads = True
    reads_in_pieces = True
    stop_begins_drained = True
    engine = BlockCopy
    job: BlockCopy

    def __init__(self, context: AioContext, disks: Disks, geometry: Geometry) -> None:
        super().__init__(context, disks, geometry)
        self.job = self.engine(context, self.secondary, self.hidden, geometry.cluster)

    def _write(self, request: Request) -> None:
        if self.freed:
            self.context.step("filter.gone", request)
        else:
            try:
                self.job.block_copy(request)
            except CopyFailed as error:
                self._copy_failed(request, error)
        self.secondary.write(request, None)

    def _copy_failed(self, request: Request, error: CopyFailed) -> None:
        """Fail the write, too. Raises CopyFailed."""
        self.context.trace(error.step, request)
        raise error

    @contextmanager
    def drained(self, request: Request, really: bool = True, *, stays: bool = False) -> Iterator[None]:
        """Drain all that is in flight; at the end the filter alone, which no guest's read passes."""
        if really and not stays and self.stop_begins_drained:
            self.in_flight.wait_all(request, self.whole, lambda entry: not entry.owner.reads)
            yield
        else:
            with super().drained(request, really, stays=stays):
                yield

    def _stop(self, request: Request, drained: bool) -> None:
        self.job.become("freed")
        self.context.trace("stop.remove", request)
