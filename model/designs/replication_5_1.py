"""QEMU 5.1 on: replication with its ends; it forgets its job when that has ended."""

from cowpath.model.designs.block_copy_5_1 import DESIGN as BLOCK_COPY_5_1
from cowpath.model.designs.drain_4_1 import LEVELS
from cowpath.model.designs.drain_5_0 import UNQUEUED
from cowpath.model.stack.commit import NO_FAILOVER, Commit
from cowpath.model.stack.drain import Drain
from cowpath.model.stack.replication import FilterReplication

DESIGN = BLOCK_COPY_5_1.changed(
    "replication-5.1",
    Drain(),
    FilterReplication(),
    Commit(),
    order=(*LEVELS, *BLOCK_COPY_5_1.order),
    scope=(*BLOCK_COPY_5_1.scope, UNQUEUED, NO_FAILOVER),
    theorems=("snapshot", "quiet"),
    era="QEMU 5.1 - today, replication and its ends",
    explanation=(
        "Replication's own state above the filter of 5.1, which copies all that is dirty of a write at once. "
        "It forgets its job when that completes, so nothing is cancelled twice. Checkpoint, stop and exit "
        "are drained sections, in one thread, as in 5.0; a failover commits what the guest has, and where "
        "that fails the guest's writes go past the overlays to what these do not have. That a checkpoint "
        "looks at no requests in flight is the scenario of a checkpoint that nobody quiesced. "
        "Undetermined: whether runs end where checkpoints are not quiesced."
    ),
    sources=(
        'e140f4b7b8 "block/replication.c: Avoid cancelling the job twice", 5.1',
        "block/replication.c replication_stop, replication_do_checkpoint, 5.1",
    ),
)
