"""A survey: every workload up to a bound, one of each class explored, many of them in one search."""

from __future__ import annotations

import gc
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from functools import cached_property

from cowpath.model.bench.alarm import alarm
from cowpath.model.bench.check import INTERRUPTED, check, plain_questions
from cowpath.model.bench.classes import Classes, Marks
from cowpath.model.bench.kept import design_text
from cowpath.model.bench.surveyed import Found, Size, Survey
from cowpath.model.bench.workers import Send, Workers, cores
from cowpath.model.bench.workloads import Bound, Workload, case
from cowpath.model.designs import Design
from cowpath.model.explore import plain, ranks
from cowpath.model.explore.engines import ENGINES
from cowpath.model.explore.program import Program
from cowpath.model.explore.result import (
    DEADLOCK,
    UNLIMITED,
    Exploration,
    Limits,
    Progress,
    Stop,
    enforce,
    questions,
)
from cowpath.model.finite.domains import Narrowed, narrow
from cowpath.model.finite.instances import ByType
from cowpath.model.finite.reference import Reference
from cowpath.model.kept import answers
from cowpath.model.liveness.starvation import PROGRESS, Starvation, starve

Watch = Callable[[str], None]
_WORTH = 2_000  # workloads of a size that are worth more than one process


@dataclass(frozen=True)
class Plan:
    """Which designs to survey, each up to a bound of its own, and how. The limits are for all together.

    `properties`: of those named, what a design has; the standard ones if none is.
    """

    designs: Sequence[tuple[Design, Bound]]
    properties: tuple[str, ...]
    engine: str = "auto"
    limits: Limits = UNLIMITED


def run(plan: Plan, watch: Watch | None = None, processes: int | None = None) -> list[Survey]:
    """Survey the designs on all cores. After Ctrl-C what was not explored is undetermined.

    Raises `BoundError` if a bound does not fit its design.
    """
    work = _Work(plan, watch is not None, cores() if processes is None else processes)
    parts: dict[int, _Part] = {}

    def receive(what: _Part | tuple[int, str]) -> None:
        if isinstance(what, _Part):
            parts[what.task] = what
        elif watch is not None:
            watch(f"{what[1]} ({len(parts)} of {len(work.tasks)} searches done)")

    gc.freeze()  # what there is now is not garbage, in any of the processes
    workers = Workers(work.do, work.processes)
    for number in range(len(work.tasks)):
        if (known := work.recall(number)) is not None:
            parts[number] = known
    try:
        workers.run(ranks.agreed([n for n in range(len(work.tasks)) if n not in parts]), receive)
    finally:
        gc.unfreeze()
    return [
        work.survey(number, parts, INTERRUPTED if workers.interrupted else None)
        for number in range(len(plan.designs))
    ]


@dataclass(frozen=True)
class _Task:
    """Part `part` of `parts` of the classes of one size, for one of the designs."""

    design: int
    requests: int
    part: int
    parts: int


@dataclass(frozen=True)
class _Part:
    """What a task has found, by class."""

    task: int
    classes: Classes | None
    found: Mapping[int, Found]
    seconds: float
    engine: str
    stopped: str | None
    remarks: tuple[str, ...]
    kept: bool = False


class _Work:
    def __init__(self, plan: Plan, watched: bool, processes: int) -> None:
        self.plan = plan
        self.processes = processes
        self._watched = watched
        self._began = time.perf_counter()
        for design, bound in plan.designs:
            bound.check(design)
            if bound.job is None:
                bound.types_of(design)  # which says whether a survey is possible
        alone = len(plan.designs) < processes
        self.tasks = [
            _Task(number, requests, part, parts)
            for requests in range(1, max(bound.requests for _, bound in plan.designs) + 1)
            for number, (_, bound) in enumerate(plan.designs)
            if requests <= bound.requests
            for parts in (processes if alone and bound.count(requests) > _WORTH else 1,)
            for part in range(parts)
        ]

    def do(self, number: int, send: Send) -> None:
        """Do a task; send what it found, and now and then how far it is, if somebody watches."""
        task = self.tasks[number]
        design, bound = self.plan.designs[task.design]
        began = time.process_time()
        title = f"{design.name}, {_requests(task.requests)}"

        def say(words: str) -> None:
            if self._watched:
                send((number, f"{title}: {words}"))

        classes, search, stopped = None, None, None
        limits = self.plan.limits
        try:
            with alarm(self.left().max_seconds, f"--max-seconds {limits.max_seconds or 0:g} was reached"):
                say("classes")
                workloads = list(bound.workloads(task.requests))
                types = bound.types_of(design) if bound.job is None else None
                alike = [workload for workload in workloads if not bound.is_cut(design, workload)]
                marks = Marks(types, narrow(types.instances(alike).ground())) if types and alike else None

                def key(workload: Workload) -> object:
                    """Return its class; one that is cut is of its own."""
                    return marks.key(workload) if marks and not bound.is_cut(design, workload) else workload

                classes = Classes.by(map(key, workloads))
                mine = range(task.part, len(classes.first), task.parts)
                first = [workloads[classes.first[c]] for c in mine]
                search = _Search(self, design, bound, types, first, say)
                search.run()
        except KeyboardInterrupt:
            stopped = INTERRUPTED
        except Stop as stop:
            stopped = str(stop)
        found: dict[int, Found] = {}
        engine, remarks = "", tuple[str, ...]()
        if search is not None:
            found = {mine[place]: one for place, one in search.found.items()}
            engine, remarks, stopped = search.engine, search.remarks, stopped or search.stopped
        seconds = time.process_time() - began
        part = _Part(number, classes, found, seconds, engine, stopped, remarks)
        if (known := answers.current()) is not None and stopped is None:
            known.keep(self._question(number), asdict(part))
        send(part)
        if stopped == INTERRUPTED:
            raise KeyboardInterrupt

    def recall(self, number: int) -> _Part | None:
        """Return what was found of a task earlier, where that is kept."""
        known = answers.current()
        try:
            if known is None or (kept := known.recall(self._question(number))) is None:
                return None
            classes = Classes(tuple(kept["classes"]["of"]), tuple(kept["classes"]["first"]))
            found = {int(c): Found(**one) for c, one in kept["found"].items()}
            rest = (kept["seconds"], kept["engine"], None, tuple(kept["remarks"]))
            return _Part(number, classes, found, *rest, kept=True)
        except (LookupError, TypeError, ValueError):  # it is not what it says it is
            return None

    def _question(self, number: int) -> str:
        """Return all that the answer to a task depends on."""
        task, plan = self.tasks[number], self.plan
        design, bound = plan.designs[task.design]
        how = (task.requests, task.part, task.parts, plan.properties, plan.engine, plan.limits.max_states)
        return repr(("survey", design_text(design), bound, how))

    def left(self, states: int = 0) -> Limits:
        """Return what is left of the limits."""
        limits = self.plan.limits
        seconds, most = limits.max_seconds, limits.max_states
        return replace(
            limits,
            max_seconds=None if seconds is None else seconds - (time.perf_counter() - self._began),
            max_states=None if most is None else most - states,
        )

    def survey(self, number: int, parts: Mapping[int, _Part], stopped: str | None) -> Survey:
        """Put together what is known of a design."""
        design, bound = self.plan.designs[number]
        sizes: dict[int, Size] = {}
        mine = [(n, task) for n, task in enumerate(self.tasks) if task.design == number]
        for requests in range(1, bound.requests + 1):
            some = [parts[n] for n, task in mine if task.requests == requests and n in parts]
            workloads = tuple(bound.workloads(requests))
            alone = Classes.by(iter(range(len(workloads))))
            classes = next((part.classes for part in some if part.classes is not None), alone)
            found = {c: one for part in some for c, one in part.found.items()}
            sizes[requests] = Size(
                requests, workloads, classes, tuple(found.get(c) for c in range(len(classes.first)))
            )
        all_parts = [parts[n] for n, _ in mine if n in parts]
        reasons = [part.stopped for part in all_parts if part.stopped]
        missing = "a process was ended from outside" if len(all_parts) < len(mine) else None
        kinds = {**{p.name: p.kind for p in design.system.properties}, DEADLOCK: "always"}
        kinds |= dict.fromkeys(design.system.live, "always")
        return Survey(
            design,
            bound,
            {name: kinds[name] for name in design.asked(self.plan.properties)},
            sizes,
            sum(part.seconds for part in all_parts),
            ", ".join(sorted({part.engine for part in all_parts} - {""})) or self.plan.engine,
            reasons[0] if reasons else missing and (stopped or missing),
            tuple(dict.fromkeys(remark for part in all_parts for remark in part.remarks)),
            any(part.kept for part in all_parts),
        )


class _Search:
    """Explores workloads, by their places in a list; what is known is there also after an interrupt."""

    def __init__(
        self,
        work: _Work,
        design: Design,
        bound: Bound,
        types: ByType | None,
        workloads: Sequence[Workload],
        say: Callable[[str], None],
    ) -> None:
        self.work, self.design, self.bound = work, design, bound
        self.workloads, self.say = workloads, say
        # Those that are cut have pieces or operations, each workload its own: they are explored one by one.
        self.cut = [i for i, each in enumerate(workloads) if bound.is_cut(design, each)]
        self.whole = [i for i, each in enumerate(workloads) if not bound.is_cut(design, each)]
        self.types = types
        self.properties = design.asked(work.plan.properties)
        self.found: dict[int, Found] = {}
        self.engine = ""
        self.stopped: str | None = None
        self.remarks: tuple[str, ...] = ()

    def run(self) -> None:
        """Explore them: one after the other where runs are judged, too, else all at once."""
        if self.whole:
            self._whole()
        states = sum(one.states for one in self.found.values())
        for number, place in enumerate(self.cut if self.stopped is None else ()):
            self.say(f"{number:,} of {len(self.cut):,} explored by themselves, {states:,} states")
            exploration, runs = self._alone(place, self.work.left(states))
            self.engine = self.engine or exploration.engine
            states += exploration.states
            if self._takes(place, exploration, runs, states):
                return

    @cached_property
    def narrowed(self) -> Narrowed:
        """The model of all that are not cut."""
        assert self.types is not None
        return narrow(self.types.instances([self.workloads[i] for i in self.whole]).ground())

    def _whole(self) -> None:
        if PROGRESS in self.properties and self.work.plan.engine == "auto":
            self._one_by_one()
            return
        self._together()
        if PROGRESS in self.properties and self.stopped is None:
            known, engine = dict(self.found), self.engine
            self._one_by_one()
            for place, one in self.found.items():
                judged = {name: depth for name, depth in one.depths.items() if name == PROGRESS}
                self.found[place] = replace(one, depths={**known[place].depths, **judged})
            self.engine = engine

    def _together(self) -> None:
        asked = questions(self.narrowed.model, self.properties)

        def report(progress: Progress) -> None:
            rate = progress.states / max(progress.seconds, 1e-9)
            self.say(f"{progress.states:,} states, {rate:,.0f} states/s, depth {progress.depth}")

        each = ENGINES[self.work.plan.engine].explore_each(self.narrowed, asked, self.work.left(), report)
        for number, place in enumerate(self.whole):
            depths = {
                name: int(depth[number])
                for name, depth in each.depths.items()
                if name in self.properties and depth[number] >= 0
            }
            complete = bool(each.complete[number])
            self.found[place] = Found(
                int(each.states[number]), int(each.depth[number]), depths, complete, False
            )
        self.engine, self.stopped, self.remarks = each.engine, each.stopped, each.remarks

    def _one_by_one(self) -> None:
        program = Program(self.narrowed, plain_questions(self.narrowed, self.properties))
        self.engine = "python"
        states, said = 0, 0.0
        for place, start in zip(self.whole, self.narrowed.model.starts, strict=True):
            if time.perf_counter() - said > 0.1:
                said = time.perf_counter()
                self.say(f"{place:,} of {len(self.workloads):,} classes, {states:,} states")
            limits = self.work.left(states)
            try:
                enforce(limits, 0, 0.0)
                exploration, graph = plain.explore(program.started(start), limits, _silent)
                runs = None
                if graph is not None:
                    runs = starve(self.narrowed, self.work.left(states), _silent, graph)
            except plain.TooMany:
                exploration, runs = self._alone(place, limits)
            except Stop:
                self.stopped = self._limit(states)
                return
            states += exploration.states
            if self._takes(place, exploration, runs, states):
                return

    def _takes(self, place: int, exploration: Exploration, runs: Starvation | None, states: int) -> bool:
        """Take note of what is found, and tell whether that stopped at a limit."""
        self.found[place] = self._found(place, exploration, runs)
        stopped = exploration.stopped or (runs.stopped if runs is not None else None)
        if stopped is not None:
            self.stopped = INTERRUPTED if stopped == INTERRUPTED else self._limit(states)
        return stopped is not None

    def _alone(self, place: int, limits: Limits) -> tuple[Exploration, Starvation | None]:
        """Explore a workload by itself, as `check` does."""
        result = check(
            case(self.design, self.bound, self.workloads[place]), properties=self.properties, limits=limits
        )
        return result.exploration, result.starvation

    def _found(self, place: int, exploration: Exploration, runs: Starvation | None) -> Found:
        depths = {name: depth for name, depth in exploration.depths.items() if name in self.properties}
        judged = runs is not None and runs.stopped is None
        for name in self.design.system.live.keys() & {*self.properties}:
            lasso = None if runs is None else self._of(place, name, runs).lasso
            if lasso is not None:
                depths[name] = len(lasso.stem)
        return Found(exploration.states, exploration.depth, depths, exploration.complete, judged)

    def _of(self, place: int, name: str, runs: Starvation) -> Starvation:
        """Return what was found of those of whom the property speaks: in a secondary, of everybody."""
        if self.bound.job is None:
            return runs
        alone = case(self.design, self.bound, self.workloads[place])
        return runs.of(Reference(self.design.system, alone.instance).live(name))

    def _limit(self, states: int) -> str:
        """Return which of the limits is hit, as it was given."""
        limits = self.work.plan.limits
        with suppress(Stop):
            enforce(replace(limits, max_seconds=None), states + 1, 0.0)
            return f"--max-seconds {limits.max_seconds:g} was reached"
        return f"--max-states {limits.max_states} was reached"


def _silent(progress: Progress) -> None:
    pass


def _requests(number: int) -> str:
    return f"{number} request{'s' * (number != 1)}"
