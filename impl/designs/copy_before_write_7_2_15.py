"""QEMU 7.2.15 and later stable releases of that branch: frozen reads may overlap (6475155d51)."""

from __future__ import annotations

from cowpath.impl.designs.copy_before_write_7_1 import CopyBeforeWrite71


class CopyBeforeWrite7215(CopyBeforeWrite71):
    """As 7.1, without the assertion of the list."""

    name = "copy-before-write-7.2.15"
    frozen_may_overlap = True
