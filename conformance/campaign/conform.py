"""A campaign: runs of the threaded stack, each held against a model, until one is not explained."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace

from cowpath.conformance.campaign.alarm import CanaryError, Finding, examine, minimal
from cowpath.conformance.campaign.drawing import wide, workloads
from cowpath.conformance.campaign.mirror_drawing import mirror_workloads
from cowpath.conformance.campaign.tours import Graph, cover, missed
from cowpath.conformance.monitor.oracle import Oracle
from cowpath.conformance.pairs import PAIRS, Pair
from cowpath.conformance.runs.epilogue import epilogue
from cowpath.conformance.runs.log import Event, Sight
from cowpath.conformance.runs.stress import Stress
from cowpath.conformance.runs.workload import Workload
from cowpath.conformance.scheduler.kernel import Kernel
from cowpath.conformance.scheduler.substrate import Greenlets
from cowpath.conformance.strategies.portfolio import STRATEGIES
from cowpath.model.designs import Design
from cowpath.model.language.action import HANGS, hanging
from cowpath.model.language.verdict import Verdict
from cowpath.model.scenarios import Scenario, find
from cowpath.model.scenarios.vocabulary import KINDS

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
        blind = self.sight is Sight.BLACK
        last = epilogue(scenario, pair.model, judge) if blind else ()
        workload = Workload(pair, scenario, kernel, last, looks=blind)
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
    """Tell whether threads run the scenario: they run each request once."""
    return not any(request.stream for request in scenario.requests)


def conform(plan: Plan, watch: Watch = lambda progress: None) -> Iterator[Outcome]:
    """Yield an outcome for each design, in order. After Ctrl-C the rest is undetermined.

    Raises CanaryError, before anything else, if what must be refused is not.
    """
    kernel = Kernel(Greenlets())
    interrupted = False
    try:
        _try_canary(plan, kernel)
    except KeyboardInterrupt:
        interrupted = True
    for pair in plan.pairs:
        campaign = _Campaign(plan, pair, kernel, watch)
        if not interrupted:
            campaign.run()
        interrupted = interrupted or campaign.interrupted
        yield campaign.outcome()


def _words(design: Design) -> tuple[frozenset[str], frozenset[str]]:
    """Return the options and the faults that it knows."""
    hangs = {HANGS, *map(hanging, design.faults)} if design.faults else set()
    return design.options, design.faults | hangs


def _try_canary(plan: Plan, kernel: Kernel) -> None:
    design, model, slug = CANARY
    workload, oracle = replace(plan, model=PAIRS[model].model).prepare(PAIRS[design], find(slug), kernel)
    try:
        for name in plan.strategies:
            strategy = STRATEGIES["portfolio" if name in (FREE, TOURS) else name](plan.seed)
            for _ in range(_PATIENCE):
                if strategy.exhausted:
                    break
                if examine(oracle, workload.run(strategy)) is not None:
                    return
    finally:
        workload.close()
    raise CanaryError(
        f"the canary lives: {design} was not refused as {model} with {plan.sight.value} sight"
        f" by {', '.join(plan.strategies)}"
    )


class _Campaign:
    """One design's part."""

    def __init__(self, plan: Plan, pair: Pair, kernel: Kernel, watch: Watch) -> None:
        self.plan = plan
        self.pair = pair
        self.kernel = kernel
        self.watch = watch
        self.scenarios = plan.fitting(pair)
        self.schedules = 0
        self.seconds = 0.0
        self.edges, self.waits = [0, 0], [0, 0]
        self.failure: Failure | None = None
        self.last: Sequence[Event] = ()
        self.scenario: Scenario | None = None
        self.interrupted = False
        self.unfinished = False  # tours, of which the budget was over before all was reached

    def run(self) -> None:
        began = time.perf_counter()
        try:
            for number, scenario in enumerate(self.scenarios):
                part = share(self.plan.schedules, len(self.scenarios), number)
                self._run_scenario(scenario, part, began)
                if self.failure:
                    break
        except KeyboardInterrupt:
            self.interrupted = True
        self.seconds = time.perf_counter() - began

    def outcome(self) -> Outcome:
        verdict = Verdict.HOLDS
        if self.failure is not None:
            verdict = Verdict.VIOLATED
        elif self.interrupted or self.unfinished or not self.schedules:
            verdict = Verdict.UNDETERMINED
        coverage = Coverage((self.edges[0], self.edges[1]), (self.waits[0], self.waits[1]))
        return Outcome(
            self.pair.name,
            self.plan.judge(self.pair).name,
            verdict,
            self.schedules,
            self.seconds,
            self.plan.strategies,
            coverage,
            self.failure,
            self.last,
            self.scenario,
        )

    def _run_scenario(self, scenario: Scenario, schedules: int, began: float) -> None:
        plan, bundled = self.plan, scenario in self.plan.scenarios
        workload, oracle = plan.prepare(self.pair, scenario, self.kernel)
        self.scenario = scenario = workload.scenario
        try:
            for number, name in enumerate(plan.strategies):
                part = share(schedules, len(plan.strategies), number)
                if name == TOURS:
                    found = cover(workload, oracle, seed=plan.seed, most=part)
                    self.schedules += found.tours
                    self.last = found.last.log if found.last else ()
                    finding = missed(found, oracle) if found.alarm is None else found.alarm
                    if finding is None:
                        self.unfinished = self.unfinished or not found.complete
                        continue
                    if found.alarm is not None:
                        finding = minimal(workload.run, oracle, finding)
                    self.failure = Failure(scenario, name, oracle, finding)
                    self.last = finding.run.log
                    return
                strategy = None if name == FREE else STRATEGIES[name](plan.seed)
                stress = Stress(workload, plan.seed)
                for i in range(part):
                    if strategy is not None and strategy.exhausted:
                        break
                    if i % _CHUNK == 0:
                        seconds = time.perf_counter() - began
                        self.watch(
                            Progress(self.pair.name, scenario.name, self.schedules, plan.schedules, seconds)
                        )
                    run = stress.run() if strategy is None else workload.run(strategy)
                    self.schedules += 1
                    self.last = run.log
                    if (finding := examine(oracle, run)) is not None:
                        if strategy is not None:
                            finding = minimal(workload.run, oracle, finding)
                        self.failure = Failure(scenario, name, oracle, finding)
                        self.last = self.failure.finding.run.log
                        return
        finally:
            workload.close()
            if plan.sight is Sight.WHITE and bundled:
                self._cover(oracle)

    def _cover(self, oracle: Oracle) -> None:
        graph = Graph(oracle)
        for covered, reached, there in (
            (self.edges, oracle.edges, graph.edges),
            (self.waits, oracle.kept_waiting, graph.waits),
        ):
            covered[0] += len(reached & there)
            covered[1] += len(there)


def share(total: int, parts: int, number: int) -> int:
    """Return one of the parts, as equal as can be, that the total is divided into."""
    return total * (number + 1) // parts - total * number // parts
