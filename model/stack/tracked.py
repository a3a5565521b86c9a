"""Tracked requests: how a node serialises overlapping requests.

Every request that enters a node stays on the node's tracked list until it ends there, with the range it
claims. X must wait for Y iff both are on one list, one of them is serialising, their ranges meet, and
**Y is not itself waiting on this list** (its `waiting_for` is nil). So a newcomer barges past a parked
request, and no two requests of one list ever wait for each other; waits elsewhere go unseen.
A request may have a second entry, for a read of the job's that runs inside its write: who waits for that
entry is woken when the read ends, who waits for the write's own is not. The list is searched from its newest
entry on, so of the two the read's is found first. Of several owners' entries any may be: the order of the
list is not in the state.
Source: block/io.c wait_serialising_requests, mark_request_serialising, tracked_request_end (2.8);
bdrv_find_conflicting_request (10.1).

QEMU clears `waiting_for` when the waiter runs again, not when it is woken. In between it must still count
as waiting: we let a woken request wait for itself.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property

from cowpath.model.language.claim import Claim, claim
from cowpath.model.language.expression import Expr, If, Operand, exists, nobody
from cowpath.model.language.program import Region
from cowpath.model.language.sorts import Maybe
from cowpath.model.language.system import List, State, System
from cowpath.model.stack.world import Request, Sector

SOURCE = "block/io.c wait_serialising_requests, 2.8"


@dataclass(frozen=True)
class Node:
    """A node's tracked list.

    `claims(s, r, x)`: sector x is in r's range. `nested(s, r, q)`: r meets the entry of a read inside q.
    `lists_unserialised`: requests that wait for nobody (BDRV_REQ_NO_SERIALISING) are on the list for others
    to see. Who is on the list is at a place of one of two regions: `parked`, who waits on it, and `past`, who
    has passed it and not left it yet. `program`: the program counter whose places these are.
    """

    name: str
    called: str
    claims: Callable[[State, Expr, Expr], Expr]
    serialising: Callable[[State, Expr], Expr]
    nested: Callable[[State, Expr, Expr], Expr] | None = None
    lists_unserialised: bool = True
    program: str = "pc"

    @property
    def parked(self) -> Region:
        """Who waits on the list."""
        return Region(f"parked on {self.called}'s tracked list")

    @property
    def past(self) -> Region:
        """Who is on the list and does not wait there."""
        return Region(f"past {self.called}'s tracked list")

    @property
    def through(self) -> Region:
        """Who is past the list, or a piece of one that is and not on the list itself."""
        return Region(f"below {self.called}'s tracked list")

    @cached_property
    def list(self) -> List:
        """The list, to wait on."""
        label = f"{self.called}'s tracked list"
        return List(label, f"{{range}} on {label}", lambda s, q: s[f"{self.name}_tracked"][q])

    def declare(self, system: System) -> None:
        """Declare the list: who is on it, whom each waits for, and whether for a read inside that one."""
        system.variable(f"{self.name}_tracked", Request, internal=True, called=f"is on {self.list.name}")
        system.variable(f"{self.name}_waiting_for", Request, sort=Maybe(Request), internal=True)
        if self.nested is not None:
            system.variable(f"{self.name}_waits_for_nested", Request, internal=True)

    def enter(self, s: State, r: Expr) -> None:
        """Put r on the list (tracked_request_begin)."""
        s[f"{self.name}_tracked"][r] = True

    def leave(self, s: State, r: Expr, *, when: Expr | None = None) -> None:
        """Take r off the list and wake all who wait for it (tracked_request_end)."""
        listed = s[f"{self.name}_tracked"]
        listed[r] = False if when is None else listed[r] & ~when
        waiting_for = s[f"{self.name}_waiting_for"]
        for q in s.each(Request):
            woken = (q != r) & (waiting_for[q] == r)
            waiting_for[q] = If(woken if when is None else woken & when, q, waiting_for[q])

    def leave_nested(self, s: State, r: Expr) -> None:
        """Take the read inside r off the list and wake those who wait for that (tracked_request_end)."""
        if self.nested is not None:
            waiting_for, for_nested = s[f"{self.name}_waiting_for"], s[f"{self.name}_waits_for_nested"]
            for q in s.each(Request):
                woken = (waiting_for[q] == r) & for_nested[q]
                waiting_for[q] = If(woken, q, waiting_for[q])
                for_nested[q] = for_nested[q] & ~woken

    def conflict(self, s: State, r: Expr, q: Expr) -> Expr:
        """Tell whether r must wait for q."""
        meets = exists(Sector, lambda x: self.claims(s, r, x) & self.claims(s, q, x))
        strict = self.serialising(s, r) | self.serialising(s, q)
        not_waiting = s[f"{self.name}_waiting_for"][q] == nobody(Request)
        must = s[f"{self.name}_tracked"][q] & strict & meets & not_waiting
        if self.nested is not None:
            must = must | self.nested(s, r, q)
        return (q != r) & must

    def wait(
        self,
        system: System,
        label: str,
        *,
        says: str,
        arrives: Callable[[State, Expr], Expr],
        parked: str,
        then: Callable[[State, Expr], Operand],
        source: str = SOURCE,
    ) -> None:
        """Declare a wait for conflicting requests: on arrival or after a wake-up r scans the list, and parks
        on a conflicting request or goes on, in one step.
        """

        def waiting_for(s: State, r: Expr) -> Expr:
            return s[f"{self.name}_waiting_for"][r]

        def is_parked(s: State, r: Expr) -> Expr:
            return s.is_at(r, parked, program=self.program)

        on = self.list.name

        @system.action(label, r=Request, says=says, source=source)
        def go(s: State, r: Expr) -> None:
            s.require(arrives(s, r) | is_parked(s, r), f"arrives or at {parked}", location=True)
            s.wait_on(self.list, Request, lambda q: (q != r) & (waiting_for(s, r) == q))
            s.require(~exists(Request, lambda q: self.conflict(s, r, q)), f"no conflict on {on}")
            self.enter(s, r)
            s[f"{self.name}_waiting_for"][r] = nobody(Request)
            s.go(r, then(s, r), program=self.program)

        @system.action(f"{label}.park", r=Request, q=Request, says=f"waits for {{q}} on {on}", source=source)
        def park(s: State, r: Expr, q: Expr) -> None:
            woken = is_parked(s, r) & (waiting_for(s, r) == r)
            s.require(arrives(s, r) | woken, f"arrives or woken at {parked}", location=True)
            s.require(self.conflict(s, r, q), f"conflict on {on}")
            s.parks_on(q)
            self.enter(s, r)
            s[f"{self.name}_waiting_for"][r] = q
            if self.nested is not None:
                s[f"{self.name}_waits_for_nested"][r] = self.nested(s, r, q)
            s.go(r, parked, program=self.program)

    def invariants(self) -> Iterator[Claim]:
        """Say what keeps the list: who waits for whom there, and whom it keeps apart."""

        def waiting_for(s: State, r: Expr) -> Expr:
            return s[f"{self.name}_waiting_for"][r]

        def parked(s: State, r: Expr) -> Expr:
            return s.within(r, self.parked, program=self.program)

        def past(s: State, r: Expr) -> Expr:
            below = s.within(r, self.through, program=self.program) & s[f"{self.name}_tracked"][r]
            return s.within(r, self.past, program=self.program) | below

        on = self.list.name
        yield claim(f"on {on} is who waits there or is past it", Request)(
            lambda s, r: s[f"{self.name}_tracked"][r] == (parked(s, r) | past(s, r))
        )
        yield claim(f"who waits on {on} is parked there", Request)(
            lambda s, r: parked(s, r) == (waiting_for(s, r) != nobody(Request))
        )
        yield claim(f"who is waited for on {on} does not wait there", Request, Request)(
            lambda s, r, q: ((waiting_for(s, r) == q) & (q != r)).implies(past(s, q))
        )
        yield claim(
            f"{on} keeps a serialising request and all that overlap it apart", Request, Request, Sector
        )(
            lambda s, r, q, x: (
                ~(
                    (r != q)
                    & past(s, r)
                    & past(s, q)
                    & self.serialising(s, r)
                    & self.claims(s, r, x)
                    & self.claims(s, q, x)
                )
            )
        )
