"""The hunt: how many schedules each strategy takes until the monitor, or the scheduler, refuses a mutant.

A mutant of the stack runs under the model of its design. A mutant of the model is asked about runs of the
stack as it is; what the threads cannot tell is left to the verdicts: they must differ from the design's own.
"""

from __future__ import annotations

import statistics
from collections.abc import Callable, Iterator, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field, replace
from math import inf
from typing import Any

from cowpath.conformance.campaign.alarm import CanaryError, Finding, examine, minimal
from cowpath.conformance.campaign.kept import question
from cowpath.conformance.monitor.explain import reason
from cowpath.conformance.monitor.oracle import Oracle
from cowpath.conformance.mutants.catalogue import CANARY, scenario_of
from cowpath.conformance.mutants.mutant import ModelMutant, Mutant, StackMutant
from cowpath.conformance.pairs import find_pair
from cowpath.conformance.runs.epilogue import epilogue
from cowpath.conformance.runs.log import Sight
from cowpath.conformance.runs.workload import Run, Workload
from cowpath.conformance.scheduler.kernel import Kernel, Strategy
from cowpath.conformance.scheduler.schedule import Replay, ReplayError, Schedule
from cowpath.conformance.scheduler.substrate import Greenlets
from cowpath.conformance.strategies.portfolio import STRATEGIES
from cowpath.model.bench.check import check
from cowpath.model.bench.tasks import Tasks, Written
from cowpath.model.designs import ALL, Case, Design
from cowpath.model.explore import ranks
from cowpath.model.finite.reference import OutOfRange
from cowpath.model.language.verdict import Verdict
from cowpath.model.scenarios import Scenario


@dataclass(frozen=True)
class Hunt:
    """How many schedules a strategy took to the kill, one number a seed; None where the budget came first."""

    strategy: str
    schedules: tuple[int | None, ...]

    @property
    def median(self) -> float | None:
        """The median over the seeds; None if so many were not enough."""
        median = statistics.median([inf if each is None else each for each in self.schedules])
        return None if median == inf else median


@dataclass(frozen=True)
class Outcome:
    """What became of a mutant: the first kill, its schedule made minimal, and why it is one, in words.

    Without a kill the reason may be that verdicts differ; if there is none the mutant survives.
    """

    mutant: Mutant
    sight: Sight
    hunts: tuple[Hunt, ...]
    kill: Finding | None
    reason: str

    @property
    def equivalent(self) -> bool:
        """Whether it is known that nobody with this sight can tell."""
        return self.sight.value in self.mutant.survives

    @property
    def by(self) -> str | None:
        """Who killed it; None if it survives."""
        return self.kill.by if self.kill else "verdicts" if self.reason else None

    @property
    def median(self) -> float | None:
        """The median of the strategy that was asked first."""
        return self.hunts[0].median

    @property
    def verdict(self) -> Verdict:
        """Whether it dies, or survives, as it should."""
        return Verdict.HOLDS if (self.by is None) == self.equivalent else Verdict.VIOLATED


@dataclass(frozen=True)
class Plan:
    """How to hunt: with each strategy and seed, for so many schedules; what is equivalent with one seed."""

    strategies: Sequence[str] = ("portfolio",)
    seeds: int = 5
    budget: int = 400
    sight: Sight = Sight.WHITE


@dataclass
class Bench:
    """What all hunts share: a kernel, and for each design and scenario an oracle and a workload."""

    plan: Plan
    kernel: Kernel = field(default_factory=lambda: Kernel(Greenlets()))
    oracles: dict[tuple[str, Scenario], Oracle] = field(default_factory=dict)
    workloads: dict[tuple[str, Scenario], Workload] = field(default_factory=dict)

    def hunt(self, mutant: Mutant) -> Outcome:
        """Hunt one mutant."""
        plan = self.plan
        run, oracle = self._subject(mutant)
        hunts: list[Hunt] = []
        kill: Finding | None = None
        for name in plan.strategies:
            counts: list[int | None] = []
            for seed in range(1 if plan.sight.value in mutant.survives else plan.seeds):
                count, found = _first(run, oracle, STRATEGIES[name](seed), plan.budget)
                counts.append(count if found else None)
                kill = kill or found
            hunts.append(Hunt(name, tuple(counts)))
        why = ""
        if kill is not None:
            kill = minimal(run, oracle, kill)
            why = reason(oracle, kill.refusal) if kill.refusal else kill.run.reason
        elif isinstance(mutant, ModelMutant):
            why = _other_verdicts(mutant, scenario_of(mutant))
        return Outcome(mutant, plan.sight, tuple(hunts), kill, why)

    def recall(self, mutant: Mutant, data: Any) -> Outcome:
        """Return the outcome that `written` wrote, its kill made again. Raises ValueError if it is none."""
        hunts = tuple(Hunt(strategy, tuple(schedules)) for strategy, schedules in data["hunts"])
        kill: Finding | None = None
        if (token := data["kill"]) is not None:
            run, oracle = self._subject(mutant)
            try:
                kill = examine(oracle, run(Replay(Schedule.parse(token))))
            except ReplayError as error:
                raise ValueError from error
            if kill is None:
                raise ValueError("no kill")
        return Outcome(mutant, self.plan.sight, hunts, kill, data["reason"])

    def _subject(self, mutant: Mutant) -> tuple[Callable[[Strategy], Run], Oracle]:
        """Return what makes a run with the mutant's fault, and what judges it."""
        workload = self._workload(mutant.design, scenario_of(mutant))

        def run(strategy: Strategy) -> Run:
            # Only here is the fault in the stack: the judge has its arithmetic from there.
            with mutant.applied() if isinstance(mutant, StackMutant) else nullcontext():
                return workload.run(strategy)

        return run, self._oracle(mutant, workload.scenario)

    def _workload(self, design: str, scenario: Scenario) -> Workload:
        key = (design, scenario)
        if key not in self.workloads:
            pair = find_pair(design)
            last = epilogue(scenario, pair.model) if self.plan.sight is Sight.BLACK else ()
            self.workloads[key] = Workload(pair, scenario, self.kernel, last)
        return self.workloads[key]

    def _oracle(self, mutant: Mutant, scenario: Scenario) -> Oracle:
        if isinstance(mutant, ModelMutant):
            return Oracle(mutated(mutant), scenario, self.plan.sight)
        key = (mutant.design, scenario)
        if key not in self.oracles:
            self.oracles[key] = Oracle(ALL[mutant.design], scenario, self.plan.sight)
        return self.oracles[key]


def hunt_all(
    mutants: Sequence[Mutant], plan: Plan, watch: Callable[[Mutant], None] = lambda mutant: None
) -> Iterator[Outcome]:
    """Yield what becomes of each mutant. Raises CanaryError, before that, if the canary survives.

    Each outcome is kept where answers are, and the mutants are dealt to the processes of an `mpiexec`.
    """
    bench = Bench(plan)
    how = (plan.strategies, plan.seeds, plan.budget, plan.sight.value)
    tasks = Tasks(
        [question("mutant", mutant.name, how) for mutant in mutants],
        lambda number: bench.hunt(mutants[number]),
        Written(written, lambda number, data: bench.recall(mutants[number], data)),
    )
    try:
        if ranks.agreed(not ranks.rank() and bench.hunt(CANARY).by is None):
            raise CanaryError("the canary survives: with this plan the bench sees nothing")
        tasks.deal()
        for number, mutant in enumerate(mutants):
            watch(mutant)
            yield tasks.result(number)
    finally:
        for workload in bench.workloads.values():
            workload.close()


def written(outcome: Outcome) -> dict[str, Any]:
    """Return an outcome as plain data: its kill by what replays it."""
    return {
        "hunts": [(hunt.strategy, hunt.schedules) for hunt in outcome.hunts],
        "kill": outcome.kill and str(outcome.kill.run.schedule),
        "reason": outcome.reason,
    }


def mutated(mutant: ModelMutant) -> Design:
    """Return the mutant's design, its system with the fault."""
    design = ALL[mutant.design]
    return replace(design, build=lambda: mutant.make(design.system))


def _first(
    run: Callable[[Strategy], Run], oracle: Oracle, strategy: Strategy, budget: int
) -> tuple[int, Finding | None]:
    count = 0
    while count < budget and not strategy.exhausted:
        count += 1
        if (kill := examine(oracle, run(strategy))) is not None:
            return count, kill
    return count, None


def _other_verdicts(mutant: ModelMutant, scenario: Scenario) -> str:
    try:
        found = check(Case(mutated(mutant), scenario))
    except OutOfRange as error:
        return f"out of range: {error}"
    own = check(Case(ALL[mutant.design], scenario))
    pairs = [(name, own.properties[name].verdict, each.verdict) for name, each in found.properties.items()]
    return ", ".join(f"{name} {was.value}, then {now.value}" for name, was, now in pairs if was is not now)
