"""QEMU 2.10 to 2.12: a small guest write reads what lies before and behind it at once."""

from cowpath.model.designs.merged_2_8 import DESIGN as MERGED_2_8
from cowpath.model.stack.guest_writes import GuestWrites

DESIGN = MERGED_2_8.changed(
    "merged-2.10",
    GuestWrites(merges=True),
    era="QEMU 2.10 - 2.12, for replication",
    explanation=(
        "As in 2.8, but that a small guest write into a new cluster reads what it leaves of it in one read, "
        "not its head and then its tail."
    ),
    sources=("block/qcow2-cluster.c perform_cow, 2.10",),
)
