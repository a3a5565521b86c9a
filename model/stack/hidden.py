"""The hidden disk's node where the job's writes to it are serialising (3.0 on).

A copy claims its clusters and is serialising; a guest's request claims what it was asked to read there,
until all of it is read. A copy's write to the hidden disk so waits for the whole span of a read, its look-up
there and its read of the secondary disk below, and the data write comes after it.
QEMU finds out itself whether that is needed: whether the job's source is a node of the target's chain. Where
it is not, though its data are (a filter is between them), copies go unserialised.
Source: block/backup.c, BDRV_REQ_SERIALISING (3.0, f8d59dfb40); block/block-copy.c block_copy_state_new
(bdrv_chain_contains).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from cowpath.model.language.claim import Claim, Level, claim
from cowpath.model.language.expression import Expr, If
from cowpath.model.language.sorts import Position
from cowpath.model.language.system import List, State, System
from cowpath.model.stack.part import Part, Parts
from cowpath.model.stack.tracked import Node
from cowpath.model.stack.world import (
    BELOW_ACTIVE,
    TO_SECONDARY,
    Cluster,
    Request,
    Sector,
    asked_for,
    in_extent,
    is_kind,
    is_write,
    running,
)


def _claims(s: State, r: Expr, x: Expr) -> Expr:
    read = asked_for(s, r, x) & (s.asked[r] <= s.cluster_of[x]) & (s.cluster_of[x] < s.until[r])
    return If(is_write(s, r), in_extent(s, r, x), read)


def _serialises(s: State, r: Expr) -> Expr:
    return is_write(s, r) & ~s.source_outside_chain


NODE = Node("hidden", "the hidden disk", _claims, _serialises)


@dataclass(frozen=True)
class SerialisingTarget(Part):
    """Writes of the job to its target serialise there."""

    @property
    def options(self) -> tuple[str, ...]:
        """Whether QEMU takes them for writes that need not."""
        return ("source_outside_chain",)

    def declare(self, system: System, parts: Parts) -> None:
        """Declare the list; a guest's request asks the hidden disk for clusters [asked, until)."""
        NODE.declare(system)
        system.variable(
            "asked", Request, sort=Position(Cluster), initial=lambda s, r: s.first[r], internal=True
        )

    def claims(self, parts: Parts) -> Iterator[Claim]:
        """Say why what a read on the list has found missing in the hidden disk stays uncopied."""
        yield from NODE.invariants()
        yield claim("a read on the hidden disk's list has entered all that it still looks up", Request)(
            lambda s, r: s.within(r, BELOW_ACTIVE).implies(s.asked[r] <= s.at[r])
        )
        yield claim("what a read goes to the secondary disk for is not in the hidden disk", Request, Sector)(
            lambda s, r, x: (
                running(s)
                & is_kind(s, r, "guest-read")
                & s.within(r, TO_SECONDARY)
                & s.reads[r, x]
                & in_extent(s, r, x)
            ).implies(~s.in_hidden[s.cluster_of[x]])
        )

    def levels(self, parts: Parts) -> Iterator[Level]:
        """Say who waits there."""
        yield Level(
            NODE.list.name,
            "copies and readers wait there for those past it, which go to the secondary disk and wait there "
            "at most",
            lambda s, r: s.within(r, NODE.parked),
        )

    def keeps_apart(self, parts: Parts) -> Iterator[List]:
        """Yield the list."""
        yield NODE.list
