"""QEMU 5.1 on: replication with its ends; it forgets its job when that has ended."""

from __future__ import annotations

from cowpath.impl.commit import Commits
from cowpath.impl.designs.block_copy_5_1 import BlockCopy51


class Replication51(Commits, BlockCopy51):
    """The job that has ended is forgotten."""

    name = "replication-5.1"
    forgets_job = True
