"""QEMU 7.0: the first filter with snapshot-access, without on-cbw-error and cbw-timeout."""

from cowpath.model.designs.copy_before_write_7_1 import DESIGN as COPY_BEFORE_WRITE_7_1
from cowpath.model.stack.copy_pool import PooledCopies

DESIGN = COPY_BEFORE_WRITE_7_1.changed(
    "copy-before-write-7.0",
    PooledCopies(returns="copy-returned"),
    era="QEMU 7.0, for fleecing",
    explanation=(
        "As in 7.1, but that a copy that fails always breaks its write: there is no on-cbw-error yet, so "
        "the snapshot is never broken. Nor is there a cbw-timeout: a write waits for its copy for ever."
    ),
    sources=('af5bcd775f "block: copy-before-write: realize snapshot-access API", 7.0',),
)
