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
from cowpath.model.language.system import List, State, System
from cowpath.model.stack.part import Part, Parts
from cowpath.model.stack.world import STOPS, WHOLE, Job, Request, is_kind, wait_for_in_flight

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
    the completion callback normally does. With `drains` the design itself always does.
    """

    drains: bool = False

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

    def declare(self, system: System, parts: Parts) -> None:
        """Declare where a stop is."""
        pc = system.programs["pc"]
        pc.place("stopping", "about to take the flush_rwlock", of=STOPS, within=(WHOLE,))
        pc.place("stopped", "about to free the job", of=STOPS, within=(WHOLE,))

    def act(self, system: System, parts: Parts) -> None:
        """Add the three steps."""

        @system.action("stop.cancel", r=Request, source=_SOURCE)
        def cancel(s: State, r: Expr) -> None:
            """Cancels the job, removes its notifier."""
            _come(s, r)
            s.require(s.job == "running", "there is a job")
            s.job = "ending"
            s.go(r, "stopping")

        _refused(system)

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
            s.require_at(r, "stopped")
            wait_for_in_flight(s, when=None if self.drains else s.drain_on_stop)
            s.job = constant(Job, "freed")
            s.go(r, "done")

    def claims(self, parts: Parts) -> Iterator[Claim]:
        """Say who ends the job."""
        yield _ending("stopping", "stopped")

    def levels(self, parts: Parts) -> Iterator[Level]:
        """Say whom a stop waits for."""
        yield _level(*self.kinds)


@dataclass(frozen=True)
class FilterEnd(Part):
    """The end of a job with a filter, which is removed inside a drained section.

    `frees_first`: in 4.2 block-copy's state was freed before that (503ca1262b repaired it in 5.0).
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
            system.programs["pc"].place("stopped", "about to remove the filter", of=STOPS, within=(WHOLE,))

    def act(self, system: System, parts: Parts) -> None:
        """Add the steps."""
        source = "block/backup.c backup_clean, " + ("4.2" if self.frees_first else "5.0 (503ca1262b)")
        if self.frees_first:

            @system.action("stop.free", r=Request, source=source)
            def free(s: State, r: Expr) -> None:
                """Frees block-copy's state."""
                _come(s, r)
                s.require(s.job == "running", "there is a job")
                s.job = "ended"
                s.go(r, "stopped")

        @system.action("stop.remove", r=Request, source=source)
        def remove(s: State, r: Expr) -> None:
            """Removes the filter in a drained section."""
            s.require_at(r, "stopped" if self.frees_first else "idle")
            s.require(is_kind(s, r, "stop"), "is a stop", location=True)
            if not self.frees_first:
                s.require(s.job == "running", "there is a job")
            wait_for_in_flight(s)
            self.removed(s)
            s.job = "freed"
            s.go(r, "done")

        self.again(system)

    def removed(self, s: State) -> None:
        """Assign what else changes when a stop has removed the filter."""

    def again(self, system: System) -> None:
        """Add what comes of a stop that finds no job."""
        _refused(system)

    def claims(self, parts: Parts) -> Iterator[Claim]:
        """Say who ends the job."""
        if self.frees_first:
            yield _ending("stopped")

    def levels(self, parts: Parts) -> Iterator[Level]:
        """Say whom a stop waits for."""
        yield _level(*self.kinds)


def _come(s: State, r: Expr) -> None:
    s.require_at(r, "idle")
    s.require(is_kind(s, r, "stop"), "is a stop", location=True)


def _refused(system: System) -> None:
    @system.action("stop.refused", r=Request, source="block/replication.c replication_stop, 2.8")
    def refused(s: State, r: Expr) -> None:
        """Finds no job, or one that is ending: an error."""
        _come(s, r)
        s.require(s.job != "running", "there is no job")
        s.go(r, "failed")


def _ending(*places: str) -> Claim:
    return claim("while the job is ending a stop is at it")(
        lambda s: ((s.job == "ending") | (s.job == "ended")).implies(
            exists(Request, lambda q: s.is_at(q, *places))
        )
    )
