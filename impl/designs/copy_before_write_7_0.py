"""QEMU 7.0 on: the copy-before-write filter with snapshot-access; there is no chain of overlays above it."""

from __future__ import annotations

import errno

from cowpath.impl.context import AioContext, Request
from cowpath.impl.copy_before_write import CopyBeforeWrite
from cowpath.impl.design import Design, Disks, Geometry


class CopyBeforeWrite70(Design):
    """Two clients of one filter: writers above it, readers of the snapshot beside them."""

    name = "copy-before-write-7.0"
    breaks_snapshot = True
    job: CopyBeforeWrite

    def __init__(self, context: AioContext, disks: Disks, geometry: Geometry) -> None:
        super().__init__(context, disks, geometry)
        self.job = CopyBeforeWrite(
            context,
            self.secondary,
            self.hidden,
            geometry.cluster,
            break_snapshot=geometry.break_snapshot,
        )

    def _write(self, request: Request) -> None:
        self.job.before_write(request)
        self.secondary.write(request, None)

    def _guest_read(self, request: Request) -> bytes:
        return self.job.read(request)

    def _guest_write(self, request: Request, data: bytes) -> None:
        raise OSError(errno.EROFS, "a snapshot cannot be written to")

    def checkpoint(self, request: Request, *, quiesced: bool = True) -> None:
        """Refuse: a snapshot is taken by making the filter. Raises OSError."""
        raise OSError(errno.ENOTSUP, "copy-before-write-7.0 has no checkpoint")

    def _stop(self, request: Request, drained: bool) -> None:
        raise OSError(errno.ENOTSUP, "copy-before-write-7.0 has no job to end")
