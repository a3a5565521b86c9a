"""QEMU 7.1 - 9.0: on-cbw-error and cbw-timeout; a client's discard must be of whole clusters."""

from cowpath.model.designs.copy_before_write_9_1 import DESIGN as COPY_BEFORE_WRITE_9_1
from cowpath.model.stack.discard_source import DiscardSource
from cowpath.model.stack.snapshot_access import ClientDiscards
from cowpath.model.stack.wellformed import BREAKS_THE_WRITE, NO_DISCARD

DESIGN = COPY_BEFORE_WRITE_9_1.changed(
    "copy-before-write-7.1",
    ClientDiscards(rounds=False),
    without=(DiscardSource,),
    scope=(BREAKS_THE_WRITE, NO_DISCARD),
    era="QEMU 7.1 - 9.0, for fleecing",
    explanation=(
        "As in 9.1, but that a client's discard is taken as it comes: one that does not end where clusters "
        "do trips an assertion of the bitmap. A backup that reads the snapshot has no discard-source yet."
    ),
    sources=(
        "507175197b (9.1), which rounds inwards",
        "block/copy-before-write.c cbw_co_pdiscard_snapshot, 9.0",
    ),
)
