"""QEMU 9.1: frozen reads must not overlap yet; a client's discard is rounded."""

from cowpath.model.designs.copy_before_write_9_2 import DESIGN as COPY_BEFORE_WRITE_9_2
from cowpath.model.stack.snapshot_access import SnapshotReads

DESIGN = COPY_BEFORE_WRITE_9_2.changed(
    "copy-before-write-9.1",
    SnapshotReads(may_overlap=False),
    era="QEMU 9.1, for fleecing",
    explanation=(
        "As from 9.2 on, but that two reads of the snapshot that meet on a part not copied yet trip an "
        "assertion: the list of frozen reads takes no two that overlap."
    ),
    sources=('6475155d51 "block/reqlist: allow adding overlapping requests", 9.2',),
)
