"""The RFC as merged: QEMU 2.8 to 3.1."""

from cowpath.model.designs.rfc_2016 import DESIGN as RFC_2016
from cowpath.model.stack.admission import ProtectedAdmission

_READV = "block/replication.c replication_co_readv, 2.8"

DESIGN = RFC_2016.changed(
    "merged-2.8",
    # The job pointer is fetched three times, to test it, to wait and to begin; the wait may yield in between,
    # so begin may find no job where the RFC's sketch would have used a freed one.
    # A guest write takes no CowRequest (replication_co_writev).
    ProtectedAdmission("guest-read", source=_READV),
    era="QEMU 2.8 - 3.1, September 2016 - December 2018",
    explanation=(
        "The RFC's three functions and its usage, in block/replication.c. Its steps are the RFC's: what was "
        "changed on the way (the job's pointer fetched again after the wait, a header guard) turns one "
        "lifetime error into another and changes no verdict. The checkpoint looks neither at requests in "
        "flight nor at the CowRequest list, and relies on COLO having stopped both machines."
    ),
    sources=(
        'a8bbee0edf "Backup: export interfaces for extra serialization", 2.8',
        '29ff789060 "replication: Implement new driver for block replication", 2.8',
        "block/replication.c replication_co_readv, secondary_do_checkpoint, replication_stop, 2.8",
    ),
)
