"""Checking many designs on many scenarios, on all cores; an interrupt keeps what is known."""

from __future__ import annotations

import gc
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from cowpath.model.bench.check import INTERRUPTED, Result, plain_questions, unexplored
from cowpath.model.bench.kept import checked, recall
from cowpath.model.bench.parcel import Parcels
from cowpath.model.bench.workers import Workers, cores
from cowpath.model.designs import Case, Design
from cowpath.model.explore import ranks
from cowpath.model.explore.program import Program
from cowpath.model.explore.result import UNLIMITED, Limits, Progress
from cowpath.model.finite.domains import narrow
from cowpath.model.finite.instances import Instances
from cowpath.model.scenarios import Scenario


@dataclass(frozen=True)
class Plan:
    """What to check and how; `reduced`: on the smallest disks that are equivalent."""

    designs: Sequence[Design]
    scenarios: Sequence[Scenario]
    properties: Sequence[str]
    engine: str = "auto"
    limits: Limits = UNLIMITED
    reductions: Sequence[str] = ()
    reduced: bool = True

    @property
    def cases(self) -> list[Case]:
        """What to explore: every design on every scenario that fits it."""
        pairs = ((d, s) for s in self.scenarios for d in self.designs if d.unsupported(s) is None)
        return [Case(design, scenario, self.reduced) for design, scenario in pairs]

    @property
    def search(self) -> dict[str, Any]:
        """How a case is explored: the arguments of `check` that say so."""
        how = {"engine": self.engine, "limits": self.limits, "reductions": self.reductions}
        return {"properties": self.properties, **how}


Watch = Callable[[str, Progress | None], None]


def run(plan: Plan, watch: Watch | None = None, processes: int | None = None) -> list[Result]:
    """Carry the plan out. After Ctrl-C what was not explored is undetermined, and says so.

    `processes`: at most so many; None for as many as there are cores. Raises `ScenarioError` if a scenario
    has no disk of the wanted kind, before anything is explored.
    """
    cases = plan.cases
    for case in cases:
        case.instance  # noqa: B018, worked out here
        case.design.system  # noqa: B018, recorded here, once for all processes
    results: dict[int, Result] = {}
    for number, case in enumerate(cases):
        if (known := recall(case, **plan.search)) is not None:
            results[number] = known
    left = ranks.agreed([n for n in range(len(cases)) if n not in results])
    batch = _Batch(plan, cases, left, watch is not None)
    began, whole = time.monotonic(), sum(_weight(cases[n]) for n in left)

    def receive(what: bytes | tuple[int, Progress | None]) -> None:
        if isinstance(what, bytes):
            number, results[number] = batch.parcels.unpacked(what)
        elif watch is not None:
            number, progress = what
            done = sum(_weight(cases[n]) for n in left if n in results)
            wait = about_left(time.monotonic() - began, done / whole)
            watch(f"{cases[number].title} ({len(results)} of {len(cases)} done{wait})", progress)

    gc.freeze()  # what there is now is not garbage, in any of the processes
    try:
        Workers(batch.work, cores() if processes is None else processes).run(batch.tasks, receive)
    finally:
        gc.unfreeze()
    return [
        results.get(number) or unexplored(case, plan.properties, plan.engine)
        for number, case in enumerate(cases)
    ]


def about_left(seconds: float, part: float) -> str:
    """Return how long the rest will take if it goes on like the part that is done; "" while too little is."""
    if seconds < 1 or part < 1 / 20:
        return ""
    return f", about {seconds * (1 - part) / part:,.0f} s left"


def _weight(case: Case) -> int:
    """Return how long a case is likely to take, beside others: interleavings grow with the requests."""
    return int(4 ** len(case.scenario.requests))


class _Batch:
    """The cases `left`, in groups, of which each is a task: those of one design whose models have one shape.

    Such are grounded together (see `finite.instances`), and explored one after the other.
    """

    def __init__(self, plan: Plan, cases: Sequence[Case], left: Sequence[int], watched: bool) -> None:
        self.plan = plan
        self.cases = cases
        self.watched = watched
        self.parcels = Parcels(cases)
        groups: dict[object, list[int]] = {}
        for number in left:
            case = cases[number]
            shape = tuple(case.instance.sizes.items()), case.asked(plan.properties)
            groups.setdefault((case.design.name, shape if self._plain else number), []).append(number)
        self.groups = list(groups.values())

    @property
    def tasks(self) -> list[int]:
        """The groups, by number; those that are likely to take longest come last, for who does not wait."""

        def weights(number: int) -> tuple[int, int]:
            each = [_weight(self.cases[case]) for case in self.groups[number]]
            return max(each), sum(each)

        return sorted(range(len(self.groups)), key=weights)

    def work(self, task: int, send: Callable[[bytes | tuple[int, Progress | None]], None]) -> None:
        """Check the cases of a group; send each one's result and, where somebody watches, how far it is."""
        group = self.groups[task]
        together = self._plain and self.plan.limits.max_seconds is None  # which is of each alone
        programs = self._programs(group) if together else {}
        for number in group:

            def report(progress: Progress | None, number: int = number) -> None:
                if self.watched:
                    send((number, progress))

            report(None)
            program = programs.get(number)
            result = checked(self.cases[number], **self.plan.search, report=report, program=program)
            send(self.parcels.packed(result))
            if result.stopped == INTERRUPTED:
                raise KeyboardInterrupt

    def _programs(self, group: Sequence[int]) -> dict[int, Program]:
        """Return the program of each case of a group with several, made for all of them together."""
        if len(group) < 2:
            return {}
        cases = [self.cases[number] for number in group]
        together = Instances.of(cases[0].design.system, [case.instance for case in cases])
        narrowed = narrow(together.ground())
        program = Program(narrowed, plain_questions(narrowed, cases[0].asked(self.plan.properties)))
        return {
            number: program.started(start) for number, start in zip(group, narrowed.model.starts, strict=True)
        }

    @property
    def _plain(self) -> bool:
        """Whether the cases are first searched plainly."""
        return self.plan.engine == "auto" and not self.plan.reductions
