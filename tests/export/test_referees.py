"""SPIN and TLC on exported models: the same states, and the same verdicts, as the reference engine.

SPIN must be there in CI (.ci/run installs it); TLC is asked where TLA2TOOLS_JAR names its jar.
"""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import Phase, assume, given, settings

from cowpath.model.designs import ALL, MIRRORS
from cowpath.model.designs import Case as OfDesign
from cowpath.model.explore.program import Program
from cowpath.model.explore.python_engine import PythonEngine
from cowpath.model.explore.result import DEADLOCK, UNLIMITED, Exploration, questions
from cowpath.model.export.naming import claim_of, identifier
from cowpath.model.export.promela import promela
from cowpath.model.export.tla import tla
from cowpath.model.finite.domains import Narrowed, narrow
from cowpath.model.finite.ground import ground
from cowpath.model.scenarios import find
from tests import referees
from tests.benchmarks.cow_request import TABLE, Row, build
from tests.benchmarks.cow_request import instance as row_instance
from tests.expectations import expected
from tests.explore.test_semantics import random_cases
from tests.programs import lacks
from tests.random_systems import Case, cases
from tests.toys import TOYS, Toy, overflow

SMALL = [row for row in TABLE if row.states < 10_000]
RUNS = (
    ("unserialised", "two-by-two"),
    ("rfc-2016", "unaligned-write"),
    ("rfc-2016", "neighbours"),
    ("merged-2.8", "stop-undrained"),
    ("merged-2.8", "failover"),
    ("fleecing-4.0", "two-by-two"),
    ("fleecing-4.0", "unaligned-write"),
    ("block-copy-4.2", "second-cluster"),
    ("block-copy-4.2", "stop"),
    ("block-copy-5.0", "checkpoint-unquiesced"),
    ("copy-before-write-9.2", "break-snapshot"),
    ("rfc-repaired", "ragged-zero"),
    ("rfc-repaired", "failing-copies"),
    ("rfc-repaired", "hanging-copy"),
    ("mirror-3.0", "active-writes-meet-background"),
    ("mirror-8.2", "failing-target-write"),
    ("mirror-8.2", "shared-target-cluster"),
)
MIRROR_RUNS = [
    (design, slug) for design in MIRRORS for slug in expected(design) if (design, slug) not in RUNS
]


@pytest.fixture(scope="module")
def with_spin() -> None:
    lacks(referees.missing_spin())


@pytest.fixture(scope="module")
def with_tlc() -> None:
    missing = referees.missing_tlc()
    if missing:
        pytest.skip(missing)


def everything(narrowed: Narrowed) -> list[str]:
    return [*narrowed.model.always, *narrowed.model.sometimes, DEADLOCK]


def explore(narrowed: Narrowed) -> Exploration:
    sought = questions(narrowed.model, everything(narrowed))
    return PythonEngine().explore(narrowed, sought, UNLIMITED, lambda progress: None)


def fallen(narrowed: Narrowed, witnessed: Collection[str]) -> set[str]:
    """Return the claims that a checker must find violated, spelt as `plain` spells them."""
    model = narrowed.model
    claims = {q.name: identifier(*claim_of(model, q)) for q in questions(model, everything(narrowed))}
    claims[DEADLOCK] = "no_deadlock"
    return {plain(claims[name]) for name in witnessed}


def plain(name: str) -> str:
    """Take out what the two languages spell differently."""
    return name.replace("_", "").lower()


def answers(narrowed: Narrowed) -> int:
    """Count the violations in all states together, by a walk over them."""
    program = Program(narrowed, questions(narrowed.model, everything(narrowed)))
    seen, stack, count = {program.initial}, [program.initial], 0
    while stack:
        state = stack.pop()
        successors = program.successors(state)
        count += len(program.answers(state)) + program.deadlocked(state, successors)
        new = {successor for _, successor in successors} - seen
        seen |= new
        stack.extend(new)
    return count


def assert_spin_agrees(narrowed: Narrowed) -> None:
    ours = explore(narrowed)
    text = promela(narrowed, ["test"], questions(narrowed.model, everything(narrowed)), deadlock=True)
    with TemporaryDirectory() as folder:
        found = referees.spin(text, Path(folder), reduced=False)
    assert found.states == ours.states
    assert {plain(name) for name in found.violated} == fallen(narrowed, ours.witnesses)
    assert found.errors == answers(narrowed)


def assert_tlc_agrees(narrowed: Narrowed) -> referees.Found:
    ours = explore(narrowed)
    sought = questions(narrowed.model, everything(narrowed))
    with TemporaryDirectory() as folder:
        found = referees.tlc(*tla(narrowed, "M", ["test"], sought, deadlock=True), Path(folder))
    assert found.states == ours.states
    assert {plain(name) for name in found.violated} == fallen(narrowed, ours.witnesses)
    return found


def toy(which: Toy) -> Narrowed:
    return narrow(ground(which.system, which.instance))


def cow_request(row: Row) -> Narrowed:
    return narrow(ground(build(), row_instance(row)))


def real(design: str, scenario: str) -> Narrowed:
    return OfDesign(ALL[design], find(scenario)).narrowed


each_toy = pytest.mark.parametrize("which", TOYS, ids=lambda toy: toy.name)
each_row = pytest.mark.parametrize("row", SMALL, ids=lambda row: row.name)
each_run = pytest.mark.parametrize(("design", "scenario"), RUNS)
each_mirror_run = pytest.mark.parametrize(("design", "scenario"), MIRROR_RUNS)


def test_what_is_refereed_falls_somewhere() -> None:
    models = [real(*run) for run in RUNS]
    claimed = {name for model in models for name in everything(model)}
    witnessed = {name for model in models for name in explore(model).witnesses}
    assert claimed - witnessed == {"write-through"}  # no design violates it


@pytest.mark.usefixtures("with_spin")
@each_toy
def test_spin_on_toys(which: Toy) -> None:
    assert_spin_agrees(toy(which))


# One run of each design; all with `--everything`.
FIRST = list(dict(reversed(RUNS)).items())


@pytest.mark.usefixtures("with_spin")
@pytest.mark.parametrize(
    ("design", "scenario"),
    [run if run in FIRST else pytest.param(*run, marks=pytest.mark.lengthy) for run in RUNS],
)
def test_spin_on_designs(design: str, scenario: str) -> None:
    assert_spin_agrees(real(design, scenario))


@pytest.mark.lengthy
@pytest.mark.usefixtures("with_spin")
@each_mirror_run
def test_spin_on_mirrors(design: str, scenario: str) -> None:
    assert_spin_agrees(real(design, scenario))


@pytest.mark.usefixtures("with_spin")
@settings(random_cases(25), phases=[Phase.generate])
@given(cases())
def test_spin_on_random_systems(case: Case) -> None:
    assume(case.naive.complete)
    assert_spin_agrees(narrow(case.model))


@pytest.mark.usefixtures("with_spin")
@each_row
def test_spin_on_the_cow_request_model(row: Row, tmp_path: Path) -> None:
    """Transitions and stuck states are counted, too; the reduction loses no verdict, and no stuck state."""
    narrowed = cow_request(row)
    assert_spin_agrees(narrowed)
    text = promela(narrowed, ["test"], questions(narrowed.model, ["snapshot"]), deadlock=False)
    for reduced in (False, True):
        found = referees.spin(text, tmp_path, reduced=reduced)
        falls = {"snapshot_holds": row.bad, "invalid end state": row.deadlocks}
        assert found.violated == {name for name, count in falls.items() if count}
        if not reduced:
            assert found.states == row.states
            assert found.transitions == 1 + row.transitions + row.bad  # each bad state is reported by a step
            assert found.errors == row.bad + row.deadlocks


@pytest.mark.usefixtures("with_spin")
def test_spin_sees_a_value_leave_its_sort(tmp_path: Path) -> None:
    text = promela(narrow(ground(*overflow(0))), ["test"], (), deadlock=False)
    assert referees.spin(text, tmp_path, reduced=False).violated == {"((total_+1)<3)"}


@pytest.mark.usefixtures("with_tlc")
@each_toy
def test_tlc_on_toys(which: Toy) -> None:
    assert_tlc_agrees(toy(which))


@pytest.mark.usefixtures("with_tlc")
@each_run
def test_tlc_on_designs(design: str, scenario: str) -> None:
    assert_tlc_agrees(real(design, scenario))


@pytest.mark.lengthy
@pytest.mark.usefixtures("with_tlc")
@each_mirror_run
def test_tlc_on_mirrors(design: str, scenario: str) -> None:
    assert_tlc_agrees(real(design, scenario))


@pytest.mark.usefixtures("with_tlc")
@settings(random_cases(10), phases=[Phase.generate])
@given(cases())
def test_tlc_on_random_systems(case: Case) -> None:
    assume(case.naive.complete)
    assert_tlc_agrees(narrow(case.model))


@pytest.mark.usefixtures("with_tlc")
@each_row
def test_tlc_on_the_cow_request_model(row: Row) -> None:
    """No guard there is a disjunction, each part of which would count as a transition to TLC."""
    assert assert_tlc_agrees(cow_request(row)).transitions == 1 + row.transitions


@pytest.mark.usefixtures("with_tlc")
def test_tlc_sees_a_value_leave_its_sort(tmp_path: Path) -> None:
    narrowed = narrow(ground(*overflow(0)))
    found = referees.tlc(*tla(narrowed, "M", ["test"], (), deadlock=False), tmp_path)
    assert found.violated == {"TypeOK"}
