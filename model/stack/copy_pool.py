"""Block-copy with a pool of tasks (5.1 on): what is dirty is copied extent by extent, all of it at once.

The loop takes an extent, learns its block status, hands its copy to a piece and looks on behind it. It stops
where nothing is dirty, or when a copy has failed: those under way end, and keep what they have copied. An
extent that reaches the end before anything was handed out is copied in place. QEMU has 64 tasks at most for a
guest's write, and 128 MiB for what they copy: more clusters than that are in no scenario.
Source: block/block-copy.c block_copy_dirty_clusters, block_copy_task_run (5.1, 4ce5dd3e9b).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from cowpath.model.language.claim import Claim, Level, Measure, claim
from cowpath.model.language.expression import Expr, If, exists, nobody
from cowpath.model.language.system import State, System
from cowpath.model.stack.block_copy import (
    LOOKING,
    BlockCopy50,
    end_copy,
    fail_copy,
    is_dirty,
    look,
    require_status,
    take_dirty,
    wake,
)
from cowpath.model.stack.part import Parts
from cowpath.model.stack.pieces import is_next_piece, is_piece, is_whole, wait_for_pieces
from cowpath.model.stack.world import (
    COPYING,
    UNBORN,
    UNWRITTEN,
    WHOLE,
    WRITES,
    Cluster,
    Request,
    is_write,
    own,
)

_POOL = "block/block-copy.c block_copy_dirty_clusters, 5.1"


@dataclass(frozen=True)
class PooledCopies(BlockCopy50):
    """The engine of 5.1."""

    @property
    def splits(self) -> Mapping[str, int]:
        """A write, by what is dirty of it."""
        return {"nbd-write": 1, "nbd-zero": 1}

    def declare(self, system: System, parts: Parts) -> None:
        """Declare where a write joins its copies, and where a copy of it is that has failed."""
        super().declare(system, parts)
        system.variable("pooled", Request, internal=True)  # r has handed copies out, and not joined them
        pc = system.programs["pc"]
        pc.place("copy-joining", "waiting for the copies of its pieces", of=WRITES, within=(WHOLE,))
        pc.place("lost", "over, with an error for its request", of=WRITES, within=(WHOLE, UNBORN))

    def act_copies(self, system: System, source: str) -> None:
        """Add how it takes what is dirty, hands copies out, and joins them."""

        @system.action("copy.take", r=Request, k=Cluster, e=Cluster, source=_POOL)
        def take(s: State, r: Expr, k: Expr, e: Expr) -> None:
            """Takes the next dirty extent: clears its bits, enters it in the in-flight list."""
            look(s, r)
            self.require_wanted(s, r)
            s.require(~_has_lost(s, r), "no copy of its has failed")
            take_dirty(s, r, k, e)
            s.copying[r] = True
            s.go(r, "copy-status")

        self.act_shrink(system)

        @system.action("copy.taken", r=Request, source=_POOL)
        def taken(s: State, r: Expr) -> None:
            """Takes no more: the rest is not dirty, or a copy has failed."""
            s.require_at(r, "copy-loop")
            s.require(s.pooled[r], "has handed copies out", location=True)
            s.require(~is_dirty(s, r) | self.takes_no_more(s, r), "nothing is dirty, or a copy has failed")
            s.at[r] = s.first[r]
            s.go(r, "copy-joining")

        @system.action("copy.join", r=Request, source="block/aio_task.c aio_task_pool_wait_all, 5.1")
        def join(s: State, r: Expr) -> None:
            """Has all its copies; looks again unless one has failed."""
            s.require_at(r, "copy-joining")
            wait_for_pieces(s, r, "lost")
            after = If(_has_lost(s, r), self.after_failure(s, r), "copy-loop")
            for q in s.each(Request):
                its = s.parent[q] == r
                s.go(q, If(q == r, after, If(its, s.place(r, "unborn"), s.pc[q])))
            s.pooled[r] = False

        @system.action("copy.end", r=Request, source=source)
        def end(s: State, r: Expr) -> None:
            """Has copied the extent: leaves the in-flight list."""
            end_copy(s, r, "copied")
            s.go(r, If(self.is_task(s, r), s.place(r, "unborn"), "copy-loop"))

        @system.action("copy.fail", r=Request, source=source)
        def fail(s: State, r: Expr) -> None:
            """Fails: its clusters are dirty again."""
            fail_copy(s, r)
            wake(s, r)
            s.go(r, If(self.is_task(s, r), s.place(r, "lost"), self.after_failure(s, r)))

    def act_shrink(self, system: System) -> None:
        """Add how an extent is shrunk, and handed out."""

        @system.action("copy.shrink", r=Request, e=Cluster, source=_POOL)
        def shrink(s: State, r: Expr, e: Expr) -> None:
            """Learns the block status of its only extent, copies it itself."""
            require_status(s, r, e)
            s.require(~s.pooled[r] & (e + 1 == s.end[r]), "its only one", location=True)
            wake(s, r, e + 1 < s.upto[r])
            s.upto[r] = e + 1
            s.go(r, "copy-enter")

        @system.action("copy.shrink.piece", r=Request, e=Cluster, c=Request, source=_POOL)
        def shrink_piece(s: State, r: Expr, e: Expr, c: Expr) -> None:
            """Learns the block status, shrinks the extent to it, hands its copy out."""
            require_status(s, r, e)
            s.require(s.pooled[r] | ~(e + 1 == s.end[r]), "one of several", location=True)
            s.require(is_next_piece(s, r, c), "its piece", location=True)
            hand_out(s, r, c, e + 1, If(e + 1 < s.upto[r], nobody(Request), c))

    @property
    def handing_out(self) -> tuple[str, ...]:
        """Where a write is that has handed copies out."""
        return ("copy-loop", "copy-status", "copy-joining")

    def require_alone(self, s: State, r: Expr) -> None:
        """Require that r has handed nothing out."""
        s.require(~s.pooled[r], "has handed nothing out", location=True)

    def takes_no_more(self, s: State, r: Expr) -> Expr:
        """Tell whether r leaves what is dirty, for a copy of its has failed."""
        return _has_lost(s, r)

    def is_task(self, s: State, r: Expr) -> Expr:
        """Tell whether r is a piece that makes one copy."""
        return is_piece(s, r)

    def is_out(self, s: State, r: Expr) -> Expr:
        """Tell whether r is a task that has been handed out."""
        return self.is_task(s, r) & ~s.is_at(r, "unborn")

    def copies_itself(self, s: State, r: Expr) -> Expr:
        """Tell whether r is a write that looks for what is dirty itself."""
        return is_write(s, r) & ~is_piece(s, r)

    def looking(self) -> Iterator[Claim]:
        """Say where a write is that looks for what is dirty, and what its pieces do."""
        yield claim(
            "who looks for dirty clusters begins at its first, or where it has handed out to", Request
        )(
            lambda s, r: s.within(r, LOOKING).implies(
                (s.first[r] <= s.at[r])
                & (s.at[r] < s.end[r])
                & (s.upto[r] == s.end[r])
                & (s.pooled[r] | (s.at[r] == s.first[r]))
            )
        )
        yield claim("who has handed copies out has several clusters, and looks for more or joins", Request)(
            lambda s, r: s.pooled[r].implies(
                s.is_at(r, *self.handing_out) & ~is_whole(s, r) & ~self.is_task(s, r)
            )
        )
        yield claim("who joins copies has handed them out", Request)(
            lambda s, r: s.is_at(r, "copy-joining").implies(s.pooled[r])
        )
        yield claim("a write's piece only copies", Request)(
            lambda s, r: (self.is_task(s, r) & is_write(s, r)).implies(
                s.is_at(r, "unborn", "lost") | (s.within(r, UNWRITTEN, COPYING) & ~s.is_at(r, "copy-status"))
            )
        )
        yield claim("only a piece loses its copy", Request)(
            lambda s, r: s.is_at(r, "lost").implies(is_piece(s, r))
        )
        yield claim("whose piece copies has handed it out, and looks on behind it", Request, Request)(
            lambda s, c, r: ((s.parent[c] == r) & is_write(s, c) & self.is_out(s, c)).implies(
                s.pooled[r] & (s.is_at(r, "copy-joining") | (s.first[c] < s.at[r]))
            )
        )
        yield claim("a copy's piece begins at its first cluster", Request)(
            lambda s, r: (self.is_task(s, r) & is_write(s, r)).implies(s.at[r] == s.first[r])
        )

    def levels(self, parts: Parts) -> Iterator[Level]:
        """Say who waits for copies, and for its own."""
        yield from super().levels(parts)
        yield Level(
            "the copies of a write",
            "a write waits for the copies of its pieces, which go to the hidden disk's list at most",
            lambda s, r: s.is_at(r, "copy-joining"),
        )

    def measures(self, parts: Parts) -> Iterator[Measure]:
        """Yield, too, that a write which has all its copies looks again, after the last of them has ended."""
        yield from super().measures(parts)
        yield Measure(
            "no copies that are all back, and not joined",
            (Request,),
            lambda s, r: ~s.pooled[r] | exists(Request, lambda c: (s.parent[c] == r) & ~s.is_at(c, "unborn")),
        )

    def given(self, parts: Parts) -> Iterator[Claim]:
        """Say that a write of several clusters has a piece at each."""
        yield claim("a write of several clusters has a piece at each", Request, Cluster)(
            lambda s, r, k: (self.copies_itself(s, r) & own(s, r, k) & ~is_whole(s, r)).implies(
                s.piece_at[r, k] != nobody(Request)
            )
        )


def hand_out(s: State, r: Expr, c: Expr, upto: Expr, whom: Expr) -> None:
    """Let piece c copy r's extent up to that cluster; r looks on behind it, or joins.

    Who waits for the extent in flight waits for `whom` now: the piece, or nobody, so that he looks again.
    """
    last = upto == s.end[r]
    for q in s.each(Request):
        mine, its = q == r, q == c
        follows = If(last, s.place(r, "copy-joining"), "copy-loop")
        s.go(q, If(mine, follows, If(its, s.place(c, "copy-enter"), s.pc[q])))
        s.at[q] = If(mine, If(last, s.first[r], upto), s.at[q])
        s.upto[q] = If(mine, s.end[r], If(its, upto, s.upto[q]))
        s.copying[q] = If(mine, False, its | s.copying[q])
        s.copy_waits_for[q] = If(s.copy_waits_for[q] == r, whom, s.copy_waits_for[q])
    s.pooled[r] = True


def _has_lost(s: State, r: Expr) -> Expr:
    """Tell whether the copy of a piece of r has failed."""
    return exists(Request, lambda c: (s.parent[c] == r) & s.is_at(c, "lost"))
