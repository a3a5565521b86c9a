"""QEMU 5.1 - 10.2, for replication and overlay fleecing: what is dirty of a write is copied all at once."""

from cowpath.model.designs.block_copy_5_0 import DESIGN as BLOCK_COPY_5_0
from cowpath.model.stack.copy_pool import PooledCopies

DESIGN = BLOCK_COPY_5_0.changed(
    "block-copy-5.1",
    PooledCopies(),
    era="QEMU 5.1 - 10.2, for replication and fleecing through an overlay",
    explanation=(
        "A write over several dirty extents hands the copy of each to a task, takes the next while they are "
        "under way, and waits for all of them before it looks again. A copy that fails stops it from taking "
        "more; the others end and keep what they have copied. Left out: the limits of 64 tasks and of 128 "
        "MiB for what they copy, which delay and never order; and that a guest's write hands its runs to "
        "tasks, too: here they come one after another."
    ),
    sources=(
        '4ce5dd3e9b "block/block-copy: use aio-task-pool API", 5.1',
        "block/block-copy.c block_copy_dirty_clusters, block_copy_task_run, 5.1",
        "block/aio_task.c aio_task_pool_wait_all, 5.1",
    ),
)
