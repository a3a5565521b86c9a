"""Is every guard of a design needed? Delete each in turn and see what falls on the given scenarios."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from cowpath.model.bench.check import check
from cowpath.model.designs import Case, Design
from cowpath.model.explore.result import Limits
from cowpath.model.finite.reference import OutOfRange
from cowpath.model.liveness.starvation import PROGRESS
from cowpath.model.scenarios import Scenario

_LIMITS = Limits(max_states=60_000)  # a design without a guard may run wild; what falls, falls early


@dataclass(frozen=True)
class GuardReport:
    """What falls without a guard: properties that held with it, on the first scenario where any does.

    `scenario` is None when nothing falls: the guard is not needed on these scenarios.
    """

    action: str
    guard: str
    scenario: str | None
    falls: tuple[str, ...]


def guards(design: Design) -> tuple[tuple[str, str], ...]:
    """Return each guard and wait of each action, in order, after the action's label.

    Program order (`location`) is left out: it is not a guard that a developer could drop.
    """
    return tuple(
        (action.label, guard)
        for action in design.system.actions
        for guard in action.guard_names
        if guard not in {each.name for each in action.guards if each.location}
    )


def audit(
    design: Design, scenarios: Sequence[Scenario], asked: Sequence[tuple[str, str]] | None = None
) -> Iterator[GuardReport]:
    """Yield a report for each of the guards asked about, on the scenarios that fit the design.

    `asked`: some of its `guards`; None for all of them. A step that leaves a variable's sort counts as a
    fall, too. `progress` is asked last, and only where requests keep arriving.
    """
    scenarios = [scenario for scenario in scenarios if design.unsupported(scenario) is None]
    baseline = {scenario: check(Case(design, scenario)) for scenario in scenarios}
    scenarios.sort(key=lambda scenario: baseline[scenario].exploration.states)
    safety = tuple(name for name in design.standard if name != PROGRESS)
    trials = [(scenario, safety) for scenario in scenarios]
    trials += [
        (scenario, (PROGRESS,))
        for scenario in scenarios
        if any(request.stream for request in scenario.requests)
        and PROGRESS not in baseline[scenario].violated
    ]
    for action, guard in guards(design) if asked is None else asked:
        without = _without(design, action, guard)
        fell = (
            GuardReport(action, guard, trial.slug, fallen)
            for trial, properties in trials
            if (fallen := _falls(without, trial, properties, {*baseline[trial].violated}))
        )
        yield next(fell, GuardReport(action, guard, None, ()))


def _without(design: Design, action: str, guard: str) -> Design:
    system = design.system.without(action, guard)
    return replace(design, build=lambda: system)


def _falls(
    design: Design, scenario: Scenario, properties: Sequence[str], already: set[str]
) -> tuple[str, ...]:
    try:
        result = check(Case(design, scenario), properties=properties, limits=_LIMITS)
    except OutOfRange as error:
        return (f"out of range: {error}",)
    return tuple(name for name in result.violated if name not in already)
