"""QEMU 2.7: a discard on the source is copied before, as a write is."""

from cowpath.model.designs.unserialised import DESIGN as UNSERIALISED
from cowpath.model.stack.source_discards import SourceDiscards
from cowpath.model.stack.wellformed import ALIGNED, NO_COPY_ON_READ, NO_SOURCE_DISCARD, QUIESCED

DESIGN = UNSERIALISED.changed(
    "unserialised-2.7",
    SourceDiscards(noticed=True, waits=False),
    scope=(ALIGNED, NO_COPY_ON_READ, QUIESCED, NO_SOURCE_DISCARD),
    era="QEMU 2.7 - 2.12, for fleecing; 2.7 for replication",
    explanation=(
        "As without the RFC; a discard on the source runs the notifier, so that its clusters are copied. It "
        "does not wait for serialising requests, as writes do: one that is between its read-modify-write "
        "reads and its write brings back what was discarded."
    ),
    sources=('ec050f77a5 "block: process before_write_notifiers in bdrv_co_discard", 2.7',),
)
