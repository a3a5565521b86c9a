"""The RFC on its own tree, with discards on the source that nobody notices."""

from cowpath.model.designs.rfc_2016 import DESIGN as RFC_2016
from cowpath.model.stack.source_discards import SourceDiscards
from cowpath.model.stack.wellformed import ALIGNED, NO_COPY_ON_READ, NO_SOURCE_DISCARD, QUIESCED

DESIGN = RFC_2016.changed(
    "rfc-2016-2.6",
    SourceDiscards(noticed=False),
    scope=(ALIGNED, NO_COPY_ON_READ, QUIESCED, NO_SOURCE_DISCARD),
    era="RFC of 18 May 2016, on the tree of 2.6",
    explanation=(
        "The RFC's readers are protected from copies that writes make. A discard on the source makes none in "
        "2.6: it destroys what the snapshot still needs, whatever a reader holds."
    ),
    sources=('ec050f77a5 "block: process before_write_notifiers in bdrv_co_discard", 2.7',),
)
