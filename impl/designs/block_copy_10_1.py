"""QEMU 10.1 on, for overlay fleecing: a failed copy may break the snapshot (3d3911f16b).

Source: block/copy-before-write.c cbw_do_copy_before_write.
"""

from __future__ import annotations

from cowpath.impl.context import AioContext, Request
from cowpath.impl.design import Disks, Geometry
from cowpath.impl.designs.block_copy_5_1 import BlockCopy51
from cowpath.impl.errors import CopyFailed


class BlockCopy101(BlockCopy51):
    """As 5.1, but that a write may go on uncopied, of which no reader of the overlay is told."""

    name = "block-copy-10.1"
    breaks_snapshot = True

    def __init__(self, context: AioContext, disks: Disks, geometry: Geometry) -> None:
        super().__init__(context, disks, geometry)
        self.snapshot_error = False

    def _write(self, request: Request) -> None:
        self.context.touch("the snapshot", None, False)
        if self.snapshot_error and not self.freed:
            self.context.step("cbw.pass", request)
            self.secondary.write(request, None)
        else:
            super()._write(request)

    def _copy_failed(self, request: Request, error: CopyFailed) -> None:
        if not self.geometry.break_snapshot:
            super()._copy_failed(request, error)
        self.context.step(error.step, request)
        self.context.touch("the snapshot", None, True)
        self.snapshot_error = True
        self.context.step("cbw.break", request)
