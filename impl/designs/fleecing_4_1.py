"""QEMU 4.1: copy_range stops before what is done already (4a5b91ca02)."""

from __future__ import annotations

from cowpath.impl.context import Request
from cowpath.impl.designs.fleecing_4_0 import Fleecing40


class Fleecing41(Fleecing40):
    """As 4.0, but for what is copied at once."""

    name = "fleecing-4.1"
    offloads = "run"

    def source_discard(self, request: Request) -> None:
        """Discard the request's extent as zeroes are written, which waits as writes do. Raises OSError."""
        self.nbd_write(request)
