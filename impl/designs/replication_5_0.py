"""QEMU 5.0: replication with its ends; it keeps a pointer to its job."""

from __future__ import annotations

from cowpath.impl.designs.block_copy_5_0 import BlockCopy50
from cowpath.impl.drain import Drains
from cowpath.impl.replication import Replication


class Replication50(Replication, Drains, BlockCopy50):
    """The job that has ended is cancelled once more."""

    name = "replication-5.0"
    forgets_job = False
