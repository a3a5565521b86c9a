"""A campaign: runs of the threaded stack, each held against a model, until one is not explained."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

from cowpath.conformance.campaign.alarm import CanaryError, Finding, examine, minimal
from cowpath.conformance.campaign.drawing import wide, workloads
from cowpath.conformance.campaign.kept import question
from cowpath.conformance.campaign.mirror_drawing import mirror_workloads
from cowpath.conformance.campaign.tours import Graph, cover, missed
from cowpath.conformance.monitor.oracle import Oracle
from cowpath.conformance.pairs import PAIRS, Pair
from cowpath.conformance.runs.epilogue import epilogue
from cowpath.conformance.runs.log import Event, Sight
from cowpath.conformance.runs.stress import Stress
from cowpath.conformance.runs.workload import Run, Workload, not_run
from cowpath.conformance.scheduler.kernel import Kernel
from cowpath.conformance.scheduler.schedule import Replay, ReplayError, Schedule
from cowpath.conformance.scheduler.substrate import Greenlets
from cowpath.conformance.strategies.portfolio import STRATEGIES
from cowpath.model.bench.kept import design_text
from cowpath.model.bench.tasks import Tasks, Written
from cowpath.model.designs import Design
from cowpath.model.explore import ranks
from cowpath.model.language.action import HANGS, hanging
from cowpath.model.language.verdict import Verdict
from cowpath.model.scenarios import Scenario, find
from cowpath.model.scenarios.vocabulary import KINDS
from cowpath.model.scenarios.writing import dumps

CANARY = ("unserialised", "rfc-repaired", "race")
"""A design run under another one's model, and a scenario on which it must be refused."""
FREE = "free"
"""The strategy of no scheduler at all: free threads. A failure of theirs has no token, only its log."""
TOURS = "tours"
"""The strategy of making every step that the model has; with white sight only."""
DRAWN = 32
"""Workloads that are drawn for each design where nothing else is said."""
_PATIENCE = 2_000
_CHUNK = 50


@dataclass(frozen=True)
class Plan:
    """What to run: each design, on the scenarios that fit, so many schedules in all for each strategy's turn.

    `model` judges all of them; None: each design's own. `seed` makes it another campaign. `drawn`: so many
    workloads beside, drawn for each design by chance.
    """

    pairs: Sequence[Pair]
    scenarios: Sequence[Scenario]
    model: Design | None
    strategies: Sequence[str]
    schedules: int
    sight: Sight
    seed: int = 0
    drawn: int = 0

    def judge(self, pair: Pair) -> Design:
        """Return the design whose model judges the runs of this one."""
        return self.model or pair.model

    def fitting(self, pair: Pair) -> list[Scenario]:
        """Return the scenarios that both the design and its judge have all of, and that threads run."""
        judges = (pair.model, self.judge(pair))

        def fits(scenario: Scenario) -> bool:
            return runs(scenario) and all(judge.unsupported(scenario) is None for judge in judges)

        drawn: Iterable[Scenario] = ()
        seed = f"{self.seed} {pair.name}"  # no two designs have the same
        if pair.mirrors:
            drawn = mirror_workloads(seed, pair.model.kinds, self.drawn, fits)
        else:
            kinds = [kind for kind in pair.model.kinds if kind in KINDS and pair.runs(kind)]
            words = zip(*map(_words, judges), strict=True)
            options, faults = (frozenset.intersection(*each) for each in words)
            drawn = workloads(seed, wide(kinds, faults, options), self.drawn, fits) if kinds else ()
        return [*filter(fits, self.scenarios), *drawn]

    def prepare(self, pair: Pair, scenario: Scenario, kernel: Kernel) -> tuple[Workload, Oracle]:
        """Return what runs the scenario, with an epilogue for black sight, and what judges the runs."""
        judge = self.judge(pair)
        last = epilogue(scenario, pair.model, judge) if self.sight is Sight.BLACK else ()
        workload = Workload(pair, scenario, kernel, last)
        return workload, Oracle(judge, workload.scenario, self.sight)


@dataclass(frozen=True)
class Failure:
    """The first run that was not explained, its schedule made minimal."""

    scenario: Scenario
    strategy: str
    oracle: Oracle = field(repr=False)
    finding: Finding

    @property
    def token(self) -> str | None:
        """What replays it; None of free threads."""
        return None if self.strategy == FREE else str(self.finding.run.schedule)

    @property
    def deviations(self) -> int:
        """How many of its choices are not the default."""
        return len(self.finding.run.schedule.deviations)


@dataclass(frozen=True)
class Coverage:
    """How much of the models the runs have been through: (reached, all)."""

    edges: tuple[int, int]
    waits: tuple[int, int]


@dataclass(frozen=True)
class Outcome:
    """What became of a design. `last` is the log of its last run, on `scenario`; empty if there was none."""

    design: str
    model: str
    verdict: Verdict
    schedules: int
    seconds: float
    strategies: Sequence[str]
    coverage: Coverage
    failure: Failure | None
    last: Sequence[Event]
    scenario: Scenario | None


@dataclass(frozen=True)
class Progress:
    """How far a campaign is."""

    design: str
    scenario: str
    schedules: int
    all: int
    seconds: float


Watch = Callable[[Progress], None]


def runs(scenario: Scenario) -> bool:
    """Tell whether threads run the scenario."""
    return not not_run(scenario)


def conform(plan: Plan, watch: Watch = lambda progress: None) -> Iterator[Outcome]:
    """Yield an outcome for each design, in order. After Ctrl-C the rest is undetermined.

    A scenario's part is kept where answers are, and the parts are dealt to the processes of an `mpiexec`; not
    with free threads, whose runs nobody can make again. Raises CanaryError, before anything else, if what
    must be refused is not.
    """
    kernel = Kernel(Greenlets())
    interrupted = False
    try:
        if (why := ranks.agreed("" if ranks.rank() else _living_canary(plan, kernel))) != "":
            raise CanaryError(why)
    except KeyboardInterrupt:
        interrupted = True
    campaigns = [_Campaign(plan, pair, kernel, watch) for pair in plan.pairs]
    parts = [(campaign, number) for campaign in campaigns for number in range(len(campaign.scenarios))]

    def work(task: int) -> Part:
        campaign, number = parts[task]
        return campaign.run(number)

    def read(task: int, data: Any) -> Part:
        campaign, number = parts[task]
        return campaign.read(number, data)

    tasks = Tasks([campaign.question(number) for campaign, number in parts], work, Written(_write, read))
    tasks.deal()
    for campaign in campaigns:
        first = next((n for n, (whose, _) in enumerate(parts) if whose is campaign), 0)
        if not interrupted:
            campaign.collect(partial(_after, first, tasks.result))
        interrupted = interrupted or campaign.interrupted
        yield campaign.outcome()


def _after(first: int, result: Callable[[int], Part], number: int) -> Part:
    """Return the result of the task that is so many after the first."""
    return result(first + number)


def _words(design: Design) -> tuple[frozenset[str], frozenset[str]]:
    """Return the options and the faults that it knows."""
    hangs = {HANGS, *map(hanging, design.faults)} if design.faults else set()
    return design.options, design.faults | hangs


def _living_canary(plan: Plan, kernel: Kernel) -> str:
    """Return how it lives; "" if it is refused."""
    design, model, slug = CANARY
    workload, oracle = replace(plan, model=PAIRS[model].model).prepare(PAIRS[design], find(slug), kernel)
    try:
        for name in plan.strategies:
            strategy = STRATEGIES["portfolio" if name in (FREE, TOURS) else name](plan.seed)
            for _ in range(_PATIENCE):
                if strategy.exhausted:
                    break
                if examine(oracle, workload.run(strategy)) is not None:
                    return ""
    finally:
        workload.close()
    return (
        f"the canary lives: {design} was not refused as {model} with {plan.sight.value} sight"
        f" by {', '.join(plan.strategies)}"
    )


@dataclass
class Part:
    """What came of a design's scenario; `scenario` is as it was run.

    `last` is the last run, or what replays it. `unfinished`: tours, of which the budget was over before all
    was reached.
    """

    scenario: Scenario
    schedules: int = 0
    seconds: float = 0.0
    edges: tuple[int, int] = (0, 0)
    waits: tuple[int, int] = (0, 0)
    failure: Failure | None = None
    last: Run | str | None = None
    unfinished: bool = False
    interrupted: bool = False


def _write(part: Part) -> Any:
    """Return a part as plain data; None if it is cut short, or no single run shows why it failed."""
    failure = part.failure
    if part.interrupted or (failure is not None and failure.finding.by == TOURS):
        return None
    return {
        "schedules": part.schedules,
        "seconds": part.seconds,
        "edges": part.edges,
        "waits": part.waits,
        "failure": failure and [failure.strategy, failure.token],
        "last": str(part.last.schedule) if isinstance(part.last, Run) else part.last,
        "unfinished": part.unfinished,
    }


class _Campaign:
    """One design's part."""

    def __init__(self, plan: Plan, pair: Pair, kernel: Kernel, watch: Watch) -> None:
        self.plan = plan
        self.pair = pair
        self.kernel = kernel
        self.watch = watch
        self.scenarios = plan.fitting(pair)
        self.parts: list[Part] = []
        self.began = time.perf_counter()

    @property
    def interrupted(self) -> bool:
        """Whether a part was cut short."""
        return any(part.interrupted for part in self.parts)

    def question(self, number: int) -> str:
        """Return all that a part depends on."""
        plan, judge = self.plan, self.plan.judge(self.pair)
        how = (plan.strategies, plan.schedules, plan.sight.value, plan.seed, number, len(self.scenarios))
        which = (self.scenarios[number] in plan.scenarios, dumps(self.scenarios[number]))
        return question("conform", design_text(self.pair.model), design_text(judge), *which, *how)

    def collect(self, result: Callable[[int], Part]) -> None:
        """Have the parts done, up to one that fails or is cut short."""
        self.began = time.perf_counter()
        for number in range(len(self.scenarios)):
            self.parts.append(part := result(number))
            if part.failure or part.interrupted:
                return

    def outcome(self) -> Outcome:
        """Return what became of the design."""
        failure = next((part.failure for part in self.parts if part.failure), None)
        schedules = sum(part.schedules for part in self.parts)
        verdict = Verdict.HOLDS
        if failure is not None:
            verdict = Verdict.VIOLATED
        elif self.interrupted or any(part.unfinished for part in self.parts) or not schedules:
            verdict = Verdict.UNDETERMINED
        edges, waits = (
            (sum(reached for reached, _ in pairs), sum(there for _, there in pairs))
            for pairs in ([part.edges for part in self.parts], [part.waits for part in self.parts])
        )
        return Outcome(
            self.pair.name,
            self.plan.judge(self.pair).name,
            verdict,
            schedules,
            sum(part.seconds for part in self.parts),
            self.plan.strategies,
            Coverage(edges, waits),
            failure,
            self._last(),
            self.parts[-1].scenario if self.parts else None,
        )

    def _last(self) -> Sequence[Event]:
        last = self.parts[-1].last if self.parts else None
        if isinstance(last, str):
            workload, _ = self.plan.prepare(self.pair, self.scenarios[len(self.parts) - 1], self.kernel)
            last = workload.run(Replay(Schedule.parse(last)))
            workload.close()
        return last.log if last else ()

    def read(self, number: int, data: Any) -> Part:
        """Return the part that `_write` has written, its failure made again. Raises ValueError if none is."""
        part = Part(self.scenarios[number])
        part.schedules, part.seconds, part.last = data["schedules"], data["seconds"], data["last"]
        part.edges, part.waits = tuple(data["edges"]), tuple(data["waits"])
        part.unfinished = data["unfinished"]
        if data["failure"] is None and part.last is None:
            return part
        workload, oracle = self.plan.prepare(self.pair, part.scenario, self.kernel)
        part.scenario = workload.scenario
        try:
            if data["failure"] is not None:
                strategy, token = data["failure"]
                finding = examine(oracle, workload.run(Replay(Schedule.parse(token))))
                if finding is None:
                    raise ValueError("no failure")
                part.failure, part.last = Failure(part.scenario, strategy, oracle, finding), finding.run
        except ReplayError as error:
            raise ValueError from error
        finally:
            workload.close()
        return part

    def run(self, number: int) -> Part:
        """Run a scenario's part of the schedules."""
        plan, scenario = self.plan, self.scenarios[number]
        began = time.perf_counter()
        workload, oracle = plan.prepare(self.pair, scenario, self.kernel)
        part = Part(workload.scenario)
        try:
            self._run(part, workload, oracle, share(plan.schedules, len(self.scenarios), number))
        except KeyboardInterrupt:
            part.interrupted = True
        finally:
            workload.close()
        if plan.sight is Sight.WHITE and scenario in plan.scenarios:
            graph = Graph(oracle)
            part.edges = len(oracle.edges & graph.edges), len(graph.edges)
            part.waits = len(oracle.kept_waiting & graph.waits), len(graph.waits)
        part.seconds = time.perf_counter() - began
        return part

    def _run(self, part: Part, workload: Workload, oracle: Oracle, schedules: int) -> None:
        plan, before = self.plan, sum(each.schedules for each in self.parts)
        for number, name in enumerate(plan.strategies):
            most = share(schedules, len(plan.strategies), number)
            if name == TOURS:
                found = cover(workload, oracle, seed=plan.seed, most=most)
                part.schedules += found.tours
                part.last = found.last
                finding = missed(found, oracle) if found.alarm is None else found.alarm
                if finding is None:
                    part.unfinished = part.unfinished or not found.complete
                    continue
                if found.alarm is not None:
                    finding = minimal(workload.run, oracle, finding)
                part.failure = Failure(part.scenario, name, oracle, finding)
                part.last = finding.run
                return
            strategy = None if name == FREE else STRATEGIES[name](plan.seed)
            stress = Stress(workload, plan.seed)
            for i in range(most):
                if strategy is not None and strategy.exhausted:
                    break
                if i % _CHUNK == 0:
                    done, seconds = before + part.schedules, time.perf_counter() - self.began
                    self.watch(Progress(self.pair.name, part.scenario.name, done, plan.schedules, seconds))
                run = stress.run() if strategy is None else workload.run(strategy)
                part.schedules += 1
                part.last = run
                if (finding := examine(oracle, run)) is not None:
                    if strategy is not None:
                        finding = minimal(workload.run, oracle, finding)
                    part.failure = Failure(part.scenario, name, oracle, finding)
                    part.last = part.failure.finding.run
                    return


def share(total: int, parts: int, number: int) -> int:
    """Return one of the parts, as equal as can be, that the total is divided into."""
    return total * (number + 1) // parts - total * number // parts
