"""QEMU 4.2: replication with its ends, above the filter; a pointer to its job, and nothing ignored."""

from cowpath.model.designs.block_copy_4_2 import DESIGN as BLOCK_COPY_4_2
from cowpath.model.stack.replication import FilterReplication

DESIGN = BLOCK_COPY_4_2.changed(
    "replication-4.2",
    FilterReplication(frees_first=True, forgets_job=False, ignores=False),
    era="QEMU 4.2, replication and its ends",
    explanation=(
        "As in 4.1, above the filter of 4.2, whose state is freed before the filter is drained. Left out: "
        "the commit at a failover; drained sections, which are drain-4.2's, and may hang."
    ),
    sources=(
        "block/replication.c replication_stop, replication_close, backup_job_completed, 4.2",
        "08ddb4eb6d (5.0), e140f4b7b8 (5.1) for what is wrong with it",
    ),
)
