"""The smallest change to the RFC with which all properties hold: five, each needed."""

from __future__ import annotations

from cowpath.impl.context import Request
from cowpath.impl.designs.rfc_2016 import Rfc2016


class RfcRepaired(Rfc2016):
    """NO_SERIALISING reads are nobody's conflict, the guest's are such; guest writes take a CowRequest too;
    the checkpoint and the freeing of the job run drained.
    """

    name = "rfc-repaired"
    guest_reads_wait = False
    lists_unserialised = False
    checkpoint_drains = True
    stop_drains = True

    def _guest_write(self, request: Request, data: bytes) -> None:
        with self._ending(request, "guest"), self._admitted(request, "guest"):
            self.active.write(request, data)
