"""QEMU 9.2 on: the copy-before-write filter with snapshot-access; no chain of overlays is above it."""

from __future__ import annotations

import errno

from cowpath.impl.context import AioContext, Request
from cowpath.impl.copy_before_write import CopyBeforeWrite
from cowpath.impl.design import Design, Disks, Flight, Geometry


class CopyBeforeWrite92(Design):
    """Two clients of one filter: writers above it, readers of the snapshot beside them."""

    name = "copy-before-write-9.2"
    breaks_snapshot = True
    times_out = True
    discards_source = True
    frozen_may_overlap = True
    discards_round = True
    job: CopyBeforeWrite

    def __init__(self, context: AioContext, disks: Disks, geometry: Geometry) -> None:
        super().__init__(context, disks, geometry)
        self.job = CopyBeforeWrite(
            context,
            self.secondary,
            self.hidden,
            geometry.cluster,
            break_snapshot=geometry.break_snapshot and self.breaks_snapshot,
            timeout=geometry.cbw_timeout if self.times_out else 0.0,
            discard_source=geometry.discard_source and self.discards_source,
            frozen_may_overlap=self.frozen_may_overlap,
            discards_round=self.discards_round,
            outside_bitmap=geometry.outside_bitmap,
        )

    def client_discard(self, request: Request) -> None:
        """Give up what the snapshot's client needs no more. Raises OSError."""
        with Flight(self, request):
            self.job.discard(request)

    def status_query(self, request: Request) -> None:
        """Ask for the block status of the snapshot. Raises OSError."""
        with Flight(self, request):
            self.job.status(request)

    def _write(self, request: Request) -> None:
        self.job.before_write(request)
        self.secondary.write(request, None)

    def _guest_read(self, request: Request) -> bytes:
        return self.job.read(request)

    def _guest_write(self, request: Request, data: bytes) -> None:
        raise OSError(errno.EROFS, "a snapshot cannot be written to")

    def checkpoint(self, request: Request, *, quiesced: bool = True) -> None:
        """Refuse: a snapshot is taken by making the filter. Raises OSError."""
        raise OSError(errno.ENOTSUP, f"{self.name} has no checkpoint")

    def _stop(self, request: Request, drained: bool) -> None:
        raise OSError(errno.ENOTSUP, f"{self.name} has no job to end")
