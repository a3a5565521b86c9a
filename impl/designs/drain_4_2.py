"""Drained sections of QEMU 4.2, on its stack."""

from __future__ import annotations

from cowpath.impl.designs.block_copy_4_2 import BlockCopy42Design
from cowpath.impl.drain import Drains


class Drain42(Drains, BlockCopy42Design):
    """Who is queued stays counted."""

    name = "drain-4.2"
    parks_counted = True
    wakes_counted = False
