"""Block-status queries of a reader of the snapshot: each freezes a range as a read does, and reads no data.

A query locks all that it is asked about and answers for the first run, of what is copied or what is not; who
asks goes on behind that by another query. Neither in the source's node nor in the target's does it wait for
anybody, for block status is no tracked request: copies are not kept from it. Left out: that QEMU asserts that
what it is told of the target is allocated there, which a client's discard may undo meanwhile.
Source: block/copy-before-write.c cbw_co_snapshot_block_status (7.0 - 10.2).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from cowpath.model.language.claim import Claim, claim
from cowpath.model.language.expression import Expr, If
from cowpath.model.language.system import State, System
from cowpath.model.stack.part import Part, Parts
from cowpath.model.stack.snapshot_access import FREEZES, is_refused, look_up
from cowpath.model.stack.world import IN_RANGE, LOOKED_UP, QUERIES, Cluster, Request, is_kind

_SOURCE = "block/copy-before-write.c cbw_co_snapshot_block_status, 7.0"


@dataclass(frozen=True)
class StatusQueries(Part):
    """The steps of a query."""

    @property
    def kinds(self) -> tuple[str, ...]:
        """Block-status queries."""
        return ("status-query",)

    def declare(self, system: System, parts: Parts) -> None:
        """Declare where a query is."""
        place, within = system.programs["pc"].place, (IN_RANGE, LOOKED_UP)
        place("status-source", "asking the source", of=QUERIES, within=(*within, FREEZES))
        place("status-target", "asking the target", of=QUERIES, within=within)

    def act(self, system: System, parts: Parts) -> None:
        """Add the steps."""

        @system.action("status.refuse", r=Request, source=_SOURCE)
        def refuse(s: State, r: Expr) -> None:
            """Finds the snapshot broken, or what it asks about not accessible: an error."""
            _come(s, r)
            s.require(is_refused(s, r), "the snapshot is broken or not accessible")
            s.go(r, "failed")

        @system.action("status.look", r=Request, e=Cluster, source=_SOURCE)
        def look(s: State, r: Expr, e: Expr) -> None:
            """Looks up the filter's bitmap; freezes what it will ask the source about."""
            _come(s, r)
            s.require(~is_refused(s, r), "the snapshot is whole and accessible")
            look_up(s, r, e)
            s.go(r, If(s.transferred[e], s.place(r, "status-target"), "status-source"))

        @system.action("status.answer", r=Request, source=_SOURCE)
        def answer(s: State, r: Expr) -> None:
            """Has its answer; unfreezes, wakes the writers."""
            s.require_at(r, "status-source", "status-target")
            s.frozen[r] = False
            s.upto[r] = s.end[r]
            s.go(r, "done")

    def claims(self, parts: Parts) -> Iterator[Claim]:
        """Say where a query is."""
        yield claim("a query is at its first cluster and asks about all", Request)(
            lambda s, r: s.is_at(r, "status-source", "status-target").implies(
                (s.at[r] == s.first[r]) & (s.until[r] == s.end[r])
            )
        )


def _come(s: State, r: Expr) -> None:
    s.require_at(r, "idle")
    s.require(is_kind(s, r, "status-query"), "is a status-query", location=True)
