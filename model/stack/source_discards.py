"""A discard on the source, from the NBD server: before 2.7 nobody is told of it, so that old data are lost.

Up to 2.12 it waits for nobody in the source's node, not for a read-modify-write either, which then writes
back what was discarded. It is of whole blocks. What is discarded reads as data of the discard's own.
Source: block/io.c bdrv_co_discard (2.6); ec050f77a5 (2.7); from 3.0 on it goes the way of writes, by
bdrv_co_write_req_prepare.
"""

from __future__ import annotations

from dataclasses import dataclass

from cowpath.model.language.expression import Expr
from cowpath.model.language.system import State, System
from cowpath.model.stack.part import Part, Parts
from cowpath.model.stack.secondary import node_of
from cowpath.model.stack.world import Request, is_kind


@dataclass(frozen=True)
class SourceDiscards(Part):
    """Discards go the way of an aligned write, unless they are not `noticed`, or do not wait.

    `noticed`: they run the notifier (2.7); `waits`: for serialising requests in the source's node (3.0).
    """

    noticed: bool
    waits: bool = True

    @property
    def apart(self) -> bool:
        """Whether they begin in a way of their own."""
        return not (self.noticed and self.waits)

    @property
    def kinds(self) -> tuple[str, ...]:
        """Discards on the source."""
        return ("source-discard",)

    def act(self, system: System, parts: Parts) -> None:
        """Add the first step of a discard that waits for nobody; the others are a write's."""
        if not self.apart:
            return

        @system.action("discard.begin", r=Request, source="block/io.c bdrv_co_discard, 2.6, 2.7")
        def begin(s: State, r: Expr) -> None:
            """Enters the secondary's node, and waits for nobody there."""
            s.require_at(r, "idle")
            s.require(is_kind(s, r, "source-discard"), "is a source-discard", location=True)
            node_of(parts).enter(s, r)
            s.go(r, "notify" if self.noticed else "write")


def begins_apart(s: State, r: Expr, parts: Parts) -> Expr | None:
    """Tell whether r is a discard that does not begin as writes do; None where there is no such thing."""
    part = parts.find(SourceDiscards)
    return is_kind(s, r, "source-discard") if part is not None and part.apart else None
