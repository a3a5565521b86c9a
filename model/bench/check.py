"""Checking: a design on a scenario, every property with its verdict and shortest trace."""

from __future__ import annotations

import time
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace

from cowpath.model.bench.alarm import alarm
from cowpath.model.designs import Case
from cowpath.model.explore import plain, reduced
from cowpath.model.explore.engines import ENGINES
from cowpath.model.explore.plain import Graph, TooMany
from cowpath.model.explore.program import Program
from cowpath.model.explore.result import (
    UNLIMITED,
    Exploration,
    Limits,
    Question,
    Report,
    Stop,
    questions,
)
from cowpath.model.finite.domains import Narrowed
from cowpath.model.finite.ground import GroundModel
from cowpath.model.finite.reference import Reference
from cowpath.model.language.system import Action
from cowpath.model.language.verdict import Verdict, worst
from cowpath.model.liveness.graph import pending
from cowpath.model.liveness.starvation import Starvation, starve
from cowpath.model.reductions.choice import choose
from cowpath.model.scenarios import Scenario
from cowpath.model.trace.lasso import replay_lasso
from cowpath.model.trace.trace import Trace, replay

INTERRUPTED = "interrupted"
"""Why a search stopped that Ctrl-C has ended."""


@dataclass(frozen=True)
class PropertyResult:
    """The verdict on one property, with the depth and trace of its shortest witness if there is one."""

    verdict: Verdict
    trace: Trace | None

    @property
    def depth(self) -> int | None:
        """Number of steps of the trace."""
        return None if self.trace is None else len(self.trace.steps)


@dataclass(frozen=True)
class Result:
    """What came of a case.

    `reductions`: what was left out of the search, in words. `starvation`: how `progress` was searched, which
    is without them, if it was. `kept`: it was found earlier; then paths are in its traces alone.
    """

    case: Case
    exploration: Exploration
    starvation: Starvation | None
    reductions: tuple[str, ...]
    properties: Mapping[str, PropertyResult]
    kept: bool = False

    @property
    def design(self) -> str:
        """The design's name."""
        return self.case.design.name

    @property
    def scenario(self) -> Scenario:
        """The scenario."""
        return self.case.scenario

    @property
    def stopped(self) -> str | None:
        """Why something was not searched to its end; None if everything was."""
        return self.exploration.stopped or (self.starvation.stopped if self.starvation else None)

    @property
    def verdict(self) -> Verdict:
        """The verdict on all properties together."""
        return worst(result.verdict for result in self.properties.values())

    @property
    def violated(self) -> tuple[str, ...]:
        """Names of the violated properties."""
        return tuple(name for name, r in self.properties.items() if r.verdict is Verdict.VIOLATED)


def check(
    case: Case,
    *,
    properties: Sequence[str] = (),
    engine: str = "auto",
    limits: Limits = UNLIMITED,
    reductions: Collection[str] = (),
    report: Report = lambda progress: None,
    program: Program | None = None,
) -> Result:
    """Explore the case: those of the named properties that its design has, or the standard ones.

    `program`: what begins where the case does and asks `plain_questions`, if there is one already.
    Every trace in the result has been replayed by the reference semantics. A limit that is hit leaves
    undetermined what was not decided by then; a limit of time is one for all that comes before traces, and
    for these once more (a second at least). Raises `ScenarioError` if there is no such disk.
    """
    properties = case.asked(properties)
    reason = f"--max-seconds {limits.max_seconds or 0:g} was reached"
    began = time.perf_counter()
    try:
        with alarm(limits.max_seconds, reason):
            search = _search(case, properties, engine, limits, reductions, report, program)
            starvation = None
            if case.design.system.live.keys() & {*properties} and search.found.complete:
                spent = time.perf_counter() - began
                left = None if limits.max_seconds is None else limits.max_seconds - spent
                limits_left = replace(limits, max_seconds=left)
                starvation = starve(search.narrowed, limits_left, report, search.graph)
    except Stop as stop:  # before the search, or after it: on the way back to what it found
        return unexplored(case, properties, engine, str(stop))
    traces: dict[str, Trace] = {}
    with suppress(Stop), alarm(limits.max_seconds and max(limits.max_seconds, 1.0), reason):
        for name, trace in _traces(case, properties, search, starvation):
            traces[name] = trace
    kinds = {p.name: p.kind for p in case.design.system.properties}
    results = {}
    for name in properties:
        complete = search.found.complete
        if name in case.design.system.live:
            complete = starvation is not None and starvation.stopped is None and name not in traces
        elif name in search.found.depths:
            complete = False  # it was answered: that is shown, or is not known
        verdict = _verdict(kinds.get(name, "always"), name in traces, complete)
        results[name] = PropertyResult(verdict, traces.get(name))
    return Result(case, search.found, starvation, search.said, results)


@dataclass(frozen=True)
class _Search:
    """What a search has found, of which model, and what it left out, in words."""

    narrowed: Narrowed
    found: Exploration
    graph: Graph | None
    said: tuple[str, ...]


def _search(
    case: Case,
    properties: Sequence[str],
    engine: str,
    limits: Limits,
    reductions: Collection[str],
    report: Report,
    program: Program | None,
) -> _Search:
    """Search plainly where nothing else is asked for and there are few states; else by the engine."""
    if engine == "auto" and not reductions:
        narrowed = case.narrowed if program is None else program.narrowed
        program = program or Program(narrowed, plain_questions(narrowed, properties))
        with suppress(TooMany):
            found, graph = plain.explore(program, limits, report)
            return _Search(narrowed, found, graph, ())
    narrowed = case.narrowed
    asked = questions(narrowed.model, properties)
    chosen, said = choose(narrowed, asked, reductions)
    found = reduced.explore(ENGINES[engine], narrowed, asked, limits, report, chosen)
    return _Search(narrowed, found, None, said)


def _traces(
    case: Case, properties: Sequence[str], search: _Search, starvation: Starvation | None
) -> Iterator[tuple[str, Trace]]:
    """Yield the traces of what was found, each replayed by the reference semantics."""
    system, scenario, model = case.design.system, case.scenario, search.narrowed.model
    for name in properties:
        if name in system.live:
            # Of the case itself: a model of several cases knows of none who its owners are.
            owners = Reference(system, case.instance).live(name)
            if starvation is not None and (lasso := (found := starvation.of(owners)).lasso) is not None:
                first = (lasso.owner, *(r for r in found.starved if r != lasso.owner))
                stem, loop = steps_of(model, lasso.stem), steps_of(model, lasso.loop)
                yield name, replay_lasso(system, case.instance, scenario.name, first, stem, loop, name)
        elif (witness := search.found.witnesses.get(name)) is not None:
            path = steps_of(model, witness.path)
            yield name, replay(system, case.instance, scenario.name, name, path)


def plain_questions(narrowed: Narrowed, properties: Collection[str]) -> tuple[Question, ...]:
    """Return what a plain search is asked: what decides the properties, and who is pending."""
    return (*questions(narrowed.model, properties), *pending(narrowed))


def steps_of(model: GroundModel, path: Sequence[int]) -> list[tuple[Action, tuple[int, ...]]]:
    """Return the path's actions with their arguments, for a replay."""
    return [(model.commands[n].action, model.commands[n].arguments) for n in path]


def unexplored(case: Case, properties: Sequence[str], engine: str, why: str = INTERRUPTED) -> Result:
    """Return the result of a run that something kept from beginning: all is undetermined."""
    nothing = Exploration(engine, 0, 0, 0, 0.0, why, {}, {})
    asked = case.asked(properties)
    open_ = {name: PropertyResult(Verdict.UNDETERMINED, None) for name in asked}
    return Result(case, nothing, None, (), open_)


def _verdict(kind: str, witnessed: bool, complete: bool) -> Verdict:
    if witnessed:
        return Verdict.VIOLATED if kind == "always" else Verdict.HOLDS
    if not complete:
        return Verdict.UNDETERMINED
    return Verdict.HOLDS if kind == "always" else Verdict.VIOLATED
