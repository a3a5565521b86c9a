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

from collections.abc import Callable
from dataclasses import dataclass

from cowpath.model.language.expression import Expr, If, Operand, exists, nobody
from cowpath.model.language.sorts import Maybe
from cowpath.model.language.system import State, System
from cowpath.model.stack.world import Request, Sector

SOURCE = "block/io.c wait_serialising_requests, 2.8"


@dataclass(frozen=True)
class Node:
    """A node's tracked list.

    `claims(s, r, x)`: sector x is in r's range. `nested(s, r, q)`: r meets the entry of a read inside q.
    `lists_unserialised`: requests that wait for nobody (BDRV_REQ_NO_SERIALISING) are on the list for others
    to see.
    """

    name: str
    called: str
    claims: Callable[[State, Expr, Expr], Expr]
    serialising: Callable[[State, Expr], Expr]
    nested: Callable[[State, Expr, Expr], Expr] | None = None
    lists_unserialised: bool = True

    @property
    def label(self) -> str:
        """The list's name in an explanation."""
        return f"{self.called}'s tracked list"

    def declare(self, system: System) -> None:
        """Declare the list: who is on it, whom each waits for, and whether for a read inside that one."""
        system.variable(f"{self.name}_tracked", Request, internal=True)
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
        counter: str = "pc",
        source: str = SOURCE,
    ) -> None:
        """Declare a wait for conflicting requests: on arrival or after a wake-up r scans the list, and parks
        on a conflicting request or goes on, in one step. `counter` is the program counter that moves.
        """

        def waiting_for(s: State, r: Expr) -> Expr:
            return s[f"{self.name}_waiting_for"][r]

        @system.action(label, r=Request, says=says, source=source)
        def go(s: State, r: Expr) -> None:
            s.require(arrives(s, r) | (s[counter][r] == parked), f"arrives or at {parked}", location=True)
            held = f"{{range}} on {self.label}"
            s.wait_while(Request, lambda q: (q != r) & (waiting_for(s, r) == q), on=self.label, held=held)
            s.require(~exists(Request, lambda q: self.conflict(s, r, q)), f"no conflict on {self.label}")
            self.enter(s, r)
            s[f"{self.name}_waiting_for"][r] = nobody(Request)
            s[counter][r] = then(s, r)

        parks = f"waits for {{q}} on {self.label}"

        @system.action(f"{label}.park", r=Request, q=Request, says=parks, source=source)
        def park(s: State, r: Expr, q: Expr) -> None:
            woken = (s[counter][r] == parked) & (waiting_for(s, r) == r)
            s.require(arrives(s, r) | woken, f"arrives or woken at {parked}", location=True)
            s.require(self.conflict(s, r, q), f"conflict on {self.label}")
            self.enter(s, r)
            s[f"{self.name}_waiting_for"][r] = q
            if self.nested is not None:
                s[f"{self.name}_waits_for_nested"][r] = self.nested(s, r, q)
            s[counter][r] = parked
