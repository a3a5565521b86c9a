"""QEMU 3.0 and 3.1: CowRequests, and serialising writes to the target as well."""

from __future__ import annotations

from cowpath.impl.designs.merged_2_10 import Merged210


class Merged30(Merged210):
    """The flag on the target's writes (f8d59dfb40, 3.0); and copy offload."""

    name = "merged-3.0"
    target_serialises = True
    offloads = "rest"
