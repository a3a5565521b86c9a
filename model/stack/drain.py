"""Drained sections: what begins one, who is waited for, who is kept out, and what a job does meanwhile.

A request is counted from its entry to a BlockBackend to its end, wherever it is parked meanwhile. A drained
section begins by quiescing: its counter goes up, and from 4.2 on that keeps newcomers out (the gate): they
park in a queue, not counted. Then it waits until nobody is counted and no job is busy. Whoever ends the last
section wakes the queue; who is woken does not look at the gate again.
What is drained is the whole chain, so one counter serves; it is the number of those in a section.
A section is a request of its own, or a part of a checkpoint, a stop or an exit: the parts say where these
begin one (`Part.drains`) and what they do in it. A stop and an exit do that without a yield when nothing is
in flight. A checkpoint yields: it is COLO's, which has stopped both machines before it drains, so that until
its end nobody comes at all, gate or no gate.
A job at a pause point pauses while a section lasts. Its own requests pass the gate (disable_request_queuing),
unless the scenario says otherwise.
Source: block/io.c bdrv_do_drained_begin, bdrv_drain_poll; block/block-backend.c blk_wait_while_drained,
blk_root_drained_end; blockjob.c child_job_drained_poll; job.c job_pause_point (10.2); migration/colo.c
colo_incoming_process_checkpoint (4.0).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import reduce
from operator import or_

from cowpath.model.language.claim import Claim, Level, claim
from cowpath.model.language.expression import Expr, coerce, exists
from cowpath.model.language.program import Region
from cowpath.model.language.sorts import BOOL
from cowpath.model.language.system import List, State, System
from cowpath.model.scenarios.vocabulary import PROPERTIES
from cowpath.model.stack.part import Part, Parts
from cowpath.model.stack.pieces import Pieces, is_piece
from cowpath.model.stack.world import (
    DRAINS,
    JOB_READS,
    OUT,
    OWED,
    STAY_DRAINED,
    WHOLE,
    Request,
    Sector,
    in_flight,
    is_kind,
    is_request,
    wait_for_in_flight,
)

_GATE = "block/block-backend.c blk_wait_while_drained"
_DRAIN = "block/io.c bdrv_do_drained_begin, bdrv_do_drained_end"
_JOB = "job.c job_pause_point; blockjob.c child_job_drained_poll"
BUSY = Region("a job that is busy")
QUIESCES = Region("who has begun a drained section that has not ended")

COUNTED = List("requests in flight (drained section)", "its place in flight")
JOBS = List("busy jobs", "a job that is busy")
SECTIONS = List("drained sections", "a drained section", lambda s, q: in_section(s, q))


def in_section(s: State, d: Expr) -> Expr:
    """Tell whether d has begun a drained section that has not ended: it quiesces."""
    return s.within(d, QUIESCES)


def is_quiesced(s: State) -> Expr:
    """Tell whether there is a drained section."""
    return exists(Request, lambda d: in_section(s, d))


def _machines_stopped(s: State) -> Expr:
    return exists(Request, lambda d: in_section(s, d) & is_kind(s, d, "checkpoint"))


def _comes(s: State, r: Expr) -> Expr:
    """Tell whether r is a request that has not come: nobody does while the machines are stopped."""
    return s.is_at(r, "outside") & is_request(s, r)


def _pauses(s: State, r: Expr) -> Expr:
    return s.is_at(r, "job-created", "job-paused")


@dataclass(frozen=True)
class Drain(Part):
    """Drained sections, the queue of newcomers, and jobs that pause.

    `gate`: newcomers are queued (4.2). `parks_counted`: who is queued stays counted, as flushes and discards
    did in 4.2. `wakes_counted`: who wakes the queue counts those in it (10.2); else each counts itself, when
    it runs again.
    """

    gate: bool = True
    parks_counted: bool = False
    wakes_counted: bool = True

    @property
    def start(self) -> str:
        """Every request begins outside of the block layer."""
        return "outside"

    @property
    def kinds(self) -> tuple[str, ...]:
        """Drained sections, and a job that makes a request of its own."""
        return ("drain", "job-read")

    @property
    def options(self) -> tuple[str, ...]:
        """Whether a job's own requests are queued."""
        return ("job_requests_queue",) if self.gate else ()

    def declare(self, system: System, parts: Parts) -> None:
        """Declare where those who drain, those who are queued and a job are."""
        pc = system.programs["pc"]
        drains = (WHOLE, OUT, OWED, QUIESCES)
        pc.place("draining", "waiting until nothing is in flight", of=DRAINS, within=drains)
        pc.place("drained", "in its drained section", of=STAY_DRAINED, within=drains)
        if self.gate:
            system.variable("woken", Request, internal=True)  # the section that queued it is over
            pc.place("queued", "kept out by a drained section", within=(WHOLE, OUT, OWED))
            pc.place("job-queued", "with a request kept out", of=JOB_READS, within=(WHOLE, OUT, OWED, BUSY))
        pc.place("job-created", "at its first pause point", of=JOB_READS, within=(WHOLE, OUT, OWED))
        pc.place("job-busy", "busy, about to make a request", of=JOB_READS, within=(WHOLE, OUT, OWED, BUSY))
        pc.place("job-reading", "reading for its job", of=JOB_READS, within=(WHOLE, OUT, OWED, BUSY))
        pc.place("job-pause", "at a pause point", of=JOB_READS, within=(WHOLE, OUT, OWED, BUSY))
        pc.place("job-paused", "paused", of=JOB_READS, within=(WHOLE, OUT, OWED))

    def counted(self, s: State, r: Expr) -> Expr:
        """Tell whether a drained section must wait for request r before it begins."""
        if not self.gate:
            return in_flight(s, r)
        waits = coerce(True, BOOL) if self.parks_counted else s.woken[r] & self.wakes_counted
        return in_flight(s, r) | (s.is_at(r, "queued") & waits)

    def act(self, system: System, parts: Parts) -> None:
        """Add arrival, the drained section, and the job; and the property that sections are quiet."""
        self._arrivals(system)
        self._sections(system, parts)
        self._job(system)
        system.always(
            "quiet",
            lambda s: (
                ~exists(Request, lambda d: s.is_at(d, "drained"))
                | ~exists(Request, lambda r: in_flight(s, r) | s.within(r, BUSY))
            ),
            means=PROPERTIES["quiet"],
        )

    def _resumes(self, s: State, r: Expr) -> None:
        s.wait_on(SECTIONS, Request, lambda d: in_section(s, d) & ~s.woken[r])
        s.woken[r] = False

    def _arrivals(self, system: System) -> None:
        @system.action("drain.arrive", r=Request, source=_GATE)
        def arrive(s: State, r: Expr) -> None:
            """Enters the block layer, is counted."""
            s.require_at(r, "outside")
            s.require(is_request(s, r), "is a request", location=True)
            if self.gate:
                s.require(~is_quiesced(s), "nothing is drained")
            else:
                s.require(~_machines_stopped(s), "the machines run")
            s.go(r, "idle")

        if not self.gate:
            return

        @system.action("drain.queue", r=Request, source=_GATE)
        def queue(s: State, r: Expr) -> None:
            """Is kept out by a drained section."""
            s.require_at(r, "outside")
            s.require(is_request(s, r), "is a request", location=True)
            s.require(is_quiesced(s), "a drained section")
            s.require(~_machines_stopped(s), "the machines run")
            s.go(r, "queued")

        @system.action("drain.resume", r=Request, source=_GATE)
        def resume(s: State, r: Expr) -> None:
            """Is let in after the drained section."""
            s.require_at(r, "queued")
            self._resumes(s, r)
            s.go(r, "idle")

    def drains(self, s: State, r: Expr) -> Iterator[tuple[str, Expr]]:
        """Yield that a drained section begins from outside."""
        yield self.start, is_kind(s, r, "drain")

    def settle(self, s: State, r: Expr) -> None:
        """Let r go on, if it drains, when nothing is in flight and no job is busy, and end its section."""
        drains = in_section(s, r)
        s.wait_on(COUNTED, Request, lambda q: drains & self.counted(s, q))
        s.wait_on(JOBS, Request, lambda q: drains & s.within(q, BUSY))
        self.leave(s, r)

    def leave(self, s: State, r: Expr) -> None:
        """End r's drained section: the last one out wakes whoever was kept out."""
        if self.gate:
            last = ~exists(Request, lambda d: (d != r) & in_section(s, d))
            for q in s.each(Request):
                s.woken[q] = s.woken[q] | (last & s.is_at(q, "queued", "job-queued"))

    def _sections(self, system: System, parts: Parts) -> None:
        @system.action("drain.begin", r=Request, source=_DRAIN)
        def begin(s: State, r: Expr) -> None:
            """Begins a drained section: keeps newcomers out, if anything does."""
            begins = [each for part in parts for each in part.drains(s, r)]
            s.require_at(r, *dict.fromkeys(place for place, _ in begins))
            s.require(reduce(or_, (s.is_at(r, place) & who for place, who in begins)), "it drains")
            s.go(r, "draining")

        @system.action("drain.drained", r=Request, source=_DRAIN)
        def drained(s: State, r: Expr) -> None:
            """Finds nothing in flight and no job busy."""
            s.require_at(r, "draining")
            s.require(STAY_DRAINED.holds(s, r), "stays", location=True)
            s.wait_on(COUNTED, Request, lambda q: self.counted(s, q))
            s.wait_on(JOBS, Request, lambda q: s.within(q, BUSY))
            s.go(r, "drained")

        @system.action("drain.end", r=Request, source=_DRAIN)
        def end(s: State, r: Expr) -> None:
            """Ends its drained section; the last one out wakes whoever was kept out."""
            s.require_at(r, "drained")
            s.require(is_kind(s, r, "drain"), "is a drained section", location=True)
            self.leave(s, r)
            s.go(r, "done")

    def _job(self, system: System) -> None:
        @system.action("job.create", r=Request, source=_JOB)
        def create(s: State, r: Expr) -> None:
            """Is created."""
            s.require_at(r, "outside")
            s.require(is_kind(s, r, "job-read"), "is a job", location=True)
            s.go(r, "job-created")

        @system.action("job.start", r=Request, source=_JOB)
        def start(s: State, r: Expr) -> None:
            """Passes its first pause point, is busy from now on."""
            s.require_at(r, "job-created")
            s.wait_on(SECTIONS, Request, lambda d: in_section(s, d))
            s.go(r, "job-busy")

        @system.action("job.request", r=Request, source=_JOB)
        def request(s: State, r: Expr) -> None:
            """Makes a request of its own, which nothing keeps out."""
            s.require_at(r, "job-busy")
            if self.gate:
                s.require(~(s.job_requests_queue & is_quiesced(s)), "not kept out")
            s.go(r, "job-reading")

        if self.gate:

            @system.action("job.queue", r=Request, source=_JOB)
            def queue(s: State, r: Expr) -> None:
                """Makes a request of its own, which a drained section keeps out."""
                s.require_at(r, "job-busy")
                s.require(s.job_requests_queue, "its requests are queued", location=True)
                s.require(is_quiesced(s), "a drained section")
                s.go(r, "job-queued")

            @system.action("job.resume", r=Request, source=_JOB)
            def resume(s: State, r: Expr) -> None:
                """Has its request let in after the drained section."""
                s.require_at(r, "job-queued")
                self._resumes(s, r)
                s.go(r, "job-reading")

        @system.action("job.read", r=Request, source=_JOB)
        def read(s: State, r: Expr) -> None:
            """Reads from the secondary disk."""
            s.require_at(r, "job-reading")
            s.read_from("secondary", Sector, lambda x: s.covers[r, x])
            s.go(r, "job-pause")

        @system.action("job.end", r=Request, source=_JOB)
        def end(s: State, r: Expr) -> None:
            """Finds no reason to pause, and ends."""
            s.require_at(r, "job-pause")
            s.require(~is_quiesced(s), "nothing is drained")
            s.go(r, "done")

        @system.action("job.pause", r=Request, source=_JOB)
        def pause(s: State, r: Expr) -> None:
            """Pauses, and is busy no more."""
            s.require_at(r, "job-pause")
            s.require(is_quiesced(s), "a drained section")
            s.go(r, "job-paused")

        @system.action("job.continue", r=Request, source=_JOB)
        def resumed(s: State, r: Expr) -> None:
            """Is resumed, and ends."""
            s.require_at(r, "job-paused")
            s.wait_on(SECTIONS, Request, lambda d: in_section(s, d))
            s.go(r, "done")

    def claims(self, parts: Parts) -> Iterator[Claim]:
        """Say who is kept out, and that a section in which nobody may move is one in which nobody is."""
        if parts.has(Pieces):
            yield claim("a piece is where its request is, within", Request)(
                lambda s, r: is_piece(s, r).implies(
                    ~s.is_at(r, "outside", *(("queued",) if self.gate else ()))
                )
            )
        yield claim("only requests are about to begin", Request)(
            lambda s, r: s.is_at(r, "idle").implies(is_request(s, r))
        )
        if not self.gate:
            yield claim("in a checkpoint's section nothing is in flight", Request, Request)(
                lambda s, d, r: ~(s.is_at(d, "drained") & is_kind(s, d, "checkpoint") & in_flight(s, r))
            )
            return
        yield claim("who is woken was queued", Request)(
            lambda s, r: s.woken[r].implies(s.is_at(r, "queued", "job-queued"))
        )
        yield claim("only requests are kept out by the gate", Request)(
            lambda s, r: s.is_at(r, "queued").implies(is_request(s, r))
        )
        yield claim("a job's request is kept out only where they are queued", Request)(
            lambda s, r: s.is_at(r, "job-queued").implies(s.job_requests_queue)
        )
        if not self.wakes_counted:
            yield claim("who is woken is so by somebody who no longer drains", Request)(
                lambda s, r: s.woken[r].implies(
                    exists(
                        Request,
                        lambda d: DRAINS.holds(s, d) & ~s.is_at(d, "outside", "draining", "drained"),
                    )
                )
            )
        else:
            yield claim("in a drained section nobody is woken", Request, Request)(
                lambda s, r, d: ~(s.woken[r] & s.is_at(d, "drained"))
            )
        yield claim("who is kept out and not woken is so by a drained section", Request)(
            lambda s, r: (s.is_at(r, "queued", "job-queued") & ~s.woken[r]).implies(is_quiesced(s))
        )

    def levels(self, parts: Parts) -> Iterator[Level]:
        """Say who waits for whom."""
        if self.gate:
            yield Level(
                "the queue of drained sections",
                "who is kept out, or has not come, waits for those who drain, of whom none waits for it",
                lambda s, r: (
                    (s.is_at(r, "queued", "job-queued") & ~s.woken[r]) | _pauses(s, r) | _comes(s, r)
                ),
            )
        else:
            yield Level(
                "the queue of drained sections",
                "a job that is paused, or who has not come, waits for those who drain; none waits for it",
                lambda s, r: _pauses(s, r) | _comes(s, r),
            )
        yield Level(
            "drained sections",
            "who drains waits for requests in flight and for busy jobs, and none of these waits for it",
            lambda s, r: in_section(s, r) & ~s.is_at(r, "drained"),
        )


def drain_at(s: State, r: Expr, drain: Drain | None, place: str, when: Expr | None = None) -> None:
    """Require r, which drains at `place` if `when` holds, and that nothing is in flight then.

    Where the design has drained sections (`drain`) r is in one that ends with this step.
    """
    if drain is None:
        s.require_at(r, place)
        wait_for_in_flight(s, when)
    elif when is None:
        s.require_at(r, "draining")
        drain.settle(s, r)
    else:
        s.require_at(r, place, "draining")
        s.require(s.is_at(r, "draining") == when, "drained if it drains", location=True)
        drain.settle(s, r)
