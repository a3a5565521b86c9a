"""A write that enters the secondary disk's node from the NBD server: steps W0 to W6.

Order (block/io.c bdrv_co_pwritev, bdrv_aligned_pwritev, 2.8): begin tracked; if unaligned mark serialising,
wait, read head and tail; wait again, and assert that a serialising request did not have to; run the
before-write notifiers; write; end tracked. From 3.0 the last wait and the notifiers are in
bdrv_co_write_req_prepare, in the same order.

A zero-write with ragged ends (bdrv_co_do_zero_pwritev) does the second half once for each piece, head,
middle and tail, with the same tracked entry. We mark it and read both ends before the first piece; QEMU
reads the tail when it comes to it, which makes no difference while the entry keeps all writers out.
Head and tail are read in one step, for the same reason.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from cowpath.model.language.claim import Claim, claim
from cowpath.model.language.expression import Expr, If, exists, nobody
from cowpath.model.language.program import Region
from cowpath.model.language.system import State, System
from cowpath.model.stack import protocol
from cowpath.model.stack.part import Part, Parts
from cowpath.model.stack.secondary import NotifierInside, node_of, settles
from cowpath.model.stack.source_discards import begins_apart
from cowpath.model.stack.tracked import Node
from cowpath.model.stack.world import WHOLE, WRITES, Request, Sector, is_write

HAS_HEAD_AND_TAIL = Region("a write that has read the head and tail of its blocks")
LEFT_FILTER = Region("a write that has left the filter for the secondary's node")


@dataclass(frozen=True)
class Writes(Part):
    """The steps of a write in the secondary's node.

    With `NotifierInside` it begins there, and after its last wait is at `notify`, which is left to the
    notifier; without, it comes from a filter, at `enter`, and goes straight to its data write.
    """

    @property
    def kinds(self) -> tuple[str, ...]:
        """NBD writes."""
        return ("nbd-write", "nbd-zero")

    def declare(self, system: System, parts: Parts) -> None:
        """Declare where a write is."""
        node, pc = node_of(parts), system.programs["pc"]

        def place(name: str, says: str, *within: Region) -> None:
            pc.place(name, says, of=WRITES, within=(WHOLE, LEFT_FILTER, *within))

        if not parts.has(NotifierInside):
            place("enter", "about to enter the secondary's node")
        place("write-parked", "waiting before its read-modify-write", node.parked)
        place("rmw", "reading head and tail of its blocks", node.past)
        place("settle", "about to wait for the last time", node.past, HAS_HEAD_AND_TAIL)
        place("final-parked", "in its last wait", node.parked)
        place("write", "writing to the secondary disk", node.past, HAS_HEAD_AND_TAIL)
        place("written", "back from the secondary disk", node.past, HAS_HEAD_AND_TAIL)

    def act(self, system: System, parts: Parts) -> None:
        """Add the steps W0 to W6."""
        node = node_of(parts)
        begins, then = ("idle", "notify") if parts.has(NotifierInside) else ("enter", "write")
        node.wait(
            system,
            "write.begin",
            says="enters the secondary's node, serialising",
            arrives=lambda s, r: s.is_at(r, begins) & is_write(s, r) & s.unaligned[r],
            parked="write-parked",
            then=lambda s, r: s.place(r, "rmw"),
            source="block/io.c bdrv_co_pwritev, mark_request_serialising, 2.8",
        )

        @system.action("write.rmw", r=Request)
        def rmw(s: State, r: Expr) -> None:
            """Reads head and tail of its blocks. Source: block/io.c bdrv_co_pwritev, 2.8"""
            s.require_at(r, "rmw")
            protocol.require_transfer_done(s, r)
            s.read_from("secondary", Sector, lambda x: _patched(s, r, x), fails="rmw-read")
            for x in s.each(Sector):
                s.head_tail[r, x] = If(_patched(s, r, x), s.secondary[x], s.head_tail[r, x])
            s.go(r, "settle")
            protocol.end_transfer(s, r)

        @system.action("write.rmw-fails", r=Request)
        def rmw_fails(s: State, r: Expr) -> None:
            """Fails to read head and tail, having written nothing. Source: block/io.c bdrv_co_pwritev, 2.8"""
            s.require_at(r, "rmw")
            protocol.require_transfer_done(s, r)
            s.fails("rmw-read", "the read fails")
            _return(s, r, node, "failed")
            protocol.end_transfer(s, r)

        def arrives(s: State, r: Expr) -> Expr:
            begun = s.is_at(r, begins) & is_write(s, r) & ~s.unaligned[r]
            if (apart := begins_apart(s, r, parts)) is not None:
                begun = begun & ~apart
            return begun | s.is_at(r, "settle")

        node.wait(
            system,
            "write.settle",
            says="passes the last wait",
            arrives=arrives,
            parked="final-parked",
            then=lambda s, r: s.place(r, then),
            source="block/io.c bdrv_aligned_pwritev, 2.8; bdrv_co_write_req_prepare, 3.0",
        )

        @system.action("write.data", r=Request)
        def data(s: State, r: Expr) -> None:
            """Writes to the secondary disk. Source: block/io.c bdrv_aligned_pwritev, 2.8"""
            s.require_at(r, "write")
            protocol.require_transfer_done(s, r)

            def client(x: Expr) -> Expr:
                return s.covers[r, x] & (s.part[r, x] == s.piece[r])

            stale = exists(Sector, lambda x: _adds(s, r, x) & (s.head_tail[r, x] != s.secondary[x]))
            s.write_to(
                "secondary",
                Sector,
                lambda x: client(x) | _adds(s, r, x),
                lambda x: If(client(x), r, s.head_tail[r, x]),
                fails="data-write",
            )
            s.stale_write_back[r] = s.stale_write_back[r] | stale
            for x in s.each(Sector):
                s.head_tail[r, x] = If(_adds(s, r, x), nobody(Request), s.head_tail[r, x])
            s.go(r, "written")
            protocol.end_transfer(s, r)

        @system.action("write.data-fails", r=Request)
        def data_fails(s: State, r: Expr) -> None:
            """Fails to write, or to read head and tail below: an I/O error.

            Source: block/io.c bdrv_aligned_pwritev, 2.8
            """
            s.require_at(r, "write")
            writing = protocol.transfer_done(s, r) & s.struck("data-write")
            reading = s.is_at(r, "rmw", program=protocol.BELOW) & s.struck("protocol-rmw-read")
            s.require(writing | reading, "the write fails, or the read that it needs", location=True)
            _return(s, r, node, "failed")
            protocol.end_transfer(s, r)

        @system.action("write.next-piece", r=Request)
        def next_piece(s: State, r: Expr) -> None:
            """Goes on with its next piece. Source: block/io.c bdrv_co_do_zero_pwritev, 2.8"""
            s.require_at(r, "written")
            s.require(s.piece[r] + 1 < s.parts[r], "pieces are left", location=True)
            s.piece[r] = s.piece[r] + 1
            s.go(r, "settle")

        @system.action("write.end", r=Request)
        def end(s: State, r: Expr) -> None:
            """Completes. Source: block/io.c tracked_request_end, 2.8"""
            s.require_at(r, "written")
            s.require(~(s.piece[r] + 1 < s.parts[r]), "no piece is left", location=True)
            _return(s, r, node, "done")

    def claims(self, parts: Parts) -> Iterator[Claim]:
        """Say that a read-modify-write at the secondary's node undoes nothing, where it keeps its blocks."""
        if settles(parts):
            yield claim("head and tail read for a write are what is there still", Request, Sector)(
                lambda s, r, x: (
                    s.within(r, HAS_HEAD_AND_TAIL)
                    & s.unaligned[r]
                    & s.wide[r, x]
                    & ~s.covers[r, x]
                    & ((s.piece[r] < s.part[r, x]) | ((s.piece[r] == s.part[r, x]) & ~s.is_at(r, "written")))
                ).implies(s.head_tail[r, x] == s.secondary[x])
            )

    def asserts(self, s: State) -> Iterator[Expr]:
        """Yield that no serialising write had to wait again after its read-modify-write reads.

        Source: block/io.c bdrv_aligned_pwritev, "assert(!waited || !req->serialising)" (2.8, 28de2dcd88).
        """
        yield ~exists(Request, lambda r: s.is_at(r, "final-parked") & s.unaligned[r])


def fail(s: State, r: Expr, node: Node) -> None:
    """Return an error to the client, the secondary disk untouched."""
    _return(s, r, node, "failed")


def _return(s: State, r: Expr, node: Node, result: str) -> None:
    s.go(r, result)
    s.piece[r] = 0
    for x in s.each(Sector):
        s.head_tail[r, x] = nobody(Request)
    node.leave(s, r)


def _patched(s: State, r: Expr, x: Expr) -> Expr:
    """Sector x is read for the head or tail of r."""
    return is_write(s, r) & s.unaligned[r] & s.wide[r, x] & ~s.covers[r, x]


def _adds(s: State, r: Expr, x: Expr) -> Expr:
    """Sector x is written back with the piece at hand, though it is not the client's data."""
    return (_patched(s, r, x) & (s.part[r, x] == s.piece[r])) | protocol.patched(s, r, x)
