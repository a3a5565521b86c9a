"""The protocol node below the secondary disk (its "file" child), with an alignment of its own.

Every transfer from or to the secondary disk passes through it. A data write that is unaligned here is a
read-modify-write once more, serialising on this node's list; the before-write notifier has run by then, so
nothing of the backup is held. Where no request of the scenario is unaligned here the node is transparent.
Source: block/io.c bdrv_co_pwritev, bdrv_aligned_preadv (2.8); request_alignment is per node and not
inherited (bdrv_refresh_limits, 2.8).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from cowpath.model.language.claim import Claim, Level, claim
from cowpath.model.language.expression import Expr, If, exists
from cowpath.model.language.system import State, System
from cowpath.model.stack.part import Part, Parts
from cowpath.model.stack.tracked import Node
from cowpath.model.stack.world import READS_FOR_COPY, READS_SECONDARY, Request, Sector, asked_for, in_extent

BELOW = "below"


def _transfers(s: State, r: Expr) -> Expr:
    return s.is_at(r, "write", "rmw") | s.within(r, READS_FOR_COPY, READS_SECONDARY)


def _claims(s: State, r: Expr, x: Expr) -> Expr:
    written = If(s.protocol_unaligned[r], s.protocol_wide[r, x], reaches_protocol(s, r, x))
    return (
        (s.is_at(r, "write") & written)
        | (s.is_at(r, "rmw") & s.wide[r, x])
        | (s.within(r, READS_FOR_COPY) & in_extent(s, r, x))
        | (s.within(r, READS_SECONDARY) & asked_for(s, r, x) & in_extent(s, r, x))
    )


def _serialising(s: State, r: Expr) -> Expr:
    return s.protocol_unaligned[r] & s.is_at(r, "write")


def reaches_protocol(s: State, r: Expr, x: Expr) -> Expr:
    """Tell whether the write r, as it leaves the secondary's node, contains sector x."""
    return If(s.unaligned[r], s.wide[r, x], s.covers[r, x])


def patched(s: State, r: Expr, x: Expr) -> Expr:
    """Tell whether the protocol node's read-modify-write adds sector x to the write r."""
    return s.protocol_unaligned[r] & s.protocol_wide[r, x] & ~reaches_protocol(s, r, x)


NODE = Node("protocol", "the protocol node", _claims, _serialising, program=BELOW)


@dataclass(frozen=True)
class ProtocolNode(Part):
    """The node's list, and the read-modify-write of what is unaligned there."""

    def declare(self, system: System, parts: Parts) -> None:
        """Declare the list and a second program: where a request's transfer is at this node."""
        NODE.declare(system)
        below = system.program(Request, BELOW, start="out", says="not at the protocol node")
        below.place("parked", "waiting at the protocol node", within=(NODE.parked,))
        below.place("rmw", "reading head and tail of its blocks at the protocol node", within=(NODE.past,))
        below.place("settle", "about to wait there once more", within=(NODE.past,))
        below.place("final-parked", "waiting there after its reads")
        below.place("inside", "past the protocol node's list", within=(NODE.past,))

    def act(self, system: System, parts: Parts) -> None:
        """Add the node's steps."""
        NODE.wait(
            system,
            "protocol.begin",
            says="enters the protocol node",
            arrives=lambda s, r: s.protocol_serialises & _transfers(s, r) & s.is_at(r, "out", program=BELOW),
            parked="parked",
            then=lambda s, r: If(_serialising(s, r), s.place(r, "rmw", BELOW), "inside"),
        )

        @system.action("protocol.rmw", r=Request)
        def rmw(s: State, r: Expr) -> None:
            """Reads head and tail of its blocks at the protocol node.

            Source: block/io.c bdrv_co_pwritev, 2.8
            """
            s.require_at(r, "rmw", program=BELOW)
            s.read_from("secondary", Sector, lambda x: patched(s, r, x), fails="protocol-rmw-read")
            for x in s.each(Sector):
                s.head_tail[r, x] = If(patched(s, r, x), s.secondary[x], s.head_tail[r, x])
            s.go(r, "settle", program=BELOW)

        NODE.wait(
            system,
            "protocol.settle",
            says="has its head and tail, and the protocol node to itself",
            arrives=lambda s, r: s.is_at(r, "settle", program=BELOW),
            parked="final-parked",
            then=lambda s, r: "inside",
        )

    def claims(self, parts: Parts) -> Iterator[Claim]:
        """Say what keeps the list, and that its read-modify-write undoes nothing."""
        yield from NODE.invariants()
        yield claim("who has its head and tail does not wait at the protocol node again", Request)(
            lambda s, r: ~s.is_at(r, "final-parked", program=BELOW)
        )
        yield claim("only transfers are at the protocol node", Request)(
            lambda s, r: s.is_at(r, "out", program=BELOW) | (s.protocol_serialises & _transfers(s, r))
        )
        yield claim("only unaligned writes read head and tail at the protocol node", Request)(
            lambda s, r: s.is_at(r, "rmw", "settle", program=BELOW).implies(_serialising(s, r))
        )
        yield claim("what a write adds at the protocol node is what is there", Request, Sector)(
            lambda s, r, x: (
                s.is_at(r, "write") & s.is_at(r, "settle", "inside", program=BELOW) & patched(s, r, x)
            ).implies(s.head_tail[r, x] == s.secondary[x])
        )

    def levels(self, parts: Parts) -> Iterator[Level]:
        """Say who waits there."""
        yield Level(
            NODE.list.name,
            "a transfer waits for transfers past it on that list, which wait for nobody",
            lambda s, r: s.is_at(r, "parked", "final-parked", program=BELOW),
        )

    def asserts(self, s: State) -> Iterator[Expr]:
        """Yield that no serialising request had to wait again after its read-modify-write reads.

        Source: block/io.c bdrv_aligned_pwritev, "assert(!waited || !req->serialising)" (2.8, 28de2dcd88).
        """
        yield ~exists(Request, lambda r: s.is_at(r, "final-parked", program=BELOW))


def require_transfer_done(s: State, r: Expr) -> None:
    """Require that the transfer in flight has got through the protocol node."""
    s.require(transfer_done(s, r), "inside the protocol node", location=True)


def transfer_done(s: State, r: Expr) -> Expr:
    """Tell whether the transfer in flight has got through the protocol node."""
    return ~s.protocol_serialises | s.is_at(r, "inside", program=BELOW)


def end_transfer(s: State, r: Expr) -> None:
    """End the transfer at the protocol node."""
    s.go(r, "out", program=BELOW)
    NODE.leave(s, r)
