"""The RFC as merged: QEMU 2.8 to 3.1."""

from __future__ import annotations

from cowpath.impl.designs.rfc_2016 import Rfc2016
from cowpath.impl.errors import LifetimeError


class Merged28(Rfc2016):
    """A guest's read as in replication_co_readv (2.8), which fetches the job once more after the wait."""

    name = "merged-2.8"

    def _check_after_wait(self) -> None:
        if self.freed:
            raise LifetimeError("there is no job to begin a CowRequest with")
