"""Checking many designs on many scenarios, one after the other; an interrupt keeps what is known."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from cowpath.model.bench.check import Result, check, unexplored
from cowpath.model.designs import Case, Design
from cowpath.model.explore.result import UNLIMITED, Limits, Progress
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


Watch = Callable[[str, Progress | None], None]


def run(plan: Plan, watch: Watch = lambda task, progress: None) -> list[Result]:
    """Carry the plan out. After Ctrl-C what was not explored is undetermined, and says so.

    Raises `ScenarioError` if a scenario has no disk of the wanted kind, before anything is explored.
    """
    results: list[Result] = []
    interrupted = False
    cases = plan.cases
    for case in cases:
        case.instance  # noqa: B018, worked out here
    for case in cases:
        task = f"{case.title} ({len(results) + 1} of {len(cases)})"

        def report(progress: Progress, task: str = task) -> None:
            watch(task, progress)

        try:
            if interrupted:
                raise KeyboardInterrupt
            watch(task, None)
            result = check(
                case,
                properties=plan.properties,
                engine=plan.engine,
                limits=plan.limits,
                reductions=plan.reductions,
                report=report,
            )
            interrupted = result.stopped == "interrupted"
        except KeyboardInterrupt:
            interrupted = True
            result = unexplored(case, plan.properties, plan.engine)
        results.append(result)
    return results
