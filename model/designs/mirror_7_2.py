"""QEMU 7.2: the background copies beside active writes."""

from cowpath.model.designs.mirror_6_2 import DESIGN as MIRROR_6_2
from cowpath.model.stack.mirror.background import Background
from cowpath.model.stack.mirror.start import Start

DESIGN = MIRROR_6_2.changed(
    "mirror-7.2",
    Background(),
    Start(checks=True),
    era="QEMU 7.2",
    explanation=(
        "The background waits for writes no more, but where it meets one: a guest that writes all the time "
        "keeps it from nothing. A write that comes before the job is there passes, and is not copied."
    ),
    sources=(
        'd69a879bdf "block/mirror: Do not wait for active writes", 7.2',
        'da93d5c84e "block/mirror: Fix NULL s->job in active writes", 7.2',
    ),
)
