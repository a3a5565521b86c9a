"""QEMU 5.0: a filter above the secondary disk copies before the write enters it."""

from cowpath.model.designs.block_copy_4_2 import DESIGN as BLOCK_COPY_4_2
from cowpath.model.stack.block_copy import BlockCopy50
from cowpath.model.stack.job_end import FilterEnd

DESIGN = BLOCK_COPY_4_2.changed(
    "block-copy-5.0",
    BlockCopy50(),
    FilterEnd(),
    era="QEMU 5.0",
    explanation=(
        "Only the extent that is being copied is in the list, and it may shrink when its block status is "
        "known. Who finds nothing dirty waits for one of the copies in flight in its range to end or shrink, "
        "and looks again; a failed copy makes its clusters dirty again, for the next to retry. The filter is "
        "drained before the state is freed."
    ),
    sources=(
        '5332e5d210 "block/block-copy: refactor interfaces to use bytes instead of end", 5.0',
        "block/block-copy.c block_copy, block_copy_dirty_clusters, 5.0",
        "503ca1262b, 5.0",
    ),
)
