"""Every bundled design on every bundled scenario, on every engine: verdicts and exact state counts."""

import pytest

from cowpath.model.bench.check import Result, check
from cowpath.model.designs import ALL, DESIGNS, EXTENDED, MIRRORS, VARIANTS, Case
from cowpath.model.explore.engines import ENGINES
from cowpath.model.language.verdict import Verdict
from cowpath.model.scenarios import Scenario, bundled
from cowpath.model.scenarios.vocabulary import STALL
from tests import expectations

RUNS = [
    (n, scenario) for scenario in bundled() for n, d in DESIGNS.items() if d.unsupported(scenario) is None
]


def outcome(result: Result) -> tuple[object, ...]:
    found = result.exploration
    return (found.states, found.transitions, found.depth, dict(found.witnesses))


@pytest.mark.parametrize(("name", "scenario"), RUNS, ids=[f"{s.slug}-{d}" for d, s in RUNS])
def test_engines_agree_and_it_is_expected(name: str, scenario: Scenario) -> None:
    safety = tuple(
        p for p in DESIGNS[name].standard if p != "progress"
    )  # which is searched alike whatever the engine
    engines = [engine for engine in ENGINES if engine != "auto"]
    asked = dict.fromkeys(engines, (*safety, STALL, "concurrency", "concurrency-done", "finished"))
    asked["python"] += ("progress",)
    results = {e: check(Case(DESIGNS[name], scenario), properties=asked[e], engine=e) for e in engines}
    reference = results["python"]
    assert reference.exploration.complete
    for result in results.values():
        assert outcome(result) == outcome(reference)
    expected = expectations.expected(name).get(scenario.slug)
    assert expectations.outcome(reference) == expected, expectations.RENEW
    # What a bundled file does not list is expected to hold.
    documented = scenario.expect.get(name, {})
    assert dict.fromkeys(expected["violated"], "violated") == documented, (
        "[expect]: what is violated, no more"
    )
    # Vacuity: the run in which everybody finishes is among those explored.
    assert reference.properties["finished"].verdict is Verdict.HOLDS


def test_there_are_enough_scenarios_and_each_says_what_it_shows() -> None:
    assert len(bundled()) >= 12
    assert all(len(scenario.shows) > 40 for scenario in bundled())


@pytest.mark.parametrize("name", [*VARIANTS, *EXTENDED, *MIRRORS])
def test_what_comes_of_a_variant_is_expected(name: str) -> None:
    """By one engine: all engines read a variant's text as they read that of the design that it changes."""
    expected = expectations.expected(name)
    assert expectations.found(name) == expected, expectations.RENEW
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
