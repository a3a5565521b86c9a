"""What is claimed of every design."""

from __future__ import annotations

from collections.abc import Callable

from model.language.expression import Expr, exists, forall
from model.language.system import State, System
from model.stack import overlay, protocol, writes
from model.stack.world import Request, Sector, at, is_write

MEANING = {
    "snapshot": "a guest read returns the snapshot's value, or the guest's own data",
    "guest-write": "a guest write leaves the rest of its cluster as the snapshot has it",
    "write-through": "a completed write is on the disk, and no write-back undoes another's",
    "deadlock": "no request waits in a cycle, and nobody is stuck",
    "lifetime": "the job is not used after it is freed, nor looked for when it is gone",
    "assertion": "QEMU's own assertions hold",
    "concurrency": "two overlapping guest reads can be inside at the same time (reachability)",
}
STANDARD = ("snapshot", "guest-write", "write-through", "deadlock", "lifetime", "assertion")


def declare(system: System, *asserts: Callable[[State], Expr]) -> None:
    """Add the properties (`deadlock` is the engines' own) and what counts as finished.

    `asserts`: what the design's own parts assert, beside the tracked lists.
    """
    system.terminal(Request, lambda s, r: at(s, r, "done", "failed"))
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


def _together(*claims: Callable[[State], Expr]) -> Callable[[State], Expr]:
    def claim(s: State) -> Expr:
        first, *others = (claim(s) for claim in claims)
        for other in others:
            first = first & other
        return first

    return claim


def _write_through(s: State) -> Expr:
    """No write-back was stale; what a completed write covers holds its data or another writer's."""

    def written(r: Expr, x: Expr) -> Expr:
        by_another = exists(Request, lambda q: (s.secondary[x] == q) & s.covers[q, x] & is_write(s, q))
        return by_another | ~(is_write(s, r) & at(s, r, "done") & s.covers[r, x])

    stale = exists(Request, lambda r: s.stale_write_back[r])
    return ~stale & forall(Request, lambda r: forall(Sector, lambda x: written(r, x)))
