"""The checkpoint: the secondary's content becomes the snapshot, both overlays are emptied.

COLO quiesces first (vm_stop on both sides; migration/colo.c, 4.0): it is made in a drained section, in which
nobody comes. Nothing in block/ checks that.
Source: block/replication.c secondary_do_checkpoint; block/backup.c backup_do_checkpoint (2.8).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from cowpath.model.language.claim import Claim, Level, claim
from cowpath.model.language.expression import Expr, nobody
from cowpath.model.language.system import State, System
from cowpath.model.stack.drain import Drain
from cowpath.model.stack.part import Part, Parts
from cowpath.model.stack.replication import Replication
from cowpath.model.stack.world import (
    CHECKPOINTS,
    WHOLE,
    Cluster,
    Request,
    Sector,
    in_flight,
    is_kind,
    wait_for_in_flight,
)

_SOURCE = "block/replication.c secondary_do_checkpoint, backup_do_checkpoint, 2.8"
_IGNORED = "block/replication.c replication_do_checkpoint, 5.0 (08ddb4eb6d)"


@dataclass(frozen=True)
class Checkpoint(Part):
    """The checkpoint. With `drained` it runs in a drained section of its own.

    `keeps_data`: what is unmapped stays in the overlays' files until it is mapped anew, as where QEMU passes
    no discards on to them; who has looked it up before may read it still. Else it reads as it was at first.

    Drained, or quiesced by COLO, it is one step: nobody else can move. Otherwise each of its metadata updates
    lets others run in between. Where the design has no drained sections, it waits where it begins.
    """

    drained: bool = False
    keeps_data: bool = False

    @property
    def kinds(self) -> tuple[str, ...]:
        """Checkpoints."""
        return ("checkpoint",)

    @property
    def options(self) -> tuple[str, ...]:
        """Whether somebody quiesces."""
        return ("quiesced_checkpoint",)

    def drains(self, s: State, r: Expr) -> Iterator[tuple[str, Expr]]:
        """Yield that one which is quiesced begins with a drained section."""
        yield "outside", is_kind(s, r, "checkpoint") & self._quiesced(s)

    def _quiesced(self, s: State) -> Expr:
        return s.quiesced_checkpoint | self.drained

    def declare(self, system: System, parts: Parts) -> None:
        """Declare where a checkpoint that nobody quiesced is."""
        pc = system.programs["pc"]
        pc.place("active-emptied", "about to empty the hidden disk", of=CHECKPOINTS, within=(WHOLE,))
        pc.place("done-cleared", "about to empty the active disk", of=CHECKPOINTS, within=(WHOLE,))

    def act(self, system: System, parts: Parts) -> None:
        """Add the checkpoint, whole and in steps."""
        replication, drain = parts.find(Replication), parts.find(Drain)
        start = system.programs["pc"].start

        def come(s: State, r: Expr) -> None:
            """Require a checkpoint that begins, or is in its drained section if it is quiesced."""
            s.require_at(r, start, *(("drained",) if drain else ()))
            s.require(is_kind(s, r, "checkpoint"), "is a checkpoint", location=True)
            if drain is not None:
                s.require(s.is_at(r, "drained") == self._quiesced(s), "drained if quiesced", location=True)
                drain.leave(s, r)

        def quiesce(s: State) -> None:
            if drain is None:
                wait_for_in_flight(s, when=self._quiesced(s))

        @system.action("checkpoint.refused", r=Request, source=_SOURCE)
        def refused(s: State, r: Expr) -> None:
            """Finds no job: an error."""
            come(s, r)
            s.require(s.job == "freed", "there is no job")
            quiesce(s)  # COLO quiesces before it asks
            if replication is not None:
                if replication.ignores:
                    s.require(~replication.ended(system, s), "replication has not ended")
                replication.touch(s, r, when=~replication.ended(system, s))
            s.go(r, "failed")

        if replication is not None and replication.ignores:

            @system.action("checkpoint.ignored", r=Request, source=_IGNORED)
            def ignored(s: State, r: Expr) -> None:
                """Is ignored: replication has ended."""
                come(s, r)
                s.require(replication.ended(system, s), "replication has ended")
                quiesce(s)
                s.go(r, "done")

        @system.action("checkpoint", r=Request, source=_SOURCE)
        def whole(s: State, r: Expr) -> None:
            """Makes a checkpoint while nothing is in flight."""
            come(s, r)
            s.require(s.job == "running", "there is a job")
            s.require(self._quiesced(s), "quiesced", location=True)
            quiesce(s)
            if drain is not None:  # whom it has not seen, if it wakes without counting, is in flight still
                _overtake(s)
            _clear_done(s)
            self._empty(s, "active")
            self._empty(s, "hidden")
            s.go(r, "done")

        @system.action("checkpoint.clear-done", r=Request, source=_SOURCE)
        def clear_done(s: State, r: Expr) -> None:
            """Clears the done bits: a new epoch."""
            s.require_at(r, start)
            s.require(is_kind(s, r, "checkpoint"), "is a checkpoint", location=True)
            s.require(s.job == "running", "there is a job")
            s.require(~self._quiesced(s), "not quiesced", location=True)
            _clear_done(s)
            _overtake(s)
            s.go(r, "done-cleared")

        @system.action("checkpoint.empty-active", r=Request, source=_SOURCE)
        def empty_active(s: State, r: Expr) -> None:
            """Empties the active disk."""
            s.require_at(r, "done-cleared")
            self._empty(s, "active")
            s.go(r, "active-emptied")

        @system.action("checkpoint.empty-hidden", r=Request, source=_SOURCE)
        def empty_hidden(s: State, r: Expr) -> None:
            """Empties the hidden disk."""
            s.require_at(r, "active-emptied")
            self._empty(s, "hidden")
            s.go(r, "done")

    def _empty(self, s: State, disk: str) -> None:
        for k in s.each(Cluster):
            s[f"in_{disk}"][k] = False
        if not self.keeps_data:
            for x in s.each(Sector):
                s[disk][x] = nobody(Request)

    def claims(self, parts: Parts) -> Iterator[Claim]:
        """Say that, quiesced, a checkpoint is one step."""
        yield claim("nobody sees a checkpoint half made", Request)(
            lambda s, r: ~s.is_at(r, "done-cleared", "active-emptied")
        )

    def levels(self, parts: Parts) -> Iterator[Level]:
        """Say whom it waits for, if not in a drained section."""
        if parts.has(Drain):
            return
        yield Level(
            "checkpoints",
            "a checkpoint waits for requests in flight, and for the end of the job if that has begun; nobody "
            "waits for a checkpoint",
            lambda s, r: is_kind(s, r, "checkpoint"),
        )


def _overtake(s: State) -> None:
    for q in s.each(Request):
        s.overtaken[q] = s.overtaken[q] | (in_flight(s, q) & is_kind(s, q, "guest-read"))


def _clear_done(s: State) -> None:
    for k in s.each(Cluster):
        s.done[k] = False
    for x in s.each(Sector):
        s.epoch[x] = s.secondary[x]
