"""The RFC of 18 May 2016: the reader takes a CowRequest in the job's list around its read."""

from cowpath.model.designs.unserialised import DESIGN as UNSERIALISED
from cowpath.model.stack.admission import ProtectedAdmission

_SKETCH = "RFC of 18 May 2016, xxx_co_readv; block/backup.c backup_cow_request_begin"

DESIGN = UNSERIALISED.changed(
    "rfc-2016",
    # The sketch fetches the job once and goes on using it after the wait.
    ProtectedAdmission("guest-read", source=_SKETCH),
    era="RFC of 18 May 2016; merged, slightly changed, in 2.8",
    explanation=(
        "Readers and copies share one list and one rule: any two overlapping CowRequests exclude each other, "
        "two readers included. A reader holds its request from before the look-up until its data are read. "
        "Its read of the secondary disk is a plain one, so it also obeys that node's tracked requests; a "
        "guest write, which may read the same data to fill a cluster, takes no request."
    ),
    sources=(
        "seed: [RFC] backup: export interfaces for extra serialization, Changlong Xie",
        "block/backup.c wait_for_overlapping_requests, cow_request_begin, cow_request_end, 2.6",
    ),
)
