"""The end of the backup job, or of the filter that came in its place.

The snapshot ends with the job: reads that transfer data later are not judged.
Source: blockjob.c block_job_cancel_sync; block/backup.c backup_run, backup_complete (2.8), backup_clean (4.2,
5.0); block/replication.c replication_stop; block/backup-top.c bdrv_backup_top_drop.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from cowpath.model.language.claim import Claim, Level, claim
from cowpath.model.language.expression import Expr, constant, exists
from cowpath.model.language.program import Region
from cowpath.model.language.system import List, State, System
from cowpath.model.stack.drain import Drain, drain_at
from cowpath.model.stack.part import Part, Parts
from cowpath.model.stack.world import DRAIN, OWED, STOPS, WHOLE, Job, Request, in_flight, is_kind

_SOURCE = "block/backup.c backup_run; blockjob.c block_job_cancel_sync; replication.c replication_stop, 2.8"
_RWLOCK = List("the job's flush_rwlock", "the flush_rwlock for reading", lambda s, q: s.rwlock_read[q])


def _level(*kinds: str) -> Level:
    return Level(
        "the end of the job",
        "a stop waits for requests in flight and for the flush_rwlock, which only writes hold",
        lambda s, r: is_kind(s, r, *kinds),
    )


@dataclass(frozen=True)
class JobEnd(Part):
    """The end of a job with a notifier: notifier removed, flush_rwlock taken, memory freed.

    `drain_on_stop` says whether teardown drains between the last two, as the reopening of the hidden disk in
    the completion callback normally does. With `drained` the design itself always does.
    """

    drained: bool = False

    @property
    def slot(self) -> str:
        """The end of the job."""
        return "end"

    @property
    def kinds(self) -> tuple[str, ...]:
        """Stops."""
        return ("stop",)

    @property
    def options(self) -> tuple[str, ...]:
        """Whether teardown drains."""
        return ("drain_on_stop",)

    def drains(self, s: State, r: Expr) -> Iterator[tuple[str, Expr]]:
        """Yield that teardown does before the job is freed."""
        yield "stopped", is_kind(s, r, "stop") & (s.drain_on_stop | self.drained)

    def declare(self, system: System, parts: Parts) -> None:
        """Declare where a stop is."""
        pc = system.programs["pc"]
        pc.place("stopping", "about to take the flush_rwlock", of=STOPS, within=_within(parts))
        pc.place("stopped", "about to free the job", of=STOPS, within=_within(parts))

    def act(self, system: System, parts: Parts) -> None:
        """Add the three steps."""
        drain, start = parts.find(Drain), system.programs["pc"].start

        @system.action("stop.cancel", r=Request, source=_SOURCE)
        def cancel(s: State, r: Expr) -> None:
            """Cancels the job, removes its notifier."""
            _come(s, r, start)
            s.require(s.job == "running", "there is a job")
            s.job = "ending"
            s.go(r, "stopping")

        self.again(system, parts)

        @system.action("stop.lock", r=Request, source=_SOURCE)
        def lock(s: State, r: Expr) -> None:
            """Holds the job's flush_rwlock for a moment."""
            s.require_at(r, "stopping")
            s.wait_on(_RWLOCK, Request, lambda q: s.rwlock_read[q])
            s.job = "ended"
            s.go(r, "stopped")

        @system.action("stop.free", r=Request, source=_SOURCE)
        def free(s: State, r: Expr) -> None:
            """Frees the job."""
            drain_at(s, r, drain, "stopped", None if self.drained else s.drain_on_stop)
            if drain is not None:
                s.require(is_kind(s, r, "stop"), "is a stop", location=True)
            self.removed(s)
            s.job = constant(Job, "freed")
            s.go(r, "done")

    def removed(self, s: State) -> None:
        """Assign what else changes when a stop has freed the job."""

    def again(self, system: System, parts: Parts) -> None:
        """Add what comes of a stop that finds no job."""
        _refused(system, None)

    def claims(self, parts: Parts) -> Iterator[Claim]:
        """Say who ends the job, and that it drains only where teardown does."""
        yield _ending(parts, "stopping", "stopped")
        if parts.has(Drain):
            yield claim("a stop drains only if teardown does", Request)(
                lambda s, r: (s.is_at(r, "draining") & is_kind(s, r, "stop")).implies(
                    s.drain_on_stop | self.drained
                )
            )

    def levels(self, parts: Parts) -> Iterator[Level]:
        """Say whom a stop waits for."""
        yield from _levels_of_checkpoints(parts)
        yield _level(*self.kinds)


@dataclass(frozen=True)
class FilterEnd(Part):
    """The end of a job with a filter, which is removed inside a drained section.

    `frees_first`: in 4.2 block-copy's state was freed before that (503ca1262b repaired it in 5.0). From 5.0
    on replication drains by itself (`Drain`); here a backup ends, and what is drained is the filter: who
    reads the overlay of its source does not pass that.
    """

    frees_first: bool = False

    @property
    def slot(self) -> str:
        """The end of the job."""
        return "end"

    @property
    def kinds(self) -> tuple[str, ...]:
        """Stops."""
        return ("stop",)

    @property
    def options(self) -> tuple[str, ...]:
        """None is left to whom teardown drains: it always does."""
        return ("drain_on_stop",)

    def declare(self, system: System, parts: Parts) -> None:
        """Declare where a stop is."""
        if self.frees_first:
            pc = system.programs["pc"]
            pc.place("stopped", "about to remove the filter", of=STOPS, within=_within(parts))

    def drains(self, s: State, r: Expr) -> Iterator[tuple[str, Expr]]:
        """Yield that the filter goes in one."""
        if self.frees_first:
            yield "stopped", is_kind(s, r, "stop")
        else:
            yield "outside", is_kind(s, r, "stop") & (s.job == "running")

    def act(self, system: System, parts: Parts) -> None:
        """Add the steps."""
        drain, start = parts.find(Drain), system.programs["pc"].start
        source = "block/backup.c backup_clean, bdrv_backup_top_drop, " + (
            "4.2" if self.frees_first else "5.0 (503ca1262b)"
        )
        if self.frees_first:

            @system.action("stop.free", r=Request, source=source)
            def free(s: State, r: Expr) -> None:
                """Frees block-copy's state."""
                _come(s, r, start)
                s.require(s.job == "running", "there is a job")
                s.job = "ended"
                s.go(r, "stopped")

        @system.action("stop.remove", r=Request, source=source)
        def remove(s: State, r: Expr) -> None:
            """Removes the filter in a drained section."""
            if self.frees_first or drain is not None:
                drain_at(s, r, drain, "stopped" if self.frees_first else start)
            else:
                s.require_at(r, start)
                s.wait_on(DRAIN, Request, lambda q: in_flight(s, q) & ~is_kind(s, q, "guest-read"))
            s.require(is_kind(s, r, "stop"), "is a stop", location=True)
            if not self.frees_first:
                s.require(s.job == "running", "there is a job")
            self.removed(s)
            s.job = "freed"
            s.go(r, "done")

        self.again(system, parts)

    def removed(self, s: State) -> None:
        """Assign what else changes when a stop has removed the filter."""

    def again(self, system: System, parts: Parts) -> None:
        """Add what comes of a stop that finds no job."""
        _refused(system, None if self.frees_first else parts.find(Drain))

    def claims(self, parts: Parts) -> Iterator[Claim]:
        """Say who ends the job."""
        if self.frees_first:
            yield _ending(parts, "stopped")

    def levels(self, parts: Parts) -> Iterator[Level]:
        """Say whom a stop waits for, if not in a drained section."""
        if self.frees_first:
            yield from _levels_of_checkpoints(parts)
        if not parts.has(Drain):
            yield _level(*self.kinds)


def come_again(s: State, r: Expr, start: str, drain: Drain | None) -> None:
    """Require a stop that begins, or that is to end its drained section because others ended the job."""
    s.require_at(r, start, *(("draining",) if drain else ()))
    s.require(is_kind(s, r, "stop"), "is a stop", location=True)
    if drain is not None:
        drain.settle(s, r)


def _come(s: State, r: Expr, start: str) -> None:
    s.require_at(r, start)
    s.require(is_kind(s, r, "stop"), "is a stop", location=True)


def _refused(system: System, drain: Drain | None) -> None:
    @system.action("stop.refused", r=Request, source="block/replication.c replication_stop, 2.8")
    def refused(s: State, r: Expr) -> None:
        """Finds no job, or one that is ending: an error."""
        come_again(s, r, system.programs["pc"].start, drain)
        s.require(s.job != "running", "there is no job")
        s.go(r, "failed")


def _within(parts: Parts) -> tuple[Region, ...]:
    """Return where a stop is that goes on: owed to a checkpoint, which may be in its section until then."""
    return (WHOLE, OWED) if parts.has(Drain) else (WHOLE,)


def _ending(parts: Parts, *places: str) -> Claim:
    drains = parts.has(Drain)

    def ends(s: State, q: Expr) -> Expr:
        there = s.is_at(q, *places)
        return there | (s.is_at(q, "draining") & is_kind(s, q, "stop")) if drains else there

    return claim("while the job is ending a stop is at it")(
        lambda s: ((s.job == "ending") | (s.job == "ended")).implies(exists(Request, lambda q: ends(s, q)))
    )


def _levels_of_checkpoints(parts: Parts) -> Iterator[Level]:
    """Yield that a checkpoint in its drained section waits for the end of the job.

    Where there are no sections it waits where it begins.
    """
    if parts.has(Drain):
        yield Level(
            "checkpoints in drained sections",
            "a checkpoint that is in its section waits for the end of the job if that has begun; who ends it "
            "waits for none",
            lambda s, r: (
                s.is_at(r, "drained")
                & is_kind(s, r, "checkpoint")
                & ((s.job == "ending") | (s.job == "ended"))
            ),
        )
