"""Drained sections of QEMU 10.2, on its stack."""

from __future__ import annotations

from cowpath.impl.designs.block_copy_5_1 import BlockCopy51
from cowpath.impl.drain import Drains


class Drain102(Drains, BlockCopy51):
    """Who wakes counts those whom it wakes."""

    name = "drain-10.2"
