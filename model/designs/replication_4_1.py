"""QEMU 4.1: replication with its ends; it keeps a pointer to its job, and ignores nothing."""

from cowpath.model.designs.fleecing_4_1 import DESIGN as FLEECING_4_1
from cowpath.model.stack.replication import NotifierReplication

DESIGN = FLEECING_4_1.changed(
    "replication-4.1",
    NotifierReplication(forgets_job=False, ignores=False),
    era="QEMU 4.1, replication and its ends",
    explanation=(
        "Replication has a state of its own above the job of 4.1, to which it keeps a pointer. A stop or a "
        "checkpoint after its end is an error. The exit of QEMU cancels all jobs, and then closes "
        "replication, which still counts as running and cancels its job once more: that has been freed. "
        "Left out: the commit at a failover; drained sections, which are drain-4.1's."
    ),
    sources=(
        "block/replication.c replication_stop, replication_close, backup_job_completed, 4.1",
        "08ddb4eb6d (5.0), e140f4b7b8 (5.1) for what is wrong with it",
    ),
)
