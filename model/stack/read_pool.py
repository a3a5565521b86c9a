"""A guest read as a pool of tasks: what it has looked up is transferred while it looks up the rest (4.2 on).

The look-ups of a read go on without its transfers: each run of clusters with one answer is handed to a piece,
and the read waits for all of them at its end. A run that is all of the range needs no piece. The hidden disk
is read likewise, one level lower: its public read spans the loop, so the entry on its node's tracked list is
of who asked, and stays until all that it has handed out there are back. A guest write that fills its run in
one read asks it likewise. QEMU runs 8 tasks at most; a read whose 9th waits for one of them has more runs
than any scenario.
Source: block/qcow2.c qcow2_co_preadv_part, qcow2_add_task, qcow2_co_preadv_task (4.2, d710cf575a).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from cowpath.model.language.claim import Claim, Level, claim
from cowpath.model.language.expression import Expr, If, nobody
from cowpath.model.language.system import State, System
from cowpath.model.stack import hidden, overlay
from cowpath.model.stack.cow_requests import ADMITTED
from cowpath.model.stack.guest_tasks import GuestTasks, is_task
from cowpath.model.stack.overlay import Overlay
from cowpath.model.stack.part import Parts
from cowpath.model.stack.pieces import is_next_piece, is_piece, is_whole, wait_for_pieces
from cowpath.model.stack.world import (
    BEFORE_LOOK_UP,
    BELOW_ACTIVE,
    GUEST_READS,
    GUESTS,
    IN_RANGE,
    LOOKED_UP,
    OF_A_PIECE,
    PAST_ADMISSION,
    TO_SECONDARY,
    WHOLE,
    Cluster,
    Request,
    Sector,
    is_kind,
    own,
)

_POOL = "block/qcow2.c qcow2_co_preadv_part, qcow2_add_task, 4.2"
_JOIN = "block/aio_task.c aio_task_pool_wait_all, 4.2"


@dataclass(frozen=True)
class PooledReads(Overlay):
    """The look-ups and transfers of a guest's request, those of a read in pieces. The target serialises."""

    @property
    def slot(self) -> str:
        """It is the overlay."""
        return Overlay.__name__

    @property
    def splits(self) -> Mapping[str, int]:
        """A read, and what it asks of the hidden disk; a guest write, what it asks of that."""
        return {"guest-read": 2, "guest-write": 1}

    def declare_reads(self, system: System, parts: Parts) -> None:
        """Declare where a read is, and a guest write that reads."""
        # The status of its pool of tasks.
        system.variable("piece_failed", Request, internal=True, called="a piece of it has failed")
        pc, node = system.programs["pc"], hidden.NODE
        below = (ADMITTED, IN_RANGE, BELOW_ACTIVE)
        look = (ADMITTED, IN_RANGE, BEFORE_LOOK_UP)
        found = (*below, LOOKED_UP, PAST_ADMISSION, node.through)
        pc.place("lookup-active", "about to look up the active disk", of=GUEST_READS, within=look)
        pc.place("active-read", "reading from the active disk", of=GUEST_READS, within=(*look, OF_A_PIECE))
        pc.place("joining", "waiting for its pieces", of=GUEST_READS, within=(ADMITTED, WHOLE))
        entering = (*below, BEFORE_LOOK_UP)
        pc.place("to-hidden", "about to enter the hidden disk's node", of=GUESTS, within=entering)
        pc.place("hidden-parked", "waiting on its tracked list", of=GUESTS, within=(*entering, node.parked))
        on_list = (*entering, PAST_ADMISSION, node.past)
        pc.place("lookup-hidden", "about to look up the hidden disk", of=GUESTS, within=on_list)
        pc.place("joining-hidden", "waiting for its pieces of the hidden disk", of=GUESTS, within=on_list)
        pc.place("hidden-read", "reading from the hidden disk", of=GUESTS, within=found)
        overlay.declare_secondary_read(system, parts, *below, LOOKED_UP, TO_SECONDARY, node.through)

    def act(self, system: System, parts: Parts) -> None:
        """Add the look-ups, the transfers and the joins."""
        tasks = parts.find(GuestTasks)

        def ends(s: State, r: Expr) -> None:
            _ends(s, r, tasks)

        def fails(s: State, r: Expr) -> None:
            _fails(s, r, tasks)

        def leaves_hidden(s: State, r: Expr) -> None:
            """Leave the hidden disk's list, if it is on it, and end."""
            hidden.NODE.leave(s, r)
            ends(s, r)

        def is_for(s: State, r: Expr, q: Expr) -> Expr:
            """Tell whether what r reads is q's: a piece's is its request's, a task's its own."""
            piece = is_piece(s, r)
            return If(piece if tasks is None else piece & ~is_task(s, r), s.parent[r] == q, q == r)

        def asks_no_more(s: State, r: Expr, e: Expr) -> Expr:
            return overlay.reads_one_end(s, r) | ((s.at[r] == s.asked[r]) & (e + 1 == s.until[r]))

        def hands_out(
            s: State, r: Expr, c: Expr, e: Expr, end: Expr, back: Expr, places: tuple[Expr, str]
        ) -> None:
            """Let c transfer [at, e] from the first place on; r looks up on, or joins at the second."""
            starts, joining = places
            last = e + 1 == end
            for q in s.each(Request):
                follows = If(last, s.place(r, joining), s.pc[r])
                s.go(q, If(q == r, follows, If(q == c, starts, s.pc[q])))
                s.at[q] = If(q == r, If(last, back, e + 1), s.at[q])
            s.filling[c] = s.filling[r]
            s.until[c] = e + 1
            s.overtaken[c] = s.overtaken[r]

        def looks_active(s: State, r: Expr, e: Expr) -> Expr:
            s.require_at(r, "lookup-active")
            s.require(~s.piece_failed[r], "no piece has failed", location=True)
            overlay.require_run(s, r, e, s.end[r], lambda k: s.in_active[k])
            return If(s.in_active[e], s.place(r, "active-read"), "to-hidden")

        def looks_hidden(s: State, r: Expr, e: Expr) -> Expr:
            s.require_at(r, "lookup-hidden")
            s.require(~s.piece_failed[r], "no piece has failed", location=True)
            one = overlay.reads_one_end(s, r)
            overlay.require_run(s, r, e, s.until[r], lambda k: s.in_hidden[k], one=one)
            return If(s.in_hidden[e], s.place(r, "hidden-read"), "to-secondary")

        @system.action("read.lookup-active", r=Request, e=Cluster, source=_POOL)
        def lookup_active(s: State, r: Expr, e: Expr) -> None:
            """Looks up the active disk, all that it wants."""
            found = looks_active(s, r, e)
            s.require((s.at[r] == s.first[r]) & (e + 1 == s.end[r]), "all of it", location=True)
            s.go(r, found)

        @system.action("read.lookup-active.piece", r=Request, e=Cluster, c=Request, source=_POOL)
        def lookup_active_piece(s: State, r: Expr, e: Expr, c: Expr) -> None:
            """Looks up the active disk, hands a piece out."""
            found = looks_active(s, r, e)
            s.require(is_next_piece(s, r, c), "its piece", location=True)
            s.require(~((s.at[r] == s.first[r]) & (e + 1 == s.end[r])), "part of it", location=True)
            hands_out(s, r, c, e, s.end[r], s.first[r], (found, "joining"))

        @system.action("read.active", r=Request, source="block/qcow2.c qcow2_co_preadv_task, 4.2")
        def active(s: State, r: Expr) -> None:
            """Reads from the active disk."""
            s.require_at(r, "active-read")

            def wanted(x: Expr) -> Expr:
                return s.reads[r, x] & (s.at[r] <= s.cluster_of[x]) & (s.cluster_of[x] < s.until[r])

            s.read_from("active", Sector, wanted, fails="active-read")
            ends(s, r)

        @system.action("read.active-fails", r=Request, source="block/qcow2.c qcow2_co_preadv_task, 4.2")
        def active_fails(s: State, r: Expr) -> None:
            """Fails to read from the active disk."""
            s.require_at(r, "active-read")
            s.fails("active-read", "the read fails")
            fails(s, r)

        @system.action("read.join", r=Request, source=_JOIN)
        def join(s: State, r: Expr) -> None:
            """Has all its pieces."""
            s.require_at(r, "joining")
            s.require(~s.piece_failed[r], "no piece has failed")
            wait_for_pieces(s, r)
            s.go(r, "finishing")

        @system.action("read.join-fails", r=Request, source=_JOIN)
        def join_fails(s: State, r: Expr) -> None:
            """Finds that a piece has failed: hands out no other, and has all back."""
            s.require(_joins(s, r, "active"), "joins its pieces", location=True)
            s.require(s.piece_failed[r], "a piece has failed")
            wait_for_pieces(s, r)
            fails(s, r)

        hidden.NODE.wait(
            system,
            "read.enter-hidden",
            says="enters the hidden disk's node",
            arrives=lambda s, r: s.is_at(r, "to-hidden"),
            parked="hidden-parked",
            then=lambda s, r: s.place(r, "lookup-hidden"),
            source="block/io.c bdrv_aligned_preadv, 3.0",
        )

        @system.action("read.lookup-hidden", r=Request, e=Cluster, source=_POOL)
        def lookup_hidden(s: State, r: Expr, e: Expr) -> None:
            """Looks up the hidden disk, all that it asks for."""
            found = looks_hidden(s, r, e)
            s.require(asks_no_more(s, r, e), "all of it", location=True)
            s.upto[r] = e + 1
            s.go(r, found)

        @system.action("read.lookup-hidden.piece", r=Request, e=Cluster, c=Request, source=_POOL)
        def lookup_hidden_piece(s: State, r: Expr, e: Expr, c: Expr) -> None:
            """Looks up the hidden disk, hands a piece out."""
            found = looks_hidden(s, r, e)
            s.require(is_next_piece(s, r, c), "its piece", location=True)
            s.require(~asks_no_more(s, r, e), "part of it", location=True)
            hands_out(s, r, c, e, s.until[r], s.asked[r], (found, "joining-hidden"))
            s.upto[c] = e + 1

        @system.action("read.join-hidden", r=Request, source=_JOIN)
        def join_hidden(s: State, r: Expr) -> None:
            """Has all its pieces of the hidden disk."""
            s.require_at(r, "joining-hidden")
            s.require(~s.piece_failed[r], "no piece has failed")
            wait_for_pieces(s, r)
            leaves_hidden(s, r)

        @system.action("read.join-hidden-fails", r=Request, source=_JOIN)
        def join_hidden_fails(s: State, r: Expr) -> None:
            """Finds that a piece has failed: hands out no other, and has all back."""
            s.require(_joins(s, r, "hidden"), "joins its pieces", location=True)
            s.require(s.piece_failed[r], "a piece has failed")
            wait_for_pieces(s, r)
            hidden.NODE.leave(s, r)
            fails(s, r)

        @system.action("read.hidden", r=Request)
        def hidden_transfer(s: State, r: Expr) -> None:
            """Reads from the hidden disk. Source: block/qcow2.c qcow2_co_preadv_task, 4.2"""
            s.require_at(r, "hidden-read")
            overlay.take(s, r, "hidden", is_for)
            leaves_hidden(s, r)

        @system.action("read.hidden-fails", r=Request)
        def hidden_fails(s: State, r: Expr) -> None:
            """Fails to read from the hidden disk. Source: block/qcow2.c qcow2_co_preadv_task, 4.2"""
            s.require_at(r, "hidden-read")
            s.fails("hidden-read", "the read fails")
            hidden.NODE.leave(s, r)
            fails(s, r)

        def gives_up(s: State, r: Expr) -> None:
            hidden.NODE.leave(s, r)
            fails(s, r)

        overlay.read_secondary(system, parts, leaves_hidden, gives_up, is_for)

    def claims(self, parts: Parts) -> Iterator[Claim]:
        """Say which pieces are under way, where, and who stands for them on the hidden disk's list."""
        yield from super().claims(parts)
        node, tasks = hidden.NODE, parts.has(GuestTasks)

        def moves(s: State, c: Expr, r: Expr) -> Expr:
            return (s.parent[c] == r) & ~s.is_at(c, "unborn")

        def guest(s: State, r: Expr) -> Expr:
            return is_kind(s, r, "guest-read", "guest-write")

        def looks(s: State, r: Expr) -> Expr:
            its_own = ~s.deep[r] & is_kind(s, r, "guest-read")
            return its_own | is_task(s, r) if tasks else its_own

        handing_out = ("lookup-active", "lookup-hidden", *(("allocate",) if tasks else ()))
        yield claim("pieces of a read transfer, and only those of a guest's read itself look up", Request)(
            lambda s, r: (is_piece(s, r) & guest(s, r)).implies(
                ~s.is_at(r, "lookup-active", "joining")
                & (looks(s, r) | s.is_at(r, "unborn") | s.within(r, LOOKED_UP))
            )
        )
        yield claim("whose piece of a read moves hands out or joins, and is past it", Request, Request)(
            lambda s, c, r: (guest(s, r) & moves(s, c, r)).implies(
                s.is_at(r, "joining", "joining-hidden", *(("joining-runs",) if tasks else ()))
                | (s.is_at(r, *handing_out) & (s.first[c] < s.at[r]))
            )
        )
        yield claim("a piece begins at its first cluster", Request)(
            lambda s, r: (is_piece(s, r) & guest(s, r) & ~s.is_at(r, "lookup-hidden")).implies(
                (s.at[r] == s.first[r]) | (s.filling[r] == "tail") if tasks else s.at[r] == s.first[r]
            )
        )
        yield claim("pieces of the hidden disk lie in what was asked for and looked up", Request, Request)(
            lambda s, c, r: (moves(s, c, r) & s.is_at(r, "lookup-hidden", "joining-hidden")).implies(
                s.within(c, LOOKED_UP)
                & ~s.hidden_tracked[c]
                & (s.asked[r] <= s.at[c])
                & (s.upto[c] <= s.until[r])
                & (s.is_at(r, "joining-hidden") | (s.upto[c] <= s.at[r]))
            )
        )
        yield claim("pieces of the active disk enter the hidden disk's list themselves", Request, Request)(
            lambda s, c, r: (moves(s, c, r) & s.is_at(r, "lookup-active", "joining")).implies(
                s.is_at(c, "active-read", "to-hidden") | s.hidden_tracked[c]
            )
        )
        yield claim("who is below the hidden disk's list and not on it is a piece", Request)(
            lambda s, r: (s.within(r, node.through) & ~s.hidden_tracked[r]).implies(is_piece(s, r))
        )
        yield claim("a guest write asks the hidden disk for one cluster, or for all of its run", Request)(
            lambda s, r: (is_kind(s, r, "guest-write") & s.within(r, BELOW_ACTIVE)).implies(
                s.asked[r] == If(s.filling[r] == "all", s.run[r], s.at[r])
            )
        )
        yield claim("a guest write hands out what it reads at once, which is all of it", Request)(
            lambda s, r: (s.filling[r] == "all").implies(
                is_piece(s, r) | (s.merged[r] & (s.run[r] == s.first[r]) & (s.until[r] == s.end[r]))
            )
        )
        if not tasks:
            yield claim("no piece has an allocation in flight", Request)(
                lambda s, r: s.allocating[r].implies(~is_piece(s, r))
            )
        yield claim("who joins what a guest write has read at once is such a write", Request)(
            lambda s, r: (is_kind(s, r, "guest-write") & s.is_at(r, "joining-hidden")).implies(
                s.filling[r] == "all"
            )
        )
        yield claim("who has handed nothing out of the hidden disk is where it asked from", Request)(
            lambda s, r: (s.within(r, BELOW_ACTIVE) & ~s.is_at(r, "lookup-hidden")).implies(
                s.asked[r] == s.at[r]
            )
        )
        yield claim("a guest read asks from its first cluster on", Request)(
            lambda s, r: (
                (s.asked[r] == s.first[r]) | (is_kind(s, r, "guest-write") & s.within(r, BELOW_ACTIVE))
            )
        )

    def levels(self, parts: Parts) -> Iterator[Level]:
        """Say who waits for allocations, and for pieces."""
        yield from super().levels(parts)
        yield Level(
            "the pieces of a read",
            "a read waits for its pieces, which go to the hidden disk's list at most",
            lambda s, r: s.is_at(r, "joining") | _joins(s, r, "active"),
        )
        yield Level(
            "the pieces of a read of the hidden disk",
            "who is on the hidden disk's list waits for its pieces, which go to the secondary's list at most",
            lambda s, r: s.is_at(r, "joining-hidden") | _joins(s, r, "hidden"),
        )

    def given(self, parts: Parts) -> Iterator[Claim]:
        """Say that a read of several clusters has a piece wherever one may begin."""
        yield claim("a read of several clusters has a piece at each, but a piece's piece", Request, Cluster)(
            lambda s, r, k: (
                is_kind(s, r, "guest-read") & ~s.deep[r] & own(s, r, k) & ~is_whole(s, r)
            ).implies(s.piece_at[r, k] != nobody(Request))
        )
        yield claim("a guest write that reads all at once has a piece at each", Request, Cluster)(
            lambda s, r, k: (s.merged[r] & ~is_piece(s, r) & own(s, r, k) & ~is_whole(s, r)).implies(
                is_kind(s, r, "guest-write") & (s.piece_at[r, k] != nobody(Request))
            )
        )


def _ends(s: State, r: Expr, tasks: GuestTasks | None) -> None:
    """End the range: a piece is over and as if never begun, a read finishes, a guest write goes on."""
    piece = is_piece(s, r)
    writes = is_kind(s, r, "guest-write") & ~piece
    then_tail = writes & overlay.reads_tail_next(s, r)
    if tasks is not None:
        writes = writes | is_task(s, r)
        then_tail = then_tail & ~s.written[r]
    filled = If(then_tail, s.place(r, "to-hidden"), "active-write")
    s.go(r, If(writes, filled, If(piece, s.place(r, "unborn"), "finishing")))
    s.at[r] = If(then_tail, s.last[r], If(writes, s.run[r], s.first[r]))
    s.until[r] = If(writes, s.until[r], s.end[r])
    s.upto[r] = s.end[r]
    s.filling[r] = If(then_tail, overlay.filling("tail"), "nothing")
    s.asked[r] = If(then_tail, s.last[r], s.first[r])
    s.overtaken[r] = s.overtaken[r] & ~piece


def _joins(s: State, r: Expr, disk: str) -> Expr:
    """Tell whether r hands no more pieces out of the disk: there are none, or one has failed."""
    joining = "joining" if disk == "active" else "joining-hidden"
    return s.is_at(r, joining) | (s.is_at(r, f"lookup-{disk}") & s.piece_failed[r])


def _fails(s: State, r: Expr, tasks: GuestTasks | None) -> None:
    """End the range with an error: a piece's is its request's."""
    piece = is_piece(s, r)
    allocating = s.allocating[r]
    if tasks is not None:
        allocating = allocating & ~piece
        tasks.give_up(s, r)
    for q in s.each(Request):
        s.piece_failed[q] = (s.piece_failed[q] & (q != r)) | (s.parent[r] == q)
    for x in s.each(Sector):
        s.copied[r, x] = nobody(Request)
    s.go(r, If(piece, s.place(r, "unborn"), "failing"))
    s.at[r] = If(is_kind(s, r, "guest-write"), s.run[r], s.first[r])
    s.until[r] = If(allocating, s.until[r], s.end[r])
    s.upto[r] = s.end[r]
    s.filling[r] = "nothing"
    s.asked[r] = s.first[r]
    s.overtaken[r] = s.overtaken[r] & ~piece
