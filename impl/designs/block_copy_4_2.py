"""QEMU 4.2: the same filter, with its first engine, whose state is freed before the filter is drained.

Source: block/block-copy.c block_copy (4.2); block/backup.c backup_clean (4.2, repaired by 503ca1262b in 5.0).
"""

from __future__ import annotations

from cowpath.impl.block_copy import BlockCopy42
from cowpath.impl.context import Request
from cowpath.impl.designs.block_copy_5_0 import BlockCopy50


class BlockCopy42Design(BlockCopy50):
    """Another engine, and another order at the end."""

    name = "block-copy-4.2"
    stop_begins_drained = False
    engine = BlockCopy42

    def _stop(self, request: Request, drained: bool) -> None:
        self.job.become("ended")
        self.context.step("stop.free", request)
        with self.drained(request):
            super()._stop(request, drained)
