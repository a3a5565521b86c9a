"""Replication's own state, above its backup job: several ends of it, and what comes after them.

It replicates until a stop or the exit of QEMU. The exit cancels all jobs first and then stops replication,
which by then still counts as running; if it keeps a pointer to its job, it touches freed memory (4.1 - 5.0).
From 5.1 on it forgets the job when that completes. From 5.0 on a stop or a checkpoint after the stop is
ignored; before it is an error.
Source: block/replication.c replication_stop, replication_do_checkpoint, replication_close (5.0, 5.1);
08ddb4eb6d (5.0), e140f4b7b8 (5.1); job.c job_cancel_sync_all.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from cowpath.model.language.claim import Level
from cowpath.model.language.expression import Expr
from cowpath.model.language.system import State, System
from cowpath.model.stack.drain import Drain, drain_at
from cowpath.model.stack.job_end import FilterEnd, JobEnd, come_again
from cowpath.model.stack.part import Part, Parts
from cowpath.model.stack.world import EXITS, OUT, WHOLE, Request, is_kind, touch_job


@dataclass(frozen=True)
class Replication(Part):
    """Replication's own state, to be put before the part that ends its job.

    `forgets_job`: it forgets its job when that has ended (5.1). `ignores`: what comes after its end is
    ignored (5.0); before, it is an error.
    """

    forgets_job: bool = True
    ignores: bool = True

    @property
    def kinds(self) -> tuple[str, ...]:
        """Stops, and the exit of QEMU."""
        return ("stop", "exit")

    def declare(self, system: System, parts: Parts) -> None:
        """Declare whether it replicates, and where an exit is."""
        super().declare(system, parts)
        system.variable("replicating", initial=True)
        pc = system.programs["pc"]
        pc.place("exiting", "with its jobs cancelled, about to close", of=EXITS, within=(WHOLE, OUT))

    def drains(self, s: State, r: Expr) -> Iterator[tuple[str, Expr]]:
        """Yield, too, that an exit drains."""
        yield from super().drains(s, r)
        yield "outside", is_kind(s, r, "exit")

    def removed(self, s: State) -> None:
        """Replicate no more."""
        s.replicating = False

    def again(self, system: System, parts: Parts) -> None:
        """Add the stop after the end, and the exit."""
        drain, start = parts.find(Drain), system.programs["pc"].start
        commits = "committing" in system.variables

        if self.ignores:

            @system.action("stop.ignored", r=Request, source="block/replication.c replication_stop, 5.0")
            def ignored(s: State, r: Expr) -> None:
                """Is ignored: replication has ended."""
                come_again(s, r, start, drain)
                s.require(self.ended(system, s), "it has ended")
                s.go(r, "done")

            if commits:

                @system.action("stop.refused", r=Request, source="block/replication.c replication_stop, 5.0")
                def in_vain(s: State, r: Expr) -> None:
                    """Finds that a failover has failed: an error."""
                    come_again(s, r, start, drain)
                    s.require(s.commit_failed, "a failover has failed")
                    s.go(r, "failed")
        else:

            @system.action("stop.refused", r=Request, source="block/replication.c replication_stop, 4.1")
            def refused(s: State, r: Expr) -> None:
                """Finds that replication has ended, or that its job is ending: an error."""
                come_again(s, r, start, drain)
                s.require(~s.replicating | _is_ending(s), "it has ended")
                s.go(r, "failed")

        @system.action("stop.late", r=Request, source="block/replication.c replication_stop, 5.0")
        def late(s: State, r: Expr) -> None:
            """Finds its job cancelled by others, and cancels it once more."""
            come_again(s, r, start, drain)
            s.require(s.replicating & (s.job == "freed"), "its job has ended")
            self.touch(s, r)
            s.replicating = False
            s.go(r, "done")

        @system.action("exit.cancel", r=Request, source="job.c job_cancel_sync_all")
        def cancel(s: State, r: Expr) -> None:
            """Cancels all jobs, in a drained section."""
            drain_at(s, r, drain, start)
            s.require(is_kind(s, r, "exit"), "is an exit", location=True)
            if not self.ignores:
                s.require(~_is_ending(s), "nobody ends it")
            s.job = "freed"
            if commits:
                s.commit_failed = s.commit_failed | s.committing
                s.committing = False
            s.go(r, "exiting")

        @system.action("exit.close", r=Request, source="block/replication.c replication_close, 5.0")
        def close(s: State, r: Expr) -> None:
            """Closes replication, which stops it if it counts as running."""
            s.require_at(r, "exiting")
            self.touch(s, r, when=s.replicating)
            s.replicating = False
            s.go(r, "done")

    def levels(self, parts: Parts) -> Iterator[Level]:
        """Say, too, whom an exit waits for."""
        yield from super().levels(parts)
        if not self.ignores:
            yield Level(
                "the exit",
                "an exit waits for who is ending the job",
                lambda s, r: is_kind(s, r, "exit"),
            )

    def ended(self, system: System, s: State) -> Expr:
        """Tell whether it has ended: stopped, or failed over and not in vain."""
        over = ~s.replicating
        return over & ~s.commit_failed if "commit_failed" in system.variables else over

    def touch(self, s: State, r: Expr, when: Expr | None = None) -> None:
        """Note that r uses the job that has ended, where it is not forgotten."""
        if not self.forgets_job:
            gone = s.job == "freed"
            touch_job(s, r, gone if when is None else gone & when)


@dataclass(frozen=True)
class FilterReplication(Replication, FilterEnd):
    """Replication whose job is a filter (4.2 on)."""


@dataclass(frozen=True)
class NotifierReplication(Replication, JobEnd):
    """Replication whose job has a notifier (up to 4.1)."""


def _is_ending(s: State) -> Expr:
    return (s.job == "ending") | (s.job == "ended")
