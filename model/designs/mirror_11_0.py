"""QEMU 11.0: zeroes within a chunk end nothing, and a write at the job's start is noted."""

from cowpath.model.designs.mirror_10_1 import DESIGN as MIRROR_10_1
from cowpath.model.stack.mirror.active import ActiveWrites
from cowpath.model.stack.mirror.wellformed import (
    AMPLE,
    FILLING,
    NO_ZEROES,
    NOT_COPIED_AT_START,
    ONE_MODE,
    UNPAUSED,
    UNROUNDED,
)
from cowpath.model.stack.mirror.zero_bitmap import ZeroBitmap

DESIGN = MIRROR_10_1.changed(
    "mirror-11.0",
    ZeroBitmap(checks_range=True),
    ActiveWrites(skips_parked=True, marks="filter", marks_until_seen=True),
    scope=(AMPLE, NOT_COPIED_AT_START, UNPAUSED, ONE_MODE, UNROUNDED, FILLING, NO_ZEROES),
    era="QEMU 11.0 - 11.1",
    explanation=(
        "As in 10.1, but that zeroes that touch no end of a chunk are let pass, and a write that comes "
        "before the job has its lists makes its chunks dirty. The source was not read whole: these two "
        "changes are of the record, and 11.1.3 was run."
    ),
    sources=("4a7b1bd18d, January 2026", "949a156773, February 2026"),
)
