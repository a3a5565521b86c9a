"""QEMU 2.6: a discard on the source runs no before-write notifier."""

from cowpath.model.designs.unserialised import DESIGN as UNSERIALISED
from cowpath.model.stack.source_discards import SourceDiscards
from cowpath.model.stack.wellformed import ALIGNED, NO_COPY_ON_READ, NO_SOURCE_DISCARD, QUIESCED

DESIGN = UNSERIALISED.changed(
    "unserialised-2.6",
    SourceDiscards(noticed=False),
    scope=(ALIGNED, NO_COPY_ON_READ, QUIESCED, NO_SOURCE_DISCARD),
    era="QEMU 2.6",
    explanation=(
        "As without the RFC, on its own tree, where in addition a discard on the source destroys old data "
        "without a copy: only writes run the notifier."
    ),
    sources=('ec050f77a5 "block: process before_write_notifiers in bdrv_co_discard", 2.7',),
)
