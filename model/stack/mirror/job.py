"""What the job comes to: ready, paused by the user, switched to active writes, completed.

Source: block/mirror.c mirror_run, mirror_complete, mirror_change; block/io.c bdrv_drained_begin.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from cowpath.model.language.claim import Claim, Level, claim
from cowpath.model.language.expression import Expr, coerce, exists
from cowpath.model.language.sorts import BOOL
from cowpath.model.language.system import State, System
from cowpath.model.stack.mirror.background import Background
from cowpath.model.stack.mirror.start import Start
from cowpath.model.stack.mirror.world import (
    ACTIVE,
    BACKGROUND,
    DRAIN,
    LISTED,
    OPERATIONS,
    UNCOPIED,
    USERS,
    Chunk,
    Request,
    in_flight,
    some_dirty,
    wait_parked,
)
from cowpath.model.stack.part import Part, Parts

_RUN = "block/mirror.c mirror_run"


@dataclass(frozen=True)
class Completion(Part):
    """The rest of the loop, from where nothing is dirty and nothing in flight.

    `syncs_again`: each time that it comes there it notes that both are in step, not only when it becomes
    ready (8.2). `looks_after_flush`, of the repair: only if
    nothing is dirty then.
    """

    syncs_again: bool = False
    looks_after_flush: bool = False

    def declare(self, system: System, parts: Parts) -> None:
        """Declare where the background then is."""
        pc = system.programs["pc"]
        pc.place("flushing", "flushing the target before it is ready", of=BACKGROUND)
        pc.place("draining", "in its drained section", of=BACKGROUND)
        pc.place("ended", "over", of=BACKGROUND)

    def act(self, system: System, parts: Parts) -> None:
        """Add the steps."""
        background = parts.the(Background)

        def idle(s: State, j: Expr) -> None:
            background.body(s, j)
            wait_parked(s, j)
            s.require(~some_dirty(s), "nothing is dirty")
            s.require(~in_flight(s), "nothing is in flight")

        @system.action("loop.flush", j=Request, source=f"{_RUN}, mirror_flush")
        def flush(s: State, j: Expr) -> None:
            """Finds nothing to copy: flushes the target."""
            idle(s, j)
            s.require(~s.ready, "not ready yet")
            s.go(j, "flushing")

        @system.action("loop.ready", j=Request, source=f"{_RUN}, job_transition_to_ready")
        def ready(s: State, j: Expr) -> None:
            """Is ready."""
            s.require_at(j, "flushing")
            s.ready = True
            clean = s.copying_writes & ~some_dirty(s) if self.looks_after_flush else s.copying_writes
            s.actively_synced = s.actively_synced | clean
            s.go(j, "loop")

        if self.syncs_again:

            @system.action("loop.synced", j=Request, source="c45d0e1af0, 8.2")
            def synced(s: State, j: Expr) -> None:
                """Finds both in step again."""
                idle(s, j)
                s.require(s.ready, "ready")
                s.require(s.copying_writes & ~s.actively_synced, "in step, and not known to be")
                s.actively_synced = True
                s.go(j, "loop")

        @system.action("finish.drain", j=Request, source=_RUN)
        def drain(s: State, j: Expr) -> None:
            """Drains the source."""
            idle(s, j)
            s.require(s.ready & s.to_complete, "is to complete")
            s.drained = True
            s.go(j, "draining")

        def drained(s: State, j: Expr) -> None:
            s.require_at(j, "draining")
            s.wait_on(DRAIN, Request, lambda q: s.within(q, ACTIVE, UNCOPIED))

        @system.action("finish.again", j=Request, source=_RUN)
        def again(s: State, j: Expr) -> None:
            """Finds something dirty again: the drained section ends."""
            drained(s, j)
            s.require(some_dirty(s), "something is dirty")
            s.drained = False
            s.go(j, "loop")

        @system.action("finish.end", j=Request, source=f"{_RUN}, mirror_exit_common")
        def end(s: State, j: Expr) -> None:
            """Ends: the target takes the source's place."""
            drained(s, j)
            s.require(~some_dirty(s), "nothing is dirty")
            s.over = True
            s.drained = False
            s.go(j, "ended")

    def claims(self, parts: Parts) -> Iterator[Claim]:
        """Say what is over when the job is."""
        yield claim("the source is drained while the background is in its drained section")(
            lambda s: s.drained == exists(Request, lambda j: s.is_at(j, "draining"))
        )
        yield claim("in the drained section and after it no operation is left", Request, Request)(
            lambda s, j, o: (s.is_at(j, "draining", "ended") & OPERATIONS.holds(s, o)).implies(
                ~s.within(o, LISTED)
            )
        )
        yield claim("when the mirror is over so is the background", Request)(
            lambda s, j: (s.over & BACKGROUND.holds(s, j)).implies(s.is_at(j, "ended"))
        )
        yield claim("when the mirror is over nobody is in it", Request)(
            lambda s, r: s.over.implies(~s.within(r, LISTED, UNCOPIED))
        )
        yield claim("when the mirror is over nothing is dirty", Chunk)(
            lambda s, c: s.over.implies(s.begun & ~s.dirty[c])
        )

    def levels(self, parts: Parts) -> Iterator[Level]:
        """Yield the drained section."""
        yield Level(
            DRAIN.name,
            "in its drained section the background waits for writes inside the filter; only new writes "
            "wait for it",
            lambda s, j: s.is_at(j, "draining"),
        )

    def rests(self, s: State, j: Expr) -> Expr:
        """Tell whether the background has nothing to do: ready, all copied, and asked for nothing."""
        asked = s.to_complete
        if self.syncs_again:
            asked = asked | (s.copying_writes & ~s.actively_synced)
        quiet = s.ready & ~some_dirty(s) & ~in_flight(s) & ~s.to_pause & ~asked
        return s.is_at(j, "loop", "slot", "paused") & quiet


@dataclass(frozen=True)
class Commands(Part):
    """What the user asks of the job: to pause, to go on, to complete, and (8.2) to copy writes now."""

    changes_mode: bool = False

    @property
    def kinds(self) -> tuple[str, ...]:
        """The commands."""
        return ("pause", "resume", "complete", *(("change-mode",) if self.changes_mode else ()))

    def act(self, system: System, parts: Parts) -> None:
        """Add a step for each."""
        start = parts.the(Start)

        def command(kind: str, says: str, source: str, does: Callable[[State], None]) -> None:
            @system.action(kind, r=Request, says=says, source=source)
            def asks(s: State, r: Expr) -> None:
                s.require_at(r, "idle")
                s.require(s.kind[r] == kind, f"is a {kind}", location=True)
                s.require(accepted(s, kind, start), "is accepted", location=True)
                does(s)
                s.go(r, "done")

        def set_(variable: str, value: bool) -> Callable[[State], None]:
            return lambda s: setattr(s, variable, coerce(value, BOOL))

        command("pause", "asks the job to pause", "job.c job_user_pause", set_("to_pause", True))
        command("resume", "lets the job go on", "job.c job_user_resume", set_("to_pause", False))
        command(
            "complete",
            "asks the job to complete",
            "block/mirror.c mirror_complete",
            set_("to_complete", True),
        )
        if self.changes_mode:
            command(
                "change-mode",
                "lets writes be copied from now on",
                "block/mirror.c mirror_change",
                set_("copying_writes", True),
            )

    def rejected(self, s: State, r: Expr, parts: Parts) -> Expr:
        """Tell whether r is a command that the job does not accept now."""
        found: Expr = coerce(False, BOOL)
        for kind in self.kinds:
            found = found | ((s.kind[r] == kind) & ~accepted(s, kind, parts.the(Start)))
        return USERS.holds(s, r) & s.is_at(r, "idle") & found


def accepted(s: State, kind: str, start: Start) -> Expr:
    """Tell whether the job accepts a command now; else the user is told of an error, and nothing happens."""
    there = ~s.over & s.born
    return (
        there
        & {
            "pause": ~s.to_pause,
            "resume": s.to_pause,
            "complete": s.ready & ~s.to_complete & ~s.to_pause,
            "change-mode": ~s.copying_writes,
        }[kind]
    )
