"""QEMU 10.1 on, for overlay fleecing: blockdev-backup has on-cbw-error."""

from cowpath.model.designs.block_copy_5_1 import DESIGN as BLOCK_COPY_5_1
from cowpath.model.stack.broken_snapshot import BrokenSnapshot
from cowpath.model.stack.copy_pool import PooledCopies
from cowpath.model.stack.wellformed import BREAKS_THE_WRITE

DESIGN = BLOCK_COPY_5_1.changed(
    "block-copy-10.1",
    PooledCopies(breaks_snapshot=True),
    BrokenSnapshot(),
    scope=(*BLOCK_COPY_5_1.scope, BREAKS_THE_WRITE),
    era="QEMU 10.1 on, for fleecing through an overlay",
    explanation=(
        "As from 5.1 on; and a copy that fails may break the snapshot instead of its write. Who reads the "
        "overlay is not told, and reads new data: only a reader through snapshot-access is refused."
    ),
    sources=(
        "3d3911f16b, 10.1",
        "block/copy-before-write.c cbw_do_copy_before_write, 10.1",
    ),
)
