"""The secondary disk's node: who is serialising on its tracked list, and over what range."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from cowpath.model.language.claim import Claim, Level, claim
from cowpath.model.language.expression import Expr, If, exists
from cowpath.model.language.program import Region
from cowpath.model.language.system import State, System
from cowpath.model.stack.part import Part, Parts
from cowpath.model.stack.tracked import Node
from cowpath.model.stack.world import READS_FOR_COPY, Request, Sector, asked_for, in_extent, is_write

COPY_ENTERS = Region("a copy that enters the secondary's node")
COPY_PARKED = Region("a copy that waits on the secondary's tracked list")


@dataclass(frozen=True)
class NotifierInside(Part):
    """The copy is made by a notifier inside the write, which is on the secondary's tracked list meanwhile.

    So the copy's own read carries NO_SERIALISING: it neither waits nor copies on read (2.5 - 4.2). Without
    this part a copy is made before the write enters the node, and its read is an ordinary request there.
    """


@dataclass(frozen=True)
class UnserialisedGuestReads(Part):
    """A guest's read of the secondary disk carries BDRV_REQ_NO_SERIALISING, as the job's own does."""


@dataclass(frozen=True)
class UnserialisedReadsUnlisted(Part):
    """A read with BDRV_REQ_NO_SERIALISING is not on the tracked list, so it is nobody's conflict."""


@dataclass(frozen=True)
class SecondaryNode(Part):
    """The node. A read is serialising where copy-on-read is on, as it may write.

    A NO_SERIALISING read neither waits nor copies on read, but is on the list for others to see.
    Source: block/io.c bdrv_co_preadv, bdrv_aligned_preadv (2.8).
    """

    def declare(self, system: System, parts: Parts) -> None:
        """Declare the list."""
        node_of(parts).declare(system)

    def claims(self, parts: Parts) -> Iterator[Claim]:
        """Say what keeps the list; and that nobody waits there where, in scope, no request is serialising."""
        node = node_of(parts)
        yield from node.invariants()
        if settles(parts):
            yield claim("a serialising write does not wait again", Request)(
                lambda s, r: s.is_at(r, "final-parked").implies(~s.unaligned[r])
            )
            yield claim("only unaligned writes wait and read before they settle", Request)(
                lambda s, r: s.is_at(r, "write-parked", "rmw", "settle").implies(s.unaligned[r])
            )
        else:
            yield claim(f"nobody waits on {node.list.name}", Request)(lambda s, r: ~s.within(r, node.parked))

    def levels(self, parts: Parts) -> Iterator[Level]:
        """Say who waits there, where anybody does."""
        node = node_of(parts)
        if parts.has(UnserialisedGuestReads):
            yield Level(
                node.list.name,
                "a write waits for writes past it on that list, which may be waiting for CowRequests",
                lambda s, r: s.within(r, node.parked),
            )
        elif not parts.has(NotifierInside):
            yield Level(
                node.list.name,
                "reads, copies and writes wait there for those past it, which go on to the protocol node and "
                "wait there at most: a write has copied before it enters",
                lambda s, r: s.within(r, node.parked),
            )


def settles(parts: Parts) -> bool:
    """Tell whether a serialising write that has read head and tail waits for nobody, in every instance.

    Reads of the job, or of a guest, that are on the list for others to see make it wait in the others.
    """
    return not parts.has(NotifierInside) or parts.has(UnserialisedReadsUnlisted)


def node_of(parts: Parts) -> Node:
    """Return the secondary disk's node in a design of these parts."""
    inside = parts.has(NotifierInside)
    guest_reads_wait = not parts.has(UnserialisedGuestReads)
    lists_unserialised = not parts.has(UnserialisedReadsUnlisted)

    def copies_on_read(s: State) -> Expr:
        return s.copy_on_read & guest_reads_wait

    def copies(s: State, r: Expr) -> Expr:
        return s.within(r, COPY_ENTERS, COPY_PARKED, READS_FOR_COPY)

    def blocks(s: State, r: Expr, x: Expr) -> Expr:
        filling = s.filling[r]
        return (filling == "all") | If(filling == "tail", s.wide_tail[r, x], s.wide[r, x])

    def claims(s: State, r: Expr, x: Expr) -> Expr:
        written = If(s.unaligned[r], s.wide[r, x], s.covers[r, x])
        read = If(copies_on_read(s), blocks(s, r, x), asked_for(s, r, x)) & in_extent(s, r, x)
        if not inside:
            written = If(copies(s, r), in_extent(s, r, x), written)
        return If(is_write(s, r), written, read)

    def serialising(s: State, r: Expr) -> Expr:
        if inside:
            return If(is_write(s, r), s.unaligned[r], copies_on_read(s))
        return If(is_write(s, r) & ~copies(s, r), s.unaligned[r], copies_on_read(s))

    def meets_read(s: State, r: Expr, q: Expr) -> Expr:
        # The job's read runs inside q, whose write has an entry of its own, and covers one cluster.
        meets = exists(Sector, lambda x: claims(s, r, x) & in_extent(s, q, x))
        return serialising(s, r) & s.within(q, READS_FOR_COPY) & meets

    nested = meets_read if lists_unserialised and inside else None
    return Node("secondary", "the secondary", claims, serialising, nested, lists_unserialised)
