"""QEMU 2.10 to 2.12: CowRequests, and one read for what a small guest write leaves of a cluster."""

from __future__ import annotations

from cowpath.impl.designs.merged_2_8 import Merged28


class Merged210(Merged28):
    """Head and tail read at once (block/qcow2-cluster.c perform_cow, 2.10)."""

    name = "merged-2.10"
    merges_reads = True
