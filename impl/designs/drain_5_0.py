"""Drained sections of QEMU 5.0, on its stack."""

from __future__ import annotations

from cowpath.impl.designs.block_copy_5_0 import BlockCopy50
from cowpath.impl.drain import Drains


class Drain50(Drains, BlockCopy50):
    """Who is woken counts itself, later."""

    name = "drain-5.0"
    wakes_counted = False
