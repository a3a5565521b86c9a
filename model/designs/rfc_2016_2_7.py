"""The RFC on the tree of 2.7, where discards on the source run the notifier, too."""

from cowpath.model.designs.rfc_2016 import DESIGN as RFC_2016
from cowpath.model.stack.source_discards import SourceDiscards
from cowpath.model.stack.wellformed import ALIGNED, NO_COPY_ON_READ, NO_SOURCE_DISCARD, QUIESCED

DESIGN = RFC_2016.changed(
    "rfc-2016-2.7",
    SourceDiscards(noticed=True, waits=False),
    scope=(ALIGNED, NO_COPY_ON_READ, QUIESCED, NO_SOURCE_DISCARD),
    era="RFC of 18 May 2016, on the tree of 2.7",
    explanation=(
        "The RFC where a discard on the source makes a copy as a write does, so that readers are protected "
        "from both. It does not wait for serialising requests, as writes do."
    ),
    sources=('ec050f77a5 "block: process before_write_notifiers in bdrv_co_discard", 2.7',),
)
