"""Drained sections of QEMU 5.1 to 10.1, on its stack."""

from __future__ import annotations

from cowpath.impl.designs.block_copy_5_1 import BlockCopy51
from cowpath.impl.drain import Drains


class Drain51(Drains, BlockCopy51):
    """Who is woken counts itself, later."""

    name = "drain-5.1"
    wakes_counted = False
