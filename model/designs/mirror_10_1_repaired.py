"""What mends the mirror of 8.2, and one more change: with them all but convergence holds in 10.1's, too."""

from typing import Any

from cowpath.model.designs.design import Change, Design
from cowpath.model.designs.mirror_repaired import TOLD as BEFORE
from cowpath.model.designs.mirror_repaired import repaired as repaired_before
from cowpath.model.stack.mirror.zero_bitmap import ZeroBitmap

TOLD = {
    "heeds_backing": (
        "where what is behind the target is not open, no chunk counts as zero at the start",
        "`mirror-equal` falls: a guest's zeroes are not written, and what is behind the target is seen",
    ),
}
"""What the change to the zero bitmap does, and what falls without it."""


def repaired(name: str, without: str = "", **told: Any) -> Design:
    """Return 10.1 with all changes but one, to see whether it is needed; none named: with all."""
    bitmap = ZeroBitmap(heeds_backing=without != "heeds_backing")
    return repaired_before(name, without).changed(name, bitmap, **told)


DESIGN = repaired(
    "mirror-10.1-repaired",
    changes=tuple(Change((), does, falls) for does, falls in (*BEFORE.values(), *TOLD.values())),
    era="never shipped; found with this checker",
    explanation="The mirror of 10.1 with the changes of mirror-repaired, and one more for its zero bitmap.",
    sources=("block/mirror.c, 10.1",),
)
