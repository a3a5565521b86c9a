"""QEMU 4.2: replication with its ends; it keeps a pointer to its job, and ignores nothing."""

from __future__ import annotations

from cowpath.impl.designs.block_copy_4_2 import BlockCopy42Design
from cowpath.impl.replication import Replication


class Replication42(Replication, BlockCopy42Design):
    """The job that has ended is cancelled once more; what comes after the end is an error."""

    name = "replication-4.2"
    forgets_job = False
    ignores = False
