"""No engine can pass off a path that the reference does not follow."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import pytest

import cowpath.model.bench.check as bench_check
from cowpath.model.bench.check import check
from cowpath.model.designs import DESIGNS, Case
from cowpath.model.explore.engines import ENGINES
from cowpath.model.explore.python_engine import PythonEngine
from cowpath.model.explore.reductions import UNREDUCED, Reductions
from cowpath.model.explore.result import Exploration, Limits, Question, Report, Witness
from cowpath.model.finite.domains import Narrowed
from cowpath.model.language.system import Action
from cowpath.model.scenarios import find
from cowpath.model.scenarios.vocabulary import PROPERTIES
from cowpath.model.trace.trace import Trace, replay
from cowpath.model.trace.waiting import ReplayError

Path = list[tuple[Action, tuple[int, ...]]]


@dataclass(frozen=True)
class Replayed:
    """An honest path, as the checker hands it to the replay, and all that goes with it."""

    system: Any
    instance: Any
    scenario: str
    path: Path

    def again(self, name: str, path: Path) -> Trace:
        return replay(self.system, self.instance, self.scenario, name, path)


@pytest.fixture
def replayed(monkeypatch: pytest.MonkeyPatch) -> Callable[[str, str, str], Replayed]:
    """Check, and return what the checker replayed for the property."""

    def honest(design: str, scenario: str, name: str) -> Replayed:
        handed: list[Replayed] = []

        def spy(system: Any, instance: Any, scenario: str, name: str, path: Path) -> Trace:
            handed.append(Replayed(system, instance, scenario, list(path)))
            return replay(system, instance, scenario, name, path)

        monkeypatch.setattr(bench_check, "replay", spy)
        check(Case(DESIGNS[design], find(scenario)), properties=[name])
        (only,) = handed
        return only

    return honest


HONEST = [
    ("rfc-2016", "unaligned-write", "deadlock"),
    ("unserialised", "race", "snapshot"),
    ("merged-2.8", "partial-guest-write", "guest-write"),
    ("merged-2.8", "stop-undrained", "lifetime"),
    ("fleecing-4.0", "neighbours", "assertion"),
    ("fleecing-4.0", "two-readers", "concurrency"),
]


@pytest.mark.parametrize(("design", "scenario", "name"), HONEST)
def test_an_honest_path_is_replayed(
    replayed: Callable[[str, str, str], Replayed], design: str, scenario: str, name: str
) -> None:
    honest = replayed(design, scenario, name)
    trace = honest.again(name, honest.path)
    assert [step.action for step in trace.steps] == [action.label for action, _ in honest.path]
    checked = check(Case(DESIGNS[design], find(scenario)), properties=[name])
    assert trace == checked.properties[name].trace


@pytest.mark.parametrize(("design", "scenario", "name"), HONEST)
def test_a_truncated_path_is_refused(
    replayed: Callable[[str, str, str], Replayed], design: str, scenario: str, name: str
) -> None:
    honest = replayed(design, scenario, name)
    for length in range(len(honest.path)):
        with pytest.raises(ReplayError, match=r"no deadlock|does not decide"):
            honest.again(name, honest.path[:length])


@pytest.mark.parametrize(("design", "scenario", "name"), HONEST)
def test_a_path_with_two_steps_of_a_request_swapped_is_refused(
    replayed: Callable[[str, str, str], Replayed], design: str, scenario: str, name: str
) -> None:
    honest = replayed(design, scenario, name)
    owners = [arguments[0] for _, arguments in honest.path]
    swappable = [i for i in range(len(owners) - 1) if owners[i] == owners[i + 1]]
    assert swappable
    for i in swappable:
        swapped = [*honest.path]
        swapped[i : i + 2] = reversed(swapped[i : i + 2])
        with pytest.raises(ReplayError, match=rf"^step {i + 1}, .* is not enabled"):
            honest.again(name, swapped)


@pytest.mark.parametrize(("design", "scenario", "name"), HONEST)
def test_a_path_for_another_property_is_refused(
    replayed: Callable[[str, str, str], Replayed], design: str, scenario: str, name: str
) -> None:
    honest = replayed(design, scenario, name)
    decided = {name, "concurrency"}  # two readers may well be inside in passing
    for other in PROPERTIES.keys() - decided:
        with pytest.raises(ReplayError):
            honest.again(other, honest.path)


def test_a_step_of_another_request_is_refused(replayed: Callable[[str, str, str], Replayed]) -> None:
    honest = replayed("rfc-2016", "unaligned-write", "deadlock")
    action, (reader, *others) = honest.path[0]
    with pytest.raises(ReplayError, match=r"^step 1, read\.begin.* is not enabled"):
        honest.again("deadlock", [(action, (1 - reader, *others)), *honest.path[1:]])


def test_a_step_left_out_is_refused(replayed: Callable[[str, str, str], Replayed]) -> None:
    honest = replayed("rfc-2016", "unaligned-write", "deadlock")
    for i in range(len(honest.path)):
        with pytest.raises(ReplayError):
            honest.again("deadlock", honest.path[:i] + honest.path[i + 1 :])


class Liar:
    """The reference engine, whose witnesses are tampered with."""

    name = "liar"

    def __init__(self, tamper: Callable[[Sequence[int]], Sequence[int]]) -> None:
        self.tamper = tamper

    def explore(
        self,
        narrowed: Narrowed,
        questions: tuple[Question, ...],
        limits: Limits,
        report: Report,
        reductions: Reductions = UNREDUCED,
    ) -> Exploration:
        told = PythonEngine().explore(narrowed, questions, limits, report, reductions)
        lies = {name: Witness(tuple(self.tamper(w.path))) for name, w in told.witnesses.items()}
        return replace(told, witnesses=lies)


@pytest.mark.parametrize(
    "tamper",
    [
        lambda path: path[:-1],
        lambda path: path[1:],
        lambda path: (),
        lambda path: (path[1], path[0], *path[2:]),
        lambda path: path[::-1],
        lambda path: (*path, path[-1]),
    ],
    ids=["truncated", "beheaded", "empty", "swapped", "reversed", "repeated"],
)
def test_a_check_by_an_engine_that_lies_about_its_path_fails(
    monkeypatch: pytest.MonkeyPatch, tamper: Callable[[Sequence[int]], Sequence[int]]
) -> None:
    monkeypatch.setitem(ENGINES, "liar", Liar(tamper))
    with pytest.raises(ReplayError):
        check(Case(DESIGNS["rfc-2016"], find("unaligned-write")), engine="liar")


def test_a_check_by_the_same_engine_without_lies_passes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(ENGINES, "liar", Liar(lambda path: path))
    result = check(Case(DESIGNS["rfc-2016"], find("unaligned-write")), engine="liar")
    assert result.violated == ("deadlock",)


def test_a_check_by_an_engine_that_invents_a_violation_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    class Inventor(PythonEngine):
        def explore(self, *arguments: Any) -> Exploration:
            told = super().explore(*arguments)
            return replace(told, witnesses={**told.witnesses, "snapshot": told.witnesses["deadlock"]})

    monkeypatch.setitem(ENGINES, "inventor", Inventor())
    with pytest.raises(ReplayError, match="does not decide 'snapshot'"):
        check(Case(DESIGNS["rfc-2016"], find("unaligned-write")), engine="inventor")
