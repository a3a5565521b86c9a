"""What is claimed of every mirror."""

from __future__ import annotations

from functools import reduce
from operator import and_

from cowpath.model.language.expression import Expr, coerce, exists, forall
from cowpath.model.language.sorts import BOOL
from cowpath.model.language.system import State, System
from cowpath.model.scenarios.vocabulary import CONVERGENCE, PROGRESS, PROPERTIES
from cowpath.model.stack.mirror.job import Commands, Completion
from cowpath.model.stack.mirror.world import (
    ACTIVE,
    BACKGROUND,
    OPERATIONS,
    UNCOPIED,
    WRITES,
    Request,
    Sector,
    has,
)
from cowpath.model.stack.part import Parts


def declare(system: System, parts: Parts) -> None:
    """Add the properties (`deadlock` is the engines' own), and what counts as finished."""
    completion, commands = parts.the(Completion), parts.the(Commands)

    def stays(s: State, r: Expr) -> Expr:
        """Tell whether r may stay where it is for ever."""
        paused = s.is_at(r, "paused", "chosen") & s.to_pause
        job = completion.rests(s, r) | paused | s.is_at(r, "ended")
        asked = (s.is_at(r, "idle") & s.stream[r]) | commands.rejected(s, r, parts)
        return s.is_at(r, "done", "unused") | (BACKGROUND.holds(s, r) & job) | asked

    system.terminal(Request, stays)
    system.progress(
        Request,
        lambda s, r: (
            s.within(r, ACTIVE, UNCOPIED) | ((BACKGROUND.holds(s, r) | OPERATIONS.holds(s, r)) & ~stays(s, r))
        ),
        {
            PROGRESS: lambda s, r: WRITES.holds(s, r) | OPERATIONS.holds(s, r),
            CONVERGENCE: BACKGROUND.holds,
        },
    )
    system.sometimes(
        "finished",
        lambda s: forall(
            Request, lambda r: s.is_at(r, "done") | BACKGROUND.holds(s, r) | s.is_at(r, "unused")
        ),
        means="all requests can come to their end (reachability)",
    )
    system.always("mirror-equal", equal, means=PROPERTIES["mirror-equal"])
    system.always(
        "mirror-order",
        lambda s: forall(Request, lambda r: ~s.misordered[r]),
        means=PROPERTIES["mirror-order"],
    )
    asserts = [claim for part in parts for claim in part.asserts(State(system, None))]
    system.always(
        "assertion",
        lambda s: reduce(and_, asserts, coerce(True, BOOL)),
        means=PROPERTIES["assertion"],
        fatal=True,
    )


def equal(s: State) -> Expr:
    """Source and target are the same where nobody has anything to do; at the end everywhere."""

    def in_hand(c: Expr) -> Expr:
        return exists(Request, lambda q: s.in_hand[q] & has(s, q, c))

    def claimed(x: Expr) -> Expr:
        c = s.chunk_of[x]
        return s.over | (s.begun & ~s.dirty[c] & ~in_hand(c))

    return forall(Sector, lambda x: claimed(x).implies(~s.stale[x] & (s.source[x] == s.target[x])))
