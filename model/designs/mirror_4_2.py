"""QEMU 4.2: an active write leaves dirty what it has written in part only."""

from cowpath.model.designs.mirror_3_0 import DESIGN as MIRROR_3_0
from cowpath.model.stack.mirror.active import ActiveWrites

DESIGN = MIRROR_3_0.changed(
    "mirror-4.2",
    ActiveWrites(),
    era="QEMU 4.2",
    explanation=(
        "A ragged end of a write in a dirty chunk is left to the background, and only whole chunks become "
        "clean. The bitmap on the source is disabled where writes are copied. (4.1 made small writes "
        "read-modify-writes of whole chunks instead.)"
    ),
    sources=(
        'dbdf699cad "block/mirror: simplify do_sync_target_write", 4.2',
        '994b44ab20 "Revert mirror: Only mirror granularity-aligned chunks", 4.2',
        "block/mirror.c do_sync_target_write, 4.2",
    ),
)
