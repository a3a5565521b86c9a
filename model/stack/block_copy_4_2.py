"""Block-copy's first engine (4.2): one entry in the in-flight list for the whole request.

Source: block/block-copy.c block_copy (4.2).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from cowpath.model.language.claim import Claim, Level, claim
from cowpath.model.language.expression import Expr, exists
from cowpath.model.language.system import State, System
from cowpath.model.stack import copying
from cowpath.model.stack.block_copy import (
    IN_FLIGHT,
    FilterEngine,
    add_gone,
    come,
    fail_copy,
    is_dirty,
    take_dirty,
    touch,
    unlist,
)
from cowpath.model.stack.part import Parts
from cowpath.model.stack.world import COPYING, UNWRITTEN, WHOLE, WRITES, Cluster, Request


@dataclass(frozen=True)
class BlockCopy42(FilterEngine):
    """The engine of 4.2: one entry in the list for the whole request, from before the first copy on."""

    def declare(self, system: System, parts: Parts) -> None:
        """Declare where a write is in the filter."""
        super().declare(system, parts)
        pc = system.programs["pc"]
        pc.place("copy-wait", "waiting for a copy in flight", of=WRITES, within=(WHOLE,))
        pc.place("copy-loop", "about to look for its next dirty extent", of=WRITES)

    def act(self, system: System, parts: Parts) -> None:
        """Add the filter's write path up to `enter`."""
        source = "block/block-copy.c block_copy, 4.2"
        copying.act(system, parts, source=source)
        add_gone(system)

        def notices(s: State, r: Expr, q: Expr) -> Expr:
            return (q != r) & s.copying[q] & s.notices[r, q]

        @system.action("copy.wait", r=Request, source=source)
        def wait(s: State, r: Expr) -> None:
            """Waits for a copy in flight."""
            come(s, r, "idle")
            s.require(s.job != "freed", "there is a filter")
            s.require(exists(Request, lambda q: notices(s, r, q)), "copy in flight")
            s.go(r, "copy-wait")

        def turn(s: State, r: Expr) -> None:
            come(s, r, "idle", "copy-wait")
            s.require(s.job != "freed", "there is a filter")
            # The wait is given (start, length) where (start, end) is expected: see binding.py, `notices`.
            s.wait_on(IN_FLIGHT, Request, lambda q: notices(s, r, q))
            touch(s, r)

        @system.action("copy.pass", r=Request, source=source)
        def pass_(s: State, r: Expr) -> None:
            """Finds nothing dirty, all in one step."""
            turn(s, r)
            s.require(~is_dirty(s, r), "nothing is dirty")
            s.go(r, "enter")

        @system.action("copy.begin", r=Request, source=source)
        def begin(s: State, r: Expr) -> None:
            """Enters the in-flight list."""
            turn(s, r)
            s.require(is_dirty(s, r), "something is dirty")
            s.copying[r] = True
            s.go(r, "copy-loop")

        @system.action("copy.take", r=Request, k=Cluster, e=Cluster, source=source)
        def take(s: State, r: Expr, k: Expr, e: Expr) -> None:
            """Takes the next dirty extent, clears its bits."""
            s.require_at(r, "copy-loop")
            take_dirty(s, r, k, e)
            s.go(r, "copy-enter")

        @system.action("copy.next", r=Request, source=source)
        def following(s: State, r: Expr) -> None:
            """Goes on to its next extent."""
            s.require_at(r, "copied")
            s.at[r] = s.upto[r]
            s.upto[r] = s.end[r]
            s.go(r, "copy-loop")

        @system.action("copy.end", r=Request, source=source)
        def end(s: State, r: Expr) -> None:
            """Leaves the in-flight list, nothing dirty left."""
            s.require_at(r, "copy-loop")
            s.require(~is_dirty(s, r), "nothing is dirty")
            touch(s, r)
            unlist(s, r)
            s.go(r, "enter")

        @system.action("copy.fail", r=Request, source=source)
        def fail(s: State, r: Expr) -> None:
            """Fails: its clusters are dirty again."""
            fail_copy(s, r)
            s.go(r, "failed")

    def claims(self, parts: Parts) -> Iterator[Claim]:
        """Say who is in the in-flight list, and with what."""
        yield claim("who copies is in the in-flight list with its whole range", Request)(
            lambda s, r: s.copying[r] == (s.is_at(r, "copy-loop") | s.within(r, UNWRITTEN, COPYING))
        )
        yield claim("a copying loop stays in its request's clusters", Request)(
            lambda s, r: s.is_at(r, "copy-loop").implies(
                (s.first[r] <= s.at[r]) & (s.at[r] <= s.end[r]) & (s.upto[r] == s.end[r])
            )
        )
        yield claim("a copy's extent is not empty and lies in its request's clusters", Request)(
            lambda s, r: s.within(r, UNWRITTEN, COPYING).implies(
                (s.first[r] <= s.at[r]) & (s.at[r] < s.upto[r]) & (s.upto[r] <= s.end[r])
            )
        )
        yield claim("nobody waits for a copy when the filter is gone", Request)(
            lambda s, r: s.is_at(r, "copy-wait").implies(s.job != "freed")
        )

    def levels(self, parts: Parts) -> Iterator[Level]:
        """Say who waits for copies."""
        yield Level(
            IN_FLIGHT.name,
            "a write waits for copies in flight that it notices; who copies does not wait for another copy",
            lambda s, r: s.is_at(r, "idle", "copy-wait"),
        )
