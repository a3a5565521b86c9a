"""What is claimed of every design."""

from __future__ import annotations

from collections.abc import Callable
from functools import reduce
from operator import and_

from cowpath.model.language.expression import Expr, coerce, exists, forall
from cowpath.model.language.sorts import BOOL
from cowpath.model.language.system import List, State, System
from cowpath.model.scenarios.vocabulary import PROPERTIES, STALL
from cowpath.model.stack.commit import Commit
from cowpath.model.stack.part import Parts
from cowpath.model.stack.pieces import Pieces
from cowpath.model.stack.world import (
    DRAIN,
    OWED,
    PAST_ADMISSION,
    UNBORN,
    Cluster,
    Request,
    Sector,
    in_flight,
    is_kind,
    is_write,
    own,
)

STANDARD = (
    *("snapshot", "guest-write", "write-through"),
    *("deadlock", "progress", "lifetime", "assertion"),
)
"""The properties that are asked of every block stack when none is named; a part may add its own."""


def declare(system: System, parts: Parts) -> None:
    """Add the properties (`deadlock` is the engines' own) and what counts as finished; all actions are there.

    Progress is claimed of I/O alone: a checkpoint and a stop drain, which keeps newcomers out.
    """
    start = system.programs["pc"].start

    def over(s: State, r: Expr) -> Expr:
        return s.is_at(r, "done", "failed") | s.within(r, UNBORN)

    system.terminal(Request, lambda s, r: over(s, r) | (s.stream[r] & s.is_at(r, start)))
    system.progress(Request, lambda s, r: in_flight(s, r) | s.within(r, OWED))
    system.sometimes(
        "finished",
        lambda s: forall(Request, lambda r: over(s, r)),
        means="all requests can come to their end (reachability)",
    )

    def always(
        name: str, formula: Callable[[State], Expr], *, standard: bool = True, fatal: bool = False
    ) -> None:
        system.always(name, formula, means=PROPERTIES[name], standard=standard, fatal=fatal)

    always("snapshot", lambda s: forall(Request, lambda r: ~s.wrong_value[r]))
    always("guest-write", lambda s: forall(Request, lambda r: ~s.wrong_fill[r]))
    always("write-through", lambda s: _write_through(parts, s))
    always("lifetime", lambda s: forall(Request, lambda r: ~s.use_after_free[r]), fatal=True)
    asserts = [part.asserts for part in parts]
    always(
        "assertion",
        lambda s: reduce(and_, [claim for each in asserts for claim in each(s)], coerce(True, BOOL)),
        fatal=True,
    )
    always(STALL, lambda s: forall(Request, lambda r: ~_stalled(system, parts, s, r)), standard=False)
    system.sometimes(
        "concurrency",
        lambda s: exists(Request, lambda r: exists(Request, lambda q: _both_inside(parts, s, r, q))),
        means=PROPERTIES["concurrency"],
    )
    always(
        "concurrency-done",
        lambda s: ~exists(Request, lambda r: _kept_out(system, parts, s, r)),
        standard=False,
    )


def _stalled(system: System, parts: Parts, s: State, r: Expr) -> Expr:
    """Tell whether r waits for another request whose transfer, or a piece's of it, never completes.

    What a request need not wait for is no request of its own.
    """

    def hangs(q: Expr) -> Expr:
        found = system.hangs(q)
        return coerce(False, BOOL) if found is None else found

    def waits(q: Expr) -> Expr:
        drains = is_kind(s, r, "checkpoint", "stop")  # these wait where they begin
        other = hangs(q)
        if parts.has(Pieces):
            other = exists(Request, lambda c: ((c == q) | s.of_one[q, c]) & hangs(c)) & ~s.of_one[r, q]
        return other & (system.waits_for(r, q) | (drains & system.waits_for(r, q, DRAIN, arrived=False)))

    stalled = exists(Request, waits)
    for part in parts:
        if (without := part.goes_on_without(s, r)) is not None:
            stalled = stalled & ~without
    return stalled


def _of_one(parts: Parts, s: State, r: Expr, q: Expr) -> Expr:
    """Tell whether r and q are one request, or pieces of one."""
    return (r == q) | s.of_one[r, q] if parts.has(Pieces) else r == q


def _both_inside(parts: Parts, s: State, r: Expr, q: Expr) -> Expr:
    """Tell whether two overlapping guest reads are past every wait for admission, at the same time."""
    overlap = exists(Sector, lambda x: s.covers[r, x] & s.covers[q, x])
    inside = s.within(r, PAST_ADMISSION) & s.within(q, PAST_ADMISSION)
    apart = ~_of_one(parts, s, r, q)
    return apart & is_kind(s, r, "guest-read") & is_kind(s, q, "guest-read") & overlap & inside


def _kept_out(system: System, parts: Parts, s: State, r: Expr) -> Expr:
    """Tell whether a guest read of copied clusters only waits on a list that keeps readers and copies apart.

    Who waits for whom is what the actions' waits say. Whoever has nothing to do but leave the list keeps
    nobody out: that is over without a yield.
    """

    def copied(k: Expr) -> Expr:
        touched = exists(Request, lambda q: _of_one(parts, s, r, q) & own(s, q, k))
        return touched.implies(s.done[k] & s.in_hidden[k])

    waits = coerce(False, BOOL)
    for waited in (each for part in parts for each in part.keeps_apart(parts)):

        def stays(q: Expr, waited: List = waited) -> Expr:
            edge = system.waits_for(r, q, waited)
            return edge if waited.leaving is None else edge & ~waited.leaving(s, q)

        waits = waits | exists(Request, stays)
    return is_kind(s, r, "guest-read") & forall(Cluster, copied) & waits


def _write_through(parts: Parts, s: State) -> Expr:
    """No write-back was stale; what a completed write covers holds its data or another writer's.

    After a failover not where the guest has data of its own, which are committed over the others'.
    """
    commits = parts.has(Commit)

    def guests(x: Expr) -> Expr:
        return exists(Sector, lambda y: (s.cluster_of[y] == s.cluster_of[x]) & s.kept[y])

    def written(r: Expr, x: Expr) -> Expr:
        by_another = exists(Request, lambda q: (s.secondary[x] == q) & s.covers[q, x] & is_write(s, q))
        found = by_another | ~(is_write(s, r) & s.is_at(r, "done") & s.covers[r, x])
        return found | guests(x) if commits else found

    stale = exists(Request, lambda r: s.stale_write_back[r])
    return ~stale & forall(Request, lambda r: forall(Sector, lambda x: written(r, x)))
