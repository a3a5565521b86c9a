"""QEMU 5.0: replication with its ends; it keeps a pointer to its job."""

from cowpath.model.designs.block_copy_5_0 import DESIGN as BLOCK_COPY_5_0
from cowpath.model.designs.drain_4_1 import LEVELS
from cowpath.model.designs.drain_5_0 import UNQUEUED
from cowpath.model.stack.commit import NO_FAILOVER, Commit
from cowpath.model.stack.drain import Drain
from cowpath.model.stack.replication import FilterReplication

DESIGN = BLOCK_COPY_5_0.changed(
    "replication-5.0",
    Drain(),
    FilterReplication(forgets_job=False),
    Commit(),
    order=(*LEVELS, *BLOCK_COPY_5_0.order),
    scope=(*BLOCK_COPY_5_0.scope, UNQUEUED, NO_FAILOVER),
    theorems=("snapshot", "quiet"),
    era="QEMU 5.0, replication and its ends (the pointer to the job since 4.1)",
    explanation=(
        "Replication has a state of its own: what comes after its end, a stop or a checkpoint, is ignored. "
        "The exit of QEMU cancels all jobs, and then closes replication, which still counts as running and "
        "cancels its job once more: that has been freed. Stop and exit are drained sections, which keep "
        "newcomers out; for a checkpoint COLO stops both machines first. All is in one thread: who is woken "
        "at the end of a section runs at once, so the next one waits for it (else it is drain-5.0). "
        "Undetermined: whether runs end where checkpoints are not quiesced."
    ),
    sources=(
        '08ddb4eb6d "block/replication.c: Ignore requests after failover", 5.0',
        "e140f4b7b8 (5.1) for what is wrong with it",
    ),
)
