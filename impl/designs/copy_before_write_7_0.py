"""QEMU 7.0: the filter without on-cbw-error and cbw-timeout."""

from __future__ import annotations

from cowpath.impl.designs.copy_before_write_7_1 import CopyBeforeWrite71


class CopyBeforeWrite70(CopyBeforeWrite71):
    """As 7.1, but that a failed copy always breaks its write, which waits for its copy for ever."""

    name = "copy-before-write-7.0"
    breaks_snapshot = False
    times_out = False
