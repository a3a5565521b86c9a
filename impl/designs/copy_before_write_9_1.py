"""QEMU 9.1: frozen reads must not overlap (block/reqlist.c reqlist_init_req)."""

from __future__ import annotations

from cowpath.impl.designs.copy_before_write_9_2 import CopyBeforeWrite92


class CopyBeforeWrite91(CopyBeforeWrite92):
    """As from 9.2 on, with the assertion of the list."""

    name = "copy-before-write-9.1"
    frozen_may_overlap = False
