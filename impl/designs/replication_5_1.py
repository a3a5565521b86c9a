"""QEMU 5.1 on: replication with its ends; it forgets its job when that has ended."""

from __future__ import annotations

from cowpath.impl.designs.block_copy_5_1 import BlockCopy51
from cowpath.impl.drain import Drains
from cowpath.impl.replication import Replication


class Replication51(Replication, Drains, BlockCopy51):
    """The job that has ended is forgotten."""

    name = "replication-5.1"
    forgets_job = True
