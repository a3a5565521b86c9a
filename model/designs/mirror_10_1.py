"""QEMU 10.1: the job knows which chunks of the target are zero, and writes no zeroes there."""

from cowpath.model.designs.mirror_8_2 import DESIGN as MIRROR_8_2
from cowpath.model.stack.mirror.wellformed import NO_ZEROES
from cowpath.model.stack.mirror.zero_bitmap import ZeroBitmap

DESIGN = MIRROR_8_2.changed(
    "mirror-10.1",
    ZeroBitmap(),
    scope=(*MIRROR_8_2.scope, NO_ZEROES),
    era="QEMU 10.1 - 10.2",
    explanation=(
        "A bitmap says which chunks of the target read as zeroes; a guest's or the background's zeroes are "
        "not written there. Its bits are set at the start where the target reads as zeroes, though what is "
        "behind it may not be open yet; and a copy that is rounded to the target's clusters clears only the "
        "bits of what it was asked to copy. Zeroes that touch no end of a chunk end QEMU."
    ),
    sources=('7e277545b9 "mirror: Skip writing zeroes when target is already zero", 10.1',),
)
