"""A lock, right or wrong, with its argument: small enough to know every answer beforehand."""

from __future__ import annotations

from cowpath.model.language.claim import Level, ProofOutline, claim
from cowpath.model.language.expression import Expr, forall, nobody
from cowpath.model.language.sorts import Index, Int, Maybe
from cowpath.model.language.system import State, System

Request = Index("Request", ordered=False)


def lock(*, tests_holder: bool = True, releases: bool = True, again: bool = False) -> System:
    """A lock with one holder; it may forget to look at the holder, or to let go; who left may come again."""
    system = System("lock")
    system.program(Request, places=("waiting", "inside"), ends=("done",))
    system.variable("holder", sort=Maybe(Request))

    @system.action("come", r=Request)
    def come(s: State, r: Expr) -> None:
        s.require(s.pc[r] == "idle", "at idle", location=True)
        s.pc[r] = "waiting"

    @system.action("enter", r=Request)
    def enter(s: State, r: Expr) -> None:
        s.require(s.pc[r] == "waiting", "at waiting", location=True)
        if tests_holder:
            s.wait_while(Request, lambda q: s.holder == q, on="the lock", held="the lock")
        s.holder = r
        s.pc[r] = "inside"

    @system.action("leave", r=Request)
    def leave(s: State, r: Expr) -> None:
        s.require(s.pc[r] == "inside", "at inside", location=True)
        if releases:
            s.holder = nobody(Request)
        s.pc[r] = "idle" if again else "done"

    system.terminal(Request, lambda s, r: s.pc[r] == "done")
    system.always(
        "alone",
        lambda s: forall(
            Request,
            lambda r: forall(Request, lambda q: (r == q) | (s.pc[r] != "inside") | (s.pc[q] != "inside")),
        ),
    )
    return system


ARGUMENT = ProofOutline(
    given=(),
    scope=(),
    invariants=(
        claim("who is inside holds the lock", Request)(
            lambda s, r: (s.pc[r] == "inside").implies(s.holder == r)
        ),
        claim("who holds the lock is inside", Request)(
            lambda s, r: (s.holder == r).implies(s.pc[r] == "inside")
        ),
    ),
    levels=(
        Level("the lock", "who waits for the lock waits for its holder", lambda s, r: s.pc[r] == "waiting"),
    ),
    landmarks=(),
    theorems=("alone",),
)


def rounds(*, counts: bool = True) -> System:
    """Everybody goes round three times, or forgets to count; who starts wakes all, who may sleep again."""
    system = System("rounds")
    system.program(Request, places=("waiting", "inside"), ends=("done",))
    system.variable("round", Request, sort=Int(3), initial=0)
    system.variable("sleeps_on", Request, sort=Maybe(Request))

    @system.action("start", r=Request)
    def start(s: State, r: Expr) -> None:
        s.require(s.pc[r] == "idle", "at idle", location=True)
        s.require(s.round[r] < 3, "not thrice", location=True)
        s.pc[r] = "inside"
        for q in s.each(Request):
            s.sleeps_on[q] = q

    @system.action("return", r=Request)
    def again(s: State, r: Expr) -> None:
        s.require(s.pc[r] == "inside", "at inside", location=True)
        s.pc[r] = "idle"
        if counts:
            s.round[r] = s.round[r] + 1

    @system.action("sleep", r=Request, q=Request)
    def sleep(s: State, r: Expr, q: Expr) -> None:
        s.require(s.sleeps_on[r] == r, "is awake")
        s.require(q != r, "another")
        s.sleeps_on[r] = q

    system.terminal(Request, lambda s, r: s.round[r] == 3)
    return system
