"""A cluster's life: clean, being copied, done, overwritten; and what should not be."""

from __future__ import annotations

from cowpath.model.language.expression import Expr, exists
from cowpath.model.language.system import State
from cowpath.model.stack.world import COPYING, UNWRITTEN, Request, Sector

STAGES = {
    "clean": "as the snapshot has it, not copied",
    "being copied": "a copy of it is under way",
    "done": "copied, not overwritten",
    "overwritten": "copied, then overwritten",
    "overwritten while being copied": "overwritten before its copy has ended",
    "overwritten uncopied": "overwritten, and no copy was made",
}


def stage(*, copying: bool, done: bool, changed: bool) -> str:
    """Return the stage at which a cluster is, by what is true of it."""
    if copying:
        return "overwritten while being copied" if changed else "being copied"
    if changed:
        return "overwritten" if done else "overwritten uncopied"
    return "done" if done else "clean"


def copying(s: State, k: Expr) -> Expr:
    """Tell whether somebody is copying cluster k."""
    return exists(Request, lambda r: s.within(r, UNWRITTEN, COPYING) & (s.at[r] <= k) & (k < s.upto[r]))


def changed(s: State, k: Expr) -> Expr:
    """Tell whether the secondary disk has other data in cluster k than the snapshot."""
    return exists(Sector, lambda x: (s.cluster_of[x] == k) & (s.secondary[x] != s.epoch[x]))
