"""Checking many designs on many scenarios, one after the other; an interrupt keeps what is known."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from cowpath.model.bench.check import Result, check, unexplored
from cowpath.model.designs import Design
from cowpath.model.explore.result import UNLIMITED, Limits, Progress
from cowpath.model.scenarios import Scenario
from cowpath.model.scenarios.geometry import Geometry, reduce


@dataclass(frozen=True)
class Plan:
    """What to check and how; `geometry` turns a scenario into what is explored."""

    designs: Sequence[Design]
    scenarios: Sequence[Scenario]
    properties: Sequence[str]
    engine: str = "auto"
    limits: Limits = UNLIMITED
    reductions: Sequence[str] = ()
    geometry: Callable[[Scenario], Geometry] = reduce

    @property
    def runs(self) -> list[tuple[Scenario, Design]]:
        """What to explore: every design on every scenario of which it has all."""
        return [(s, d) for s in self.scenarios for d in self.designs if d.unsupported(s) is None]


Watch = Callable[[str, Progress | None], None]


def run(plan: Plan, watch: Watch = lambda task, progress: None) -> list[Result]:
    """Carry the plan out. After Ctrl-C what was not explored is undetermined, and says so.

    Raises `ScenarioError` if a scenario has no geometry of the wanted kind, before anything is explored.
    """
    geometries = {scenario.name: plan.geometry(scenario) for scenario in plan.scenarios}
    results: list[Result] = []
    interrupted = False
    runs = plan.runs
    for scenario, design in runs:
        task = f"{design.name} on '{scenario.name}' ({len(results) + 1} of {len(runs)})"
        geometry = geometries[scenario.name]

        def report(progress: Progress, task: str = task) -> None:
            watch(task, progress)

        try:
            if interrupted:
                raise KeyboardInterrupt
            watch(task, None)
            result = check(
                design,
                scenario,
                geometry,
                properties=plan.properties,
                engine=plan.engine,
                limits=plan.limits,
                reductions=plan.reductions,
                report=report,
            )
            interrupted = result.stopped == "interrupted"
        except KeyboardInterrupt:
            interrupted = True
            result = unexplored(design, scenario, geometry, plan.properties, plan.engine)
        results.append(result)
    return results
