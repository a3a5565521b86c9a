"""What is claimed of every design."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from cowpath.model.language.expression import Expr, coerce, exists, forall
from cowpath.model.language.sorts import BOOL
from cowpath.model.language.system import State, System
from cowpath.model.stack import overlay, protocol, replication, writes
from cowpath.model.stack.world import Cluster, Request, Sector, at, in_flight, is_kind, is_write

MEANING = {
    "snapshot": "a guest read returns the snapshot's value, or the guest's own data",
    "guest-write": "a guest write leaves the rest of its cluster as the snapshot has it",
    "write-through": "a completed write is on the disk, and no write-back undoes another's",
    "deadlock": "no request waits in a cycle, and nobody is stuck",
    "progress": "every request that is under way completes, whatever keeps arriving",
    "lifetime": "the job is not used after it is freed, nor looked for when it is gone",
    "assertion": "QEMU's own assertions hold",
    "concurrency": "two overlapping guest reads can be inside together (reachability)",
    "concurrency-done": "a guest read of copied clusters is kept out by nobody",
}
STANDARD = ("snapshot", "guest-write", "write-through", "deadlock", "progress", "lifetime", "assertion")


def asked(names: Sequence[str]) -> tuple[str, ...]:
    """Return the properties that are meant: `concurrency` has two halves, and none named are the standard."""
    halves = {"concurrency": ("concurrency", "concurrency-done")}
    return tuple(dict.fromkeys(name for n in names for name in halves.get(n, (n,)))) or STANDARD


def declare(system: System, *asserts: Callable[[State], Expr]) -> None:
    """Add the properties (`deadlock` is the engines' own) and what counts as finished.

    Progress is claimed of I/O alone: a checkpoint and a stop drain, which keeps newcomers out.

    `asserts`: what the design's own parts assert, beside the tracked lists.
    """
    system.terminal(Request, lambda s, r: at(s, r, "done", "failed") | (s.stream[r] & at(s, r, "idle")))
    system.progress(Request, lambda s, r: in_flight(s, r))
    system.sometimes("finished", lambda s: forall(Request, lambda r: at(s, r, "done", "failed")))
    system.always("snapshot", lambda s: forall(Request, lambda r: ~s.wrong_value[r]))
    system.always("guest-write", lambda s: forall(Request, lambda r: ~s.wrong_fill[r]))
    system.always("write-through", _write_through)
    system.always("lifetime", lambda s: forall(Request, lambda r: ~s.use_after_free[r]))
    system.always("assertion", _together(writes.asserts, protocol.asserts, *asserts))
    system.sometimes(
        "concurrency",
        lambda s: exists(Request, lambda r: exists(Request, lambda q: overlay.both_inside(s, r, q))),
    )
    system.always("concurrency-done", lambda s: ~exists(Request, lambda r: _refused(system, s, r)))


def _together(*claims: Callable[[State], Expr]) -> Callable[[State], Expr]:
    def claim(s: State) -> Expr:
        first, *others = (claim(s) for claim in claims)
        for other in others:
            first = first & other
        return first

    return claim


def _refused(system: System, s: State, r: Expr) -> Expr:
    """Tell whether a guest read of copied clusters only is kept out, on one of the lists the design has."""
    waits = coerce(False, BOOL)
    for variable, kept_out in (("cow_request", replication.kept_out), ("hidden_tracked", overlay.kept_out)):
        if variable in system.variables:
            waits = waits | kept_out(s, r)

    def copied(k: Expr) -> Expr:
        own = (s.first[r] <= k) & (k < s.end[r])
        return own.implies(s.done[k] & s.in_hidden[k])

    return is_kind(s, r, "guest-read") & forall(Cluster, copied) & waits


def _write_through(s: State) -> Expr:
    """No write-back was stale; what a completed write covers holds its data or another writer's."""

    def written(r: Expr, x: Expr) -> Expr:
        by_another = exists(Request, lambda q: (s.secondary[x] == q) & s.covers[q, x] & is_write(s, q))
        return by_another | ~(is_write(s, r) & at(s, r, "done") & s.covers[r, x])

    stale = exists(Request, lambda r: s.stale_write_back[r])
    return ~stale & forall(Request, lambda r: forall(Sector, lambda x: written(r, x)))
