"""QEMU 7.1 - 9.0: a client's discard must be of whole clusters (util/hbitmap.c hbitmap_reset)."""

from __future__ import annotations

from cowpath.impl.designs.copy_before_write_9_1 import CopyBeforeWrite91


class CopyBeforeWrite71(CopyBeforeWrite91):
    """As 9.1, with the assertion of the bitmap, and without discard-source."""

    name = "copy-before-write-7.1"
    discards_round = False
    discards_source = False
