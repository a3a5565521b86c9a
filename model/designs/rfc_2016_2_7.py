"""The RFC on the tree of 2.7, where discards on the source run the notifier, too."""

from cowpath.model.designs.rfc_2016 import DESIGN as RFC_2016
from cowpath.model.stack.source_discards import SourceDiscards

DESIGN = RFC_2016.changed(
    "rfc-2016-2.7",
    SourceDiscards(noticed=True),
    era="RFC of 18 May 2016, on the tree of 2.7",
    explanation=(
        "The RFC where a discard on the source makes a copy as a write does, so that readers are protected "
        "from both. That it does not wait for serialising requests, as writes do, is left out."
    ),
    sources=('ec050f77a5 "block: process before_write_notifiers in bdrv_co_discard", 2.7',),
)
