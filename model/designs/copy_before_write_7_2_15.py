"""QEMU 7.2.15 and later stable releases of that branch: frozen reads may overlap."""

from cowpath.model.designs.copy_before_write_7_1 import DESIGN as COPY_BEFORE_WRITE_7_1
from cowpath.model.stack.snapshot_access import SnapshotReads

DESIGN = COPY_BEFORE_WRITE_7_1.changed(
    "copy-before-write-7.2.15",
    SnapshotReads(),
    era="QEMU 7.2.15 and later stable releases of 7.2, for fleecing",
    explanation=(
        "As in 7.1, but that frozen reads may overlap: the repair of 9.2 came to this branch, that of 9.1 "
        "for discards did not."
    ),
    sources=("6475155d51 (9.2) as backported; seen on Debian's 7.2.22",),
)
