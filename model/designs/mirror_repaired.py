"""The smallest changes to 8.2's mirror with which all but convergence holds in every bundled scenario."""

from typing import Any

from cowpath.model.designs.design import Change, Design
from cowpath.model.designs.mirror_8_2 import DESIGN as MIRROR_8_2
from cowpath.model.stack.mirror.active import ActiveWrites
from cowpath.model.stack.mirror.background import Background
from cowpath.model.stack.mirror.job import Completion
from cowpath.model.stack.mirror.wellformed import AMPLE

TOLD = {
    "looks_again": (
        "when it has been paused with a chunk chosen, the background chooses anew",
        "`mirror-equal` falls: it copies a chunk that a write has in hand by then",
    ),
    "claims_clusters": (
        "the background waits for, and claims, the whole clusters of the target that it is to write",
        "`mirror-equal` and `mirror-order` fall: it overwrites and releases what a write has in hand",
    ),
    "rounds_each_end": (
        "what is copied is rounded to the target's clusters at an end that lies in a new one, not at both",
        "`mirror-equal` falls: two operations of one run take one chunk, and the first to end releases it",
    ),
    "cleans_first": (
        "an active write makes its whole chunks clean before it writes the source, not after",
        "`mirror-equal` falls: it undoes the mark of a write that is not copied and came between",
    ),
    "marks_until_seen": (
        "a write that is not copied marks its chunks as soon as the job exists, seen or not",
        "`mirror-equal` falls: a write under way while the job asks what is allocated is marked by nobody",
    ),
    "spares_new_clusters": (
        "an active write leaves a new cluster of the target that it does not fill to the background",
        "`mirror-equal` falls: what the target fills it with is not what the source has",
    ),
    "looks_after_flush": (
        "after the flush the job takes both for the same only if nothing is dirty",
        "`assertion` falls: what became dirty during the flush ends QEMU at the next write's end",
    ),
}
"""What each change does, and what falls without it."""


def repaired(name: str, without: str = "", **told: Any) -> Design:
    """Return 8.2 with all changes but one, to see whether it is needed; none named: with all."""
    has = {change: change != without for change in TOLD}
    parts = (
        Background(
            looks_again=has["looks_again"],
            claims_clusters=has["claims_clusters"],
            rounds_each_end=has["rounds_each_end"],
        ),
        ActiveWrites(
            skips_parked=True,
            marks="filter",
            cleans_first=has["cleans_first"],
            marks_until_seen=has["marks_until_seen"],
            spares_new_clusters=has["spares_new_clusters"],
        ),
        Completion(syncs_again=True, looks_after_flush=has["looks_after_flush"]),
    )
    return MIRROR_8_2.changed(name, *parts, scope=(AMPLE,), **told)


DESIGN = repaired(
    "mirror-repaired",
    changes=tuple(Change((), does, falls) for does, falls in TOLD.values()),
    era="never shipped; found with this checker",
    explanation=(
        "The mirror of 8.2 with seven changes, each of which is needed. What it leaves as it was is that a "
        "guest whose writes are not copied may keep the background copying for ever."
    ),
    sources=("block/mirror.c, 8.2; 949a156773 (2026) for the marks until the job is seen",),
)
