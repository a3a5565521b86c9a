"""What mends the mirror of 8.2, and two more changes: with them all but convergence holds in 10.1's, too."""

from typing import Any

from cowpath.model.designs.design import Change, Design
from cowpath.model.designs.mirror_repaired import TOLD as BEFORE
from cowpath.model.designs.mirror_repaired import repaired as repaired_before
from cowpath.model.stack.mirror.zero_bitmap import ZeroBitmap

TOLD = {
    "checks_range": (
        "bits are set only if a write of zeroes fills a chunk (4a7b1bd18d, 2026)",
        "`assertion` falls: zeroes that touch no end of a chunk end QEMU",
    ),
    "heeds_backing": (
        "where what is behind the target is not open, no chunk counts as zero at the start",
        "`mirror-equal` falls: a guest's zeroes are not written, and what is behind the target is seen",
    ),
}
"""What each change to the zero bitmap does, and what falls without it."""


def repaired(name: str, without: str = "", **told: Any) -> Design:
    """Return 10.1 with all changes but one, to see whether it is needed; none named: with all."""
    bitmap = ZeroBitmap(**{change: change != without for change in TOLD})
    return repaired_before(name, without).changed(name, bitmap, **told)


DESIGN = repaired(
    "mirror-10.1-repaired",
    changes=tuple(Change((), does, falls) for does, falls in (*BEFORE.values(), *TOLD.values())),
    era="never shipped; found with this checker",
    explanation="The mirror of 10.1 with the changes of mirror-repaired, and two more for its zero bitmap.",
    sources=("block/mirror.c, 10.1",),
)
