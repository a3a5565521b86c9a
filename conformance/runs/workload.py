"""A workload: the requests of a scenario, each a task, on a design that is made for every run."""

from __future__ import annotations

import errno
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache, cached_property, partial
from operator import attrgetter
from typing import Any

from cowpath.conformance.pairs import Pair
from cowpath.conformance.runs.log import Event
from cowpath.conformance.runs.recorder import Recorder
from cowpath.conformance.runs.rigs import Bodies, rig_of
from cowpath.conformance.runs.watchdog import Spin, watchdog
from cowpath.conformance.scheduler.kernel import Failure, Kernel, Strategy, Task
from cowpath.conformance.scheduler.schedule import Schedule
from cowpath.conformance.scheduler.sync import ScheduledSync
from cowpath.conformance.strategies.simple import Sequential
from cowpath.impl.context import AioContext, Request, Trace
from cowpath.impl.errors import Crash
from cowpath.impl.reqlist import Wait
from cowpath.model.designs import Case
from cowpath.model.language.action import HANGS, hanging
from cowpath.model.render.text import describe_cycle
from cowpath.model.scenarios import Scenario, ScenarioError
from cowpath.model.scenarios.geometry import show_range
from cowpath.model.scenarios.scenario import Request as Submitted
from cowpath.model.scenarios.sizes import show_bytes
from cowpath.model.trace.waiting import WaitEdge

MOST_TOUCHED = 64 << 20
"""Bytes of the clusters that the requests of one run touch: they are held in memory several times."""
SPINS = "spins"
"""The kind of failure of a run that the watchdog ended."""
_name = attrgetter("name")


@dataclass(frozen=True)
class Run:
    """What happened: all that was seen, what each request returned, and how it ended if not well.

    `cycle` is that of a deadlock, in the scenario's own units. `values` and `seen` are the kernel's.
    """

    log: Sequence[Event]
    results: Mapping[str, object]
    failure: Failure | None
    cycle: tuple[WaitEdge, ...]
    values: Sequence[int]
    seen: Sequence[tuple[str, Sequence[Task | int]]]

    @cached_property
    def events(self) -> list[Event]:
        """Every step, in order."""
        return [event for event in self.log if event.kind == "step"]

    @property
    def reason(self) -> str:
        """How it ended, in words; a deadlock in those of the model's traces."""
        if self.failure is None:
            return "all requests end"
        return "; ".join(describe_cycle(self.cycle)) if self.cycle else self.failure.reason

    @cached_property
    def schedule(self) -> Schedule:
        """The choices that replay it."""
        return Schedule.of(self.values, self.seen)


class Workload:
    """A design and a scenario's requests, on files that live in memory.

    The requests are submitted at once, and arrive as the scheduler lets them; a fault fails its transfer, or
    holds it for ever. Raises ScenarioError if the scenario has what the design does not, or what threads do
    not run.

    `epilogue` has requests that are made one after the other when all others have ended; they are added to
    the scenario. A log ends with what the disks hold, where nobody can be asked to read them.
    """

    def __init__(
        self,
        pair: Pair,
        scenario: Scenario,
        kernel: Kernel,
        epilogue: Sequence[Submitted] = (),
    ) -> None:
        scenario = replace(scenario, requests=(*scenario.requests, *epilogue))
        self.pair = pair
        self.scenario = scenario
        self.epilogue = len(epilogue)
        self.kernel = kernel
        self.case = Case(pair.model, scenario)
        if (why := not_run(scenario)) or not all(pair.runs(request.kind) for request in scenario.requests):
            raise ScenarioError(f"'{scenario.name}' is for the model alone; {why or 'threads lack a method'}")
        touched = sum(end - start for start, end in self.case.geometry.clusters)
        if touched > MOST_TOUCHED:
            raise ScenarioError(
                f"'{scenario.name}': its requests touch clusters of {show_bytes(touched)}; threads move every"
                f" byte of them; accepted: at most {show_bytes(MOST_TOUCHED)}"
            )
        self.rig = rig_of(pair, self.case)
        self._calls = [self.rig.call(each, number) for number, each in enumerate(scenario.requests)]
        self.log: Sequence[Event] = ()  # of the run under way
        self._struck = pair.faults
        self._faults = {r.label: r.fault for r in scenario.requests if r.fault != "none"}

    def close(self) -> None:
        """Give the files back."""
        self.rig.close()

    def run(self, strategy: Strategy) -> Run:
        """Run all requests once, on fresh disks, under the strategy."""
        kernel, recorder = self.kernel, Recorder()
        self.log = log = recorder.log
        context = AioContext(ScheduledSync(kernel))
        context.trace_hook = _recording(kernel, strategy, recorder)
        kernel.watch = lambda parked: log.append(_parked(tuple(map(_name, parked))))
        if strategy.footprints:
            context.touch_hook = lambda *access: kernel.accesses.append(access)
        context.choose_hook = kernel.choose
        try:
            bodies, epilogue = self.submit(context, recorder)
        except Exception as error:  # the design's own, of which it is made
            says = f"it cannot be made: {type(error).__name__}: {error}"
            return Run(log, {}, Failure("crash", "", says, error=error), (), (), ())
        failure = self._perform(bodies, strategy)
        values, seen = kernel.values, kernel.seen
        if epilogue and failure is None:
            context.trace_hook, context.touch_hook = _recording(kernel, Sequential(), recorder), None
            failure = self._perform(epilogue, Sequential())
        cycle = self.cycle(failure.cycle) if failure else ()
        log += ending(failure, cycle)
        if log[-1:] == [Event("quiescent")] and not epilogue:
            try:
                log += self.rig.contents(self.design, log)
            except Exception as error:  # a design's, which lacks what all have
                says = f"in the end it cannot be asked: {type(error).__name__}: {error}"
                failure = Failure("crash", "", says, error=error)
        return Run(log, recorder.results, failure, cycle, values, seen)

    def _perform(self, bodies: Bodies, strategy: Strategy) -> Failure | None:
        kernel = self.kernel
        try:
            with watchdog():
                return kernel.run(bodies, strategy, self.rig.idle)
        except Spin as spin:
            name = kernel.failure.task if kernel.failure else ""
            return Failure(SPINS, name, f"a step goes on and on: {spin.place}")

    def submit(self, context: AioContext, recorder: Recorder) -> tuple[Bodies, Bodies]:
        """Return the requests by name, each for a task of its own, on fresh disks; and the epilogue."""
        if self._faults:
            context.fault_hook = partial(self._strike, context)
        self.design = design = self.rig.make(context, recorder)
        bodies: Bodies = []
        for request, method, options in self._calls:
            call = partial(getattr(design, method), request, **options)
            bodies.append((request.name, partial(recorder.call, request, call)))
        first = len(bodies) - self.epilogue
        return [*bodies[:first], *self.rig.beside(design)], bodies[first:]

    def cycle(self, waits: Sequence[Wait]) -> tuple[WaitEdge, ...]:
        """Return a deadlock in the scenario's units, from the first request on."""
        names = self.case.instance.names["Request"]
        edges = [self._edge(wait) for wait in waits]
        first = min(range(len(edges)), key=lambda i: names.index(edges[i].waiter), default=0)
        return tuple(edges[first:] + edges[:first])

    def _edge(self, wait: Wait) -> WaitEdge:
        entry = wait.entry
        held = entry.held.format(show_range(self.scenario, *entry.extent))
        return WaitEdge(wait.waiter.name, entry.owner.name, wait.on, held)

    def _strike(self, context: AioContext, label: str, request: Request) -> None:
        fault, transfer = self._faults.get(request.root.name), self._struck.get(label)
        if fault is None or transfer is None:
            return
        if fault == transfer:
            raise OSError(errno.EIO, f"{label} of {request} is made to fail")
        if fault in (HANGS, hanging(transfer)):
            context.condition().wait_for(lambda: False)


def not_run(scenario: Scenario) -> str:
    """Return what of the scenario threads do not run, in words; "" if they run all of it.

    A read that hangs in the active disk has looked it up there; in the model that is one step, so that a
    checkpoint which waits for nobody would let it look again.
    """
    hung = {r.fault for r in scenario.requests if r.kind == "guest-read"} & {HANGS, hanging("active-read")}
    if any(request.stream for request in scenario.requests):
        return "threads run no streams"
    emptied = any(request.kind == "checkpoint" for request in scenario.requests)
    if hung and emptied and not scenario.option("quiesced_checkpoint"):
        return (
            "no thread's read hangs in the active disk where a checkpoint that waits for nobody may empty it"
        )
    return ""


def _recording(kernel: Kernel, strategy: Strategy, recorder: Recorder) -> Trace:
    def trace(label: str, request: Request, facts: dict[str, Any]) -> None:
        if not kernel.ending:  # else it is unwinding
            recorder.step(label, request, facts)
            strategy.labelled(label, request.name)

    return trace


@cache  # one for each set of requests, and told of at every step
def _parked(who: tuple[str, ...]) -> Event:
    return Event("parked", facts=(("who", who),))


def ending(failure: Failure | None, cycle: Sequence[WaitEdge]) -> list[Event]:
    """Return how the run ended, as far as a model can say something of it."""
    if failure is None or failure.kind == "stuck":
        return [Event("quiescent")]
    if failure.kind == "deadlock":
        return [Event("deadlock", facts=(("cycle", tuple((edge.waiter, edge.holder) for edge in cycle)),))]
    if isinstance(failure.error, Crash):
        return [Event("crash", failure.task, facts=(("property", failure.error.property),))]
    return []
