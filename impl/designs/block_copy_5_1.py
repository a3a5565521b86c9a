"""QEMU 5.1 on, for replication and overlay fleecing: all that is dirty of a write is copied at once."""

from __future__ import annotations

from cowpath.impl.copy_pool import PooledCopies
from cowpath.impl.designs.block_copy_5_0 import BlockCopy50


class BlockCopy51(BlockCopy50):
    """Another engine."""

    name = "block-copy-5.1"
    engine = PooledCopies
