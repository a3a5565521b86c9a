"""Every bundled design on every bundled scenario: verdicts and exact counts, which the engines agree on."""

import math
from collections.abc import Collection

import pytest

from cowpath.model.bench.check import Result, check
from cowpath.model.bench.kept import checked
from cowpath.model.designs import ALL, DESIGNS, EXTENDED, JUDGES, MIRRORS, VARIANTS, Case
from cowpath.model.explore import plain
from cowpath.model.explore.engines import ENGINES
from cowpath.model.explore.result import DEADLOCK, UNLIMITED, Exploration, questions
from cowpath.model.language.verdict import Verdict
from cowpath.model.scenarios import Scenario, bundled
from cowpath.model.scenarios.vocabulary import STALL
from tests import expectations
from tests.draws import everything, some
from tests.in_process import sharing


def fitting(scenario: Scenario) -> list[str]:
    return [name for name, design in DESIGNS.items() if design.unsupported(scenario) is None]


def on_all_engines() -> set[tuple[str, str]]:
    """Every scenario on a sixth of the designs, another one each time; on all of them with `--everything`."""
    chosen = set()
    for number, scenario in enumerate(bundled()):
        if not (names := fitting(scenario)):
            continue
        wanted = some(len(names), 6)
        chosen |= {(names[(number + 3 * n) % len(names)], scenario.slug) for n in range(wanted)}
    return chosen


LARGE = 2_500  # states
RUNS = [(name, scenario) for scenario in bundled() for name in fitting(scenario)]
ON_ALL_ENGINES = on_all_engines()


def outcome(found: Exploration, names: Collection[str]) -> tuple[object, ...]:
    witnesses = {name: witness for name, witness in found.witnesses.items() if name in names}
    return (found.states, found.transitions, found.depth, witnesses)


def by_all_engines(case: Case) -> Result:
    asked = (*case.design.standard, STALL, "concurrency", "concurrency-done", "finished")
    result = check(case, properties=asked)
    wanted = questions(case.narrowed.model, asked)
    names = {question.name for question in wanted} | {DEADLOCK}
    few = result.exploration.states <= plain.MOST  # else plain Python takes half a minute
    for engine in set(ENGINES) - ({"auto"} if few else {"auto", "python"}):
        found = ENGINES[engine].explore(case.narrowed, wanted, UNLIMITED, lambda progress: None)
        assert outcome(found, names) == outcome(result.exploration, names), engine
    # Vacuity: the run in which everybody finishes is among those explored.
    assert result.properties["finished"].verdict is Verdict.HOLDS
    return result


@pytest.mark.parametrize(("name", "scenario"), RUNS, ids=[f"{s.slug}-{d}" for d, s in RUNS])
def test_it_is_as_expected_and_engines_agree(name: str, scenario: Scenario) -> None:
    case = Case(DESIGNS[name], scenario)
    if (name, scenario.slug) in ON_ALL_ENGINES:
        result = by_all_engines(case)
    else:
        with sharing():
            result = checked(case)
    assert result.exploration.complete
    expected = expectations.expected(name).get(scenario.slug)
    assert expectations.outcome(result) == expected, expectations.RENEW
    # What a bundled file does not list is expected to hold.
    documented = scenario.expect.get(name, {})
    assert dict.fromkeys(expected["violated"], "violated") == documented, (
        "[expect]: what is violated, no more"
    )


def test_all_engines_take_each_scenario_and_each_design() -> None:
    assert {slug for _, slug in ON_ALL_ENGINES} == {scenario.slug for _, scenario in RUNS}
    assert {name for name, _ in ON_ALL_ENGINES} == {*DESIGNS}


def test_there_are_enough_scenarios_and_each_says_what_it_shows() -> None:
    assert len(bundled()) >= 12
    assert all(len(scenario.shows) > 40 for scenario in bundled())


@pytest.mark.parametrize(
    "name",
    [*VARIANTS, *EXTENDED, *MIRRORS, *(pytest.param(name, marks=pytest.mark.lengthy) for name in JUDGES)],
)
def test_what_comes_of_a_variant_is_expected(name: str) -> None:
    """By one engine: all engines read a variant's text as they read that of the design that it changes.

    What takes longest, it takes longest in the design, too, and is left to `--everything`.
    """
    expected = expectations.expected(name)
    most = math.inf if everything() else LARGE
    asked = [s for s in bundled() if expected.get(s.slug, {"states": 0})["states"] <= most]
    with sharing():
        found = expectations.found(name, asked)
    assert found == {s.slug: expected[s.slug] for s in asked if s.slug in expected}, expectations.RENEW
    for scenario in bundled() if name in EXTENDED or name in MIRRORS else ():
        if name in scenario.expect:
            violated = dict.fromkeys(expected[scenario.slug]["violated"], "violated")
            assert violated == scenario.expect[name], scenario.slug


@pytest.mark.parametrize("name", list(ALL))
def test_what_is_expected_is_of_the_scenarios_that_there_are(name: str) -> None:
    fitting = [s.slug for s in bundled() if ALL[name].unsupported(s) is None]
    assert list(expectations.expected(name)) == fitting, expectations.RENEW
    assert {path.stem for path in expectations.FOLDER.glob("*.json")} == {*ALL}, expectations.RENEW


def test_every_property_falls_somewhere() -> None:
    fallen = {
        p for s in bundled() for verdicts in s.expect.values() for p, v in verdicts.items() if v == "violated"
    }
    assert fallen == {STALL, *(name for design in ALL.values() for name in design.standard)}
