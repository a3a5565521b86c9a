"""A discard on the source, from the NBD server: before 2.7 nobody is told of it, so that old data are lost.

It is of whole blocks. What is discarded reads as data of the discard's own.
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
    """Discards go the way of an aligned write; unless `noticed` they run no notifier and wait for nobody."""

    noticed: bool

    @property
    def kinds(self) -> tuple[str, ...]:
        """Discards on the source."""
        return ("source-discard",)

    def act(self, system: System, parts: Parts) -> None:
        """Add the first step of a discard that nobody notices; the others are a write's."""
        if self.noticed:
            return

        @system.action("discard.begin", r=Request, source="block/io.c bdrv_co_discard, 2.6")
        def begin(s: State, r: Expr) -> None:
            """Enters the secondary's node; no notifier runs."""
            s.require_at(r, "idle")
            s.require(is_kind(s, r, "source-discard"), "is a source-discard", location=True)
            node_of(parts).enter(s, r)
            s.go(r, "write")


def unnoticed(s: State, r: Expr, parts: Parts) -> Expr | None:
    """Tell whether r is a discard that does not go the way of writes; None where there is no such thing."""
    part = parts.find(SourceDiscards)
    return None if part is None or part.noticed else is_kind(s, r, "source-discard")
