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

from cowpath.model.language.expression import Expr, If, exists, nobody
from cowpath.model.language.system import State, System
from cowpath.model.stack import protocol
from cowpath.model.stack.tracked import Node
from cowpath.model.stack.world import Request, Sector, at, come_to, in_extent, is_write, place


def secondary_node(
    *, guest_reads_wait: bool = True, lists_unserialised: bool = True, copies_inside: bool = True
) -> Node:
    """Return the secondary disk's node. A read is serialising where copy-on-read is on, as it may write.

    A NO_SERIALISING read (the job's own always is; the guest's if not `guest_reads_wait`) neither waits nor
    copies on read, but is on the list for others to see, unless `lists_unserialised` is off. Where copies
    are not made inside the write (`copies_inside` off), their reads are ordinary requests.
    Source: block/io.c bdrv_co_preadv, bdrv_aligned_preadv (2.8).
    """

    def copies_on_read(s: State) -> Expr:
        return s.copy_on_read & guest_reads_wait

    def claims(s: State, r: Expr, x: Expr) -> Expr:
        written = If(s.unaligned[r], s.wide[r, x], s.covers[r, x])
        read = If(copies_on_read(s), s.wide[r, x], s.reads[r, x]) & in_extent(s, r, x)
        if not copies_inside:
            written = If(copies(s, r), in_extent(s, r, x), written)
        return If(is_write(s, r), written, read)

    def serialising(s: State, r: Expr) -> Expr:
        if copies_inside:
            return If(is_write(s, r), s.unaligned[r], copies_on_read(s))
        return If(is_write(s, r) & ~copies(s, r), s.unaligned[r], copies_on_read(s))

    def copies(s: State, r: Expr) -> Expr:
        return at(s, r, "copy-enter", "copy-enter-parked", "copy-read")

    def meets_read(s: State, r: Expr, q: Expr) -> Expr:
        # The job's read runs inside q, whose write has an entry of its own, and covers one cluster.
        meets = exists(Sector, lambda x: claims(s, r, x) & in_extent(s, q, x))
        return serialising(s, r) & at(s, q, "copy-read") & meets

    nested = meets_read if lists_unserialised and copies_inside else None
    return Node("secondary", "the secondary", claims, serialising, nested, lists_unserialised)


def declare(system: System, node: Node, *, begins: str = "idle", then: str = "notify") -> None:
    """Add the steps of a write from where it `begins` on; after its last wait it comes to `then`.

    The place `notify` is left to the before-write notifier, which goes on to `write`.
    """
    node.wait(
        system,
        "write.begin",
        says="enters the secondary's node, serialising",
        arrives=lambda s, r: at(s, r, begins) & is_write(s, r) & s.unaligned[r],
        parked="write-parked",
        then=lambda s, r: place("rmw"),
        source="block/io.c bdrv_co_pwritev, mark_request_serialising, 2.8",
    )

    @system.action("write.rmw", r=Request)
    def rmw(s: State, r: Expr) -> None:
        """Reads head and tail of its blocks. Source: block/io.c bdrv_co_pwritev, 2.8"""
        come_to(s, r, "rmw")
        protocol.come_through(s, r)
        for x in s.each(Sector):
            s.head_tail[r, x] = If(_patched(s, r, x), s.secondary[x], s.head_tail[r, x])
        s.observe(
            "reads", Sector, lambda x: _patched(s, r, x), lambda x: s.secondary[x], unset="original data"
        )
        s.pc[r] = "settle"
        protocol.come_back(s, r)

    node.wait(
        system,
        "write.settle",
        says="passes the last wait",
        arrives=lambda s, r: (at(s, r, begins) & is_write(s, r) & ~s.unaligned[r]) | at(s, r, "settle"),
        parked="final-parked",
        then=lambda s, r: place(then),
        source="block/io.c bdrv_aligned_pwritev, 2.8; bdrv_co_write_req_prepare, 3.0",
    )

    @system.action("write.data", r=Request)
    def data(s: State, r: Expr) -> None:
        """Writes to the secondary disk. Source: block/io.c bdrv_aligned_pwritev, 2.8"""
        come_to(s, r, "write")
        protocol.come_through(s, r)
        s.require(s.fault[r] != "data-write", "the write succeeds", location=True)
        stale = exists(Sector, lambda x: _adds(s, r, x) & (s.head_tail[r, x] != s.secondary[x]))
        s.stale_write_back[r] = s.stale_write_back[r] | stale
        for x in s.each(Sector):
            own = s.covers[r, x] & (s.part[r, x] == s.piece[r])
            s.secondary[x] = If(own, r, If(_adds(s, r, x), s.head_tail[r, x], s.secondary[x]))
            s.head_tail[r, x] = If(_adds(s, r, x), nobody(Request), s.head_tail[r, x])
        s.pc[r] = "written"
        protocol.come_back(s, r)

    @system.action("write.data-fails", r=Request)
    def data_fails(s: State, r: Expr) -> None:
        """Fails to write: an I/O error. Source: block/io.c bdrv_aligned_pwritev, 2.8"""
        come_to(s, r, "write")
        protocol.come_through(s, r)
        s.require(s.fault[r] == "data-write", "the write fails", location=True)
        _return(s, r, node, "failed")
        protocol.come_back(s, r)

    @system.action("write.next-piece", r=Request)
    def next_piece(s: State, r: Expr) -> None:
        """Goes on with its next piece. Source: block/io.c bdrv_co_do_zero_pwritev, 2.8"""
        come_to(s, r, "written")
        s.require(s.piece[r] + 1 < s.parts[r], "pieces are left", location=True)
        s.piece[r] = s.piece[r] + 1
        s.pc[r] = "settle"

    @system.action("write.end", r=Request)
    def end(s: State, r: Expr) -> None:
        """Completes. Source: block/io.c tracked_request_end, 2.8"""
        come_to(s, r, "written")
        s.require(~(s.piece[r] + 1 < s.parts[r]), "no piece is left", location=True)
        _return(s, r, node, "done")


def fail(s: State, r: Expr, node: Node) -> None:
    """Return an error to the client, the secondary disk untouched."""
    _return(s, r, node, "failed")


def asserts(s: State) -> Expr:
    """Return that no serialising write had to wait again after its read-modify-write reads.

    Source: block/io.c bdrv_aligned_pwritev, "assert(!waited || !req->serialising)" (2.8, 28de2dcd88).
    """
    return ~exists(Request, lambda r: at(s, r, "final-parked") & s.unaligned[r])


def _return(s: State, r: Expr, node: Node, result: str) -> None:
    s.pc[r] = result
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
