"""discard-source of a backup that reads the snapshot: what it has copied it discards there (9.1 on).

Its task has ended by then, and left block-copy's list, so nobody waits for the discard; it goes the way of a
client's. Access is closed, writes copy no more, and the target's data go, whoever reads them meanwhile: that
is safe for a single client, which reads each cluster once. What a write is just copying there lands after the
discard, and is never read. Here every reader is such a task, that of a chunk as long as its read.
Source: block/block-copy.c block_copy_task_entry (9.1, 0fd05c8d80); block/copy-before-write.c
cbw_co_pdiscard_snapshot.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from cowpath.model.language.claim import Claim, claim
from cowpath.model.language.expression import Expr
from cowpath.model.language.system import State, System
from cowpath.model.stack.part import Part, Parts
from cowpath.model.stack.snapshot_access import discard_in_target, give_up
from cowpath.model.stack.world import GUEST_READS, WHOLE, Request

_SOURCE = "block/block-copy.c block_copy_task_entry, 9.1"


@dataclass(frozen=True)
class DiscardSource(Part):
    """What a reader does with what it has read, where the option is set."""

    @property
    def options(self) -> tuple[str, ...]:
        """Whether it does so."""
        return ("discard_source",)

    def declare(self, system: System, parts: Parts) -> None:
        """Declare where a reader is then."""
        system.programs["pc"].place(
            "source-discarding", "about to discard in the target", of=GUEST_READS, within=(WHOLE,)
        )

    def act(self, system: System, parts: Parts) -> None:
        """Add the two steps."""

        @system.action("source.give-up", r=Request, source=_SOURCE)
        def begin(s: State, r: Expr) -> None:
            """Gives up the whole clusters that it has read: closed to reads, not to be copied."""
            s.require_at(r, "finishing")
            s.require(s.discard_source, "discards what it has read", location=True)
            give_up(s, lambda k: s.gives_up[r, k])
            s.go(r, "source-discarding")

        @system.action("source.discard", r=Request, source=_SOURCE)
        def discard(s: State, r: Expr) -> None:
            """Discards them in the target."""
            s.require_at(r, "source-discarding")
            discard_in_target(s, r, lambda k: s.gives_up[r, k])
            s.go(r, "done")

    def claims(self, parts: Parts) -> Iterator[Claim]:
        """Say that nobody discards where that is not asked for."""
        yield claim("a reader discards what it has read where the option is set", Request)(
            lambda s, r: s.is_at(r, "source-discarding").implies(s.discard_source)
        )
