"""QEMU 5.1 on, where memory and tasks for copies are few."""

from __future__ import annotations

from cowpath.impl.designs.block_copy_5_1 import BlockCopy51
from cowpath.impl.scarce_copies import ScarceCopies


class BlockCopy51Scarce(BlockCopy51):
    """Another engine."""

    name = "block-copy-5.1-scarce"
    engine = ScarceCopies
