"""QEMU 5.0: replication with its ends; it keeps a pointer to its job."""

from __future__ import annotations

from cowpath.impl.commit import Commits
from cowpath.impl.designs.block_copy_5_0 import BlockCopy50


class Replication50(Commits, BlockCopy50):
    """The job that has ended is cancelled once more."""

    name = "replication-5.0"
    forgets_job = False
