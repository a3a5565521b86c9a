"""The protocol node below the secondary disk (its "file" child), with an alignment of its own.

Every transfer from or to the secondary disk passes through it. A data write that is unaligned here is a
read-modify-write once more, serialising on this node's list; the before-write notifier has run by then, so
nothing of the backup is held. Where no request of the scenario is unaligned here the node is transparent.
Source: block/io.c bdrv_co_pwritev, bdrv_aligned_preadv (2.8); request_alignment is per node and not
inherited (bdrv_refresh_limits, 2.8).
"""

from __future__ import annotations

from cowpath.model.language.expression import Expr, If, constant, exists
from cowpath.model.language.sorts import Enum
from cowpath.model.language.system import State, System
from cowpath.model.stack.tracked import Node
from cowpath.model.stack.world import Request, Sector, at, in_extent

Below = Enum("Below", ("out", "parked", "rmw", "settle", "final-parked", "inside"))
_IO = ("rmw", "copy-read", "secondary-read", "write")


def _claims(s: State, r: Expr, x: Expr) -> Expr:
    written = If(s.protocol_unaligned[r], s.protocol_wide[r, x], reaches_protocol(s, r, x))
    return (
        (at(s, r, "write") & written)
        | (at(s, r, "rmw") & s.wide[r, x])
        | (at(s, r, "copy-read") & in_extent(s, r, x))
        | (at(s, r, "secondary-read") & s.reads[r, x] & in_extent(s, r, x))
    )


def _serialising(s: State, r: Expr) -> Expr:
    return s.protocol_unaligned[r] & at(s, r, "write")


def reaches_protocol(s: State, r: Expr, x: Expr) -> Expr:
    """Tell whether the write r, as it leaves the secondary's node, contains sector x."""
    return If(s.unaligned[r], s.wide[r, x], s.covers[r, x])


def patched(s: State, r: Expr, x: Expr) -> Expr:
    """Tell whether the protocol node's read-modify-write adds sector x to the write r."""
    return s.protocol_unaligned[r] & s.protocol_wide[r, x] & ~reaches_protocol(s, r, x)


NODE = Node("protocol", "the protocol node", _claims, _serialising)


def declare(system: System) -> None:
    """Add the node's state and steps."""
    NODE.declare(system)
    system.variable("below", Request, sort=Below, initial="out", internal=True)

    NODE.wait(
        system,
        "protocol.begin",
        says="enters the protocol node",
        counter="below",
        arrives=lambda s, r: s.protocol_serialises & at(s, r, *_IO) & (s.below[r] == "out"),
        parked="parked",
        then=lambda s, r: If(_serialising(s, r), constant(Below, "rmw"), "inside"),
    )

    @system.action("protocol.rmw", r=Request)
    def rmw(s: State, r: Expr) -> None:
        """Reads head and tail of its blocks at the protocol node.

        Source: block/io.c bdrv_co_pwritev, 2.8
        """
        s.require(s.below[r] == "rmw", "at rmw below", location=True)
        for x in s.each(Sector):
            s.head_tail[r, x] = If(patched(s, r, x), s.secondary[x], s.head_tail[r, x])
        s.below[r] = "settle"

    NODE.wait(
        system,
        "protocol.settle",
        says="has its head and tail, and the protocol node to itself",
        counter="below",
        arrives=lambda s, r: s.below[r] == "settle",
        parked="final-parked",
        then=lambda s, r: "inside",
    )


def come_through(s: State, r: Expr) -> None:
    """Require that the transfer in flight has got through the protocol node."""
    s.require(~s.protocol_serialises | (s.below[r] == "inside"), "inside the protocol node", location=True)


def come_back(s: State, r: Expr) -> None:
    """End the transfer at the protocol node."""
    s.below[r] = "out"
    NODE.leave(s, r)


def asserts(s: State) -> Expr:
    """Return that no serialising request had to wait again after its read-modify-write reads."""
    return ~exists(Request, lambda r: s.below[r] == "final-parked")
