"""Pieces: coroutines that a request starts for parts of its range, and joins.

A piece is an element of the sort of requests with a `parent`, a rigid function of the instance. There is one
for each cluster at which a piece of that request may begin, named by that cluster. It has its parent's row in
every table, cut to the clusters from there on; how far it goes is decided when it is handed out.
Why not one owner for all of them: who waits for whom must be said of each. Edges of several pieces, added
up, make cycles that are none; and a piece that can move hides one that never will.

It begins at a place of its own, so that nothing a request begins with begins a piece, and goes back there.
Source: block/aio_task.c aio_task_pool_start_task, aio_task_pool_wait_all (4.2).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from cowpath.model.language.claim import Claim, Tier, claim
from cowpath.model.language.expression import Expr, If, nobody
from cowpath.model.language.program import Group
from cowpath.model.language.sorts import Maybe
from cowpath.model.language.system import List, State, System
from cowpath.model.stack.part import Part, Parts
from cowpath.model.stack.world import UNBORN, WHOLE, Cluster, Request, Sector, is_kind

PIECES = List("its pieces", "a transfer of its own", lambda s, c: is_piece(s, c) & ~s.is_at(c, "unborn"))


@dataclass(frozen=True)
class Pieces(Part):
    """Who is a piece of whom, and where pieces begin."""

    def declare(self, system: System, parts: Parts) -> None:
        """Declare the pieces and the place at which each begins."""
        system.parameter("parent", Request, sort=Maybe(Request))  # whose piece it is, if it is one
        system.parameter("piece_at", Request, Cluster, sort=Maybe(Request))  # its piece that begins there
        system.parameter("of_one", Request, Request)  # two of a request and its pieces
        system.parameter("deep", Request)  # it is a piece of a piece
        pc = system.programs["pc"]
        pc.place(
            "unborn",
            "a piece that is not handed out",
            of=Group("pieces", is_piece),
            within=(WHOLE, UNBORN),
        )
        system.begins(pc, lambda s, r: If(is_piece(s, r), s.place(r, "unborn"), pc.start))

    def given(self, parts: Parts) -> Iterator[Claim]:
        """Say what the tables say of pieces."""
        yield claim("a piece is of its request's kind, begins in it and ends with it", Request, Request)(
            lambda s, c, r: (s.parent[c] == r).implies(
                (s.kind[c] == s.kind[r]) & (s.first[r] <= s.first[c]) & (s.end[c] == s.end[r])
            )
        )
        yield claim("a piece reads nothing that its request does not", Request, Request, Sector)(
            lambda s, c, r, x: ((s.parent[c] == r) & s.reads[c, x]).implies(s.reads[r, x])
        )
        yield claim("a piece is its request's and begins where it is said to", Request, Cluster, Request)(
            lambda s, r, k, c: (s.piece_at[r, k] == c).implies((s.parent[c] == r) & (s.first[c] == k))
        )
        yield claim("no two pieces of a request begin together", Request, Request)(
            lambda s, c, d: ((c != d) & is_piece(s, c) & (s.parent[c] == s.parent[d])).implies(
                s.first[c] != s.first[d]
            )
        )
        kinds = sorted({kind for part in parts for kind in part.splits})
        yield claim(f"pieces are of kind {', '.join(kinds)}, of no stream", Request)(
            lambda s, c: is_piece(s, c).implies(is_kind(s, c, *kinds) & ~s.stream[c])
        )
        called = {kind for part in parts for kind in part.calls}
        cut = (item for part in parts for item in part.splits.items())
        deep = sorted({kind for kind, depth in cut if depth + (kind in called) > 1})
        yield claim("who is a piece's piece", Request, Request)(
            lambda s, c, r: (s.parent[c] == r).implies((s.deep[c] == is_piece(s, r)) & ~s.deep[r] & (c != r))
        )
        yield claim(f"only pieces of kind {', '.join(deep) or 'none'} have pieces", Request)(
            lambda s, c: s.deep[c].implies(is_piece(s, c) & (is_kind(s, c, *deep) if deep else ~s.deep[c]))
        )

    def claims(self, parts: Parts) -> Iterator[Claim]:
        """Say that pieces are begun by their requests alone."""
        yield claim("a piece does not begin or end as a request does", Request)(
            lambda s, r: is_piece(s, r).implies(~s.is_at(r, "idle", "finishing", "done", "failed"))
        )

    def tiers(self, parts: Parts) -> Iterator[Tier]:
        """Yield requests, their pieces, and theirs."""
        yield Tier("request", lambda s, r: ~is_piece(s, r))
        yield Tier("piece", lambda s, r: is_piece(s, r) & ~s.deep[r])
        yield Tier("piece's piece", lambda s, r: s.deep[r])


def is_piece(s: State, r: Expr) -> Expr:
    """Tell whether r is a piece of a request."""
    return s.parent[r] != nobody(Request)


def is_next_piece(s: State, r: Expr, c: Expr) -> Expr:
    """Tell whether c is the piece of r that begins at r's next cluster."""
    return s.piece_at[r, s.at[r]] == c


def is_whole(s: State, r: Expr) -> Expr:
    """Tell whether r has one cluster only: it is never cut."""
    return s.first[r] + 1 == s.end[r]


def wait_for_pieces(s: State, r: Expr, *over: str) -> None:
    """Make r wait until each of its pieces is unborn again, or at one of the places."""
    s.wait_on(PIECES, Request, lambda c: (s.parent[c] == r) & ~s.is_at(c, "unborn", *over))
