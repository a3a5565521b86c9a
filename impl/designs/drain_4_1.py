"""Drained sections of QEMU 4.1, on its stack."""

from __future__ import annotations

from cowpath.impl.designs.merged_2_8 import Merged28
from cowpath.impl.drain import Drains


class Drain41(Drains, Merged28):
    """Newcomers are not kept out."""

    name = "drain-4.1"
    gate = False
