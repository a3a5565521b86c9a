"""QEMU 5.1 on: replication-5.1 but for a guest's writes, a task for each run of clusters of both sorts."""

from cowpath.model.designs.replication_5_1 import DESIGN as REPLICATION_5_1
from cowpath.model.stack.checkpoint import Checkpoint
from cowpath.model.stack.guest_tasks import GuestTasks

DESIGN = REPLICATION_5_1.changed(
    "replication-5.1-tasks",
    GuestTasks(),
    Checkpoint(keeps_data=True),
    order=tuple(
        name
        for level in REPLICATION_5_1.order
        for name in (("the tasks of a guest write", level) if level == "the pieces of a read" else (level,))
    ),
    era="QEMU 5.1 - today, replication and its ends, with a guest's writes in tasks",
    explanation=(
        "As replication-5.1. A guest's write takes mapped and new clusters together where they follow one "
        "another in the active disk's file: it writes its data at once, and then reads, writes and links "
        "what the new ones lack, the last of them first. It cuts a run where another is allocating, and "
        "writes it as a task while it waits for that. What a checkpoint throws away stays in the "
        "file, for who has looked it up. By this model a real QEMU is judged; it has no threads."
    ),
    sources=(
        "block/qcow2.c qcow2_co_pwritev_part, qcow2_co_pwritev_task, qcow2_handle_l2meta, 4.2",
        "block/qcow2-cluster.c qcow2_alloc_host_offset, perform_cow, 5.1",
        "block/qcow2-cluster.c qcow2_cluster_discard, 5.1",
    ),
)
