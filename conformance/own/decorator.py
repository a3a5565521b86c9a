"""`@schedules`: says of a test how it is to be explored, by pytest or by the command line."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from types import ModuleType
from typing import TypeVar

from cowpath.conformance.own.explorer import Way
from cowpath.conformance.own.result import Model, Plan

Test = TypeVar("Test", bound=Callable[..., object])
MARK = "__cowpath_schedules__"


@dataclass(frozen=True)
class Wish:
    """How a test is to be explored. `modules`: None for those that are found."""

    plan: Plan
    modules: Sequence[ModuleType] | None
    model: Model | None

    def plan_with(self, schedules: int | None) -> Plan:
        """Return the plan, with another number of schedules if there is one."""
        return self.plan if schedules is None else replace(self.plan, schedules=schedules)


def schedules(
    count: int = 1000,
    *,
    modules: Sequence[ModuleType] | None = None,
    model: Model | None = None,
    strategy: str = "portfolio",
    seed: int = 0,
    points: str = "statements",
    substrate: str = "threads",
    hasty: bool = False,
    limit: int = 10_000,
    patience: float = 10.0,
    injected: bool = False,
    most: int = 300,
) -> Callable[[Test], Test]:
    """Have a test, which starts threads, run under so many schedules; the rest is as in `explore`.

    The plugin of pytest that comes with cowpath does so; so does `cowpath conform FILE.py`.
    Raises ValueError for a setting that is not accepted.
    """
    if callable(count):
        raise ValueError("@schedules needs its brackets, as in @schedules(1000)")
    plan = Plan(count, strategy, seed, most, Way(points, substrate, hasty, limit, patience, injected))
    wish = Wish(plan, modules, model)

    def mark(test: Test) -> Test:
        setattr(test, MARK, wish)
        return test

    return mark


def wish_of(test: object) -> Wish | None:
    """Return what `@schedules` says of a test, None if it says nothing."""
    found = getattr(test, MARK, None)
    return found if isinstance(found, Wish) else None
