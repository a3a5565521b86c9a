"""Partial-order reduction: reduced runs against unreduced ones."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

import pytest
from hypothesis import HealthCheck, assume, event, given, settings
from hypothesis import strategies as st

from cowpath.conformance import scenarios
from cowpath.model.designs import DESIGNS
from cowpath.model.explore.native import search, visited
from cowpath.model.explore.native.engine import NativeEngine
from cowpath.model.explore.program import Program
from cowpath.model.explore.python_engine import PythonEngine
from cowpath.model.explore.reductions import UNREDUCED, Reductions
from cowpath.model.explore.result import UNLIMITED, Limits, Question
from cowpath.model.finite.domains import Narrowed
from cowpath.model.finite.instance import Instance
from cowpath.model.language.expression import Expr
from cowpath.model.language.system import State, System
from cowpath.model.reductions import symmetry
from cowpath.model.scenarios import Scenario, find, loads
from cowpath.model.scenarios.geometry import reduce
from cowpath.model.stack.binding import bind
from tests.benchmarks import cow_request
from tests.draws import some
from tests.reductions.certified import each_toy, found, prepared, reductions, visit
from tests.scenarios.test_reduction import BOUNDS
from tests.toys import Owner, Toy, column, instance, mutex, relay


def final(program: Program, states: Iterable[bytes]) -> set[bytes]:
    return {state for state in states if not program.successors(state)}


def assert_same(system: System, where: Instance, most: int = 30_000) -> float | None:
    """Compare a reduced search with an unreduced one; return how many times fewer states it visits."""
    narrowed, asked, certified = prepared(system, where)
    whole = PythonEngine().explore(narrowed, asked, Limits(max_states=most), lambda progress: None)
    if not whole.complete:
        return None
    small = PythonEngine().explore(narrowed, asked, UNLIMITED, lambda p: None, reductions(certified))
    assert small.depths.keys() == whole.depths.keys()
    assert all(small.depths[name] >= depth for name, depth in whole.depths.items())
    program = Program(narrowed, asked, reductions(certified))
    every = visit(program, reduced=False)
    some = visit(program, reduced=True, terminates=certified.terminates)
    assert len(every) == whole.states
    assert some <= every
    assert final(program, some) == final(program, every)
    assert found(program, some) == found(program, every) == set(whole.depths)
    return len(every) / len(some)


# -- whole runs


def assert_machine_code_agrees(narrowed: Narrowed, asked: tuple[Question, ...], chosen: Reductions) -> None:
    """Both engines, with and without the proviso, and with and without symmetry: the very same search."""
    for terminates in {chosen.terminates, False}:
        for permutations in {chosen.symmetry, ()}:
            how = replace(chosen, terminates=terminates, symmetry=permutations)
            plain, native = (
                engine.explore(narrowed, asked, UNLIMITED, lambda progress: None, how)
                for engine in (PythonEngine(), NativeEngine(2))
            )
            assert (native.states, native.transitions, native.depth, native.depths) == (
                plain.states,
                plain.transitions,
                plain.depth,
                plain.depths,
            )


@each_toy
@pytest.mark.parametrize("small", [False, True])
def test_machine_code_agrees_on_toys(toy: Toy, small: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    if small:  # the threads share each layer, the table grows, states go aside
        monkeypatch.setattr(search, "_SEGMENT", 4)
        monkeypatch.setattr(visited, "FEWEST_LINES", 2)
    narrowed, asked, certified = prepared(toy.system, toy.instance)
    if certified.needs:
        assert_machine_code_agrees(narrowed, asked, reductions(certified))


@pytest.mark.parametrize(
    ("design", "scenario"),
    [
        ("rfc-2016", "unaligned-write"),
        ("unserialised", "checkpoint"),
        ("block-copy-4.2", "second-cluster"),
        ("block-copy-5.0", "write-among-reads"),
        ("copy-before-write-9.2", "failing-copies"),
        ("rfc-repaired", "wide-read-among-reads"),
    ],
)
def test_machine_code_agrees_on_designs(design: str, scenario: str) -> None:
    """The bundled scenarios include requests that are interchangeable, and runs that do not end."""
    drawn = find(scenario)
    narrowed, asked, certified = prepared(DESIGNS[design].system, bind(drawn, reduce(drawn)))
    alike = replace(reductions(certified), symmetry=symmetry.permutations(narrowed.model))
    assert_machine_code_agrees(narrowed, asked, alike)


@settings(max_examples=some(8, 4), deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
@given(scenarios(BOUNDS), st.sampled_from(sorted(DESIGNS)))
def test_machine_code_agrees_on_drawn_scenarios(scenario: Scenario, name: str) -> None:
    assume(DESIGNS[name].unsupported(scenario) is None)
    narrowed, asked, certified = prepared(DESIGNS[name].system, bind(scenario, reduce(scenario)))
    assert_machine_code_agrees(narrowed, asked, reductions(certified))


@each_toy
def test_toys(toy: Toy) -> None:
    assert_same(toy.system, toy.instance)


@pytest.mark.parametrize(
    "row", [row for row in cow_request.TABLE if row.states < 2_000], ids=lambda r: r.name
)
def test_the_cow_request_model(row: cow_request.Row) -> None:
    fewer = assert_same(cow_request.build(), cow_request.instance(row))
    assert fewer is not None
    assert fewer > (2 if row.states > 500 else 1)


@settings(max_examples=some(40), deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
@given(scenarios(BOUNDS), st.sampled_from(sorted(DESIGNS)), st.data())
def test_drawn_scenarios_and_broken_designs(scenario: Scenario, name: str, data: st.DataObject) -> None:
    design = DESIGNS[name]
    assume(design.unsupported(scenario) is None)
    system = design.system
    if data.draw(st.booleans()):
        deletable = [
            (action.label, guard)
            for action in system.actions
            for guard in action.guard_names
            if not any(g.name == guard and g.location for g in action.guards)
        ]
        system = system.without(*data.draw(st.sampled_from(deletable)))
        event("broken")
    fewer = assert_same(system, bind(scenario, reduce(scenario)), 8_000)
    event("too large" if fewer is None else f"times fewer states: {int(fewer)}")


@settings(max_examples=some(200), deadline=None, derandomize=True)
@given(st.data())
def test_drawn_systems(data: st.DataObject) -> None:
    """Three owners run short programs over shared and own Booleans, with waits and endless loops."""
    system = System("drawn")
    for other in range(3):
        system.parameter(f"is_{other}", Owner)
    for name in ("x", "y", "z"):
        system.variable(name)
    system.variable("own", Owner)
    system.variable("step", Owner)
    booleans = st.booleans()

    def value(s: State, r: Expr, what: str) -> Expr:
        read: Expr = s.own[r] if what == "own" else s.step[r] if what == "step" else s[what]
        return read

    names = st.sampled_from(["x", "y", "z", "own", "step"])
    for number in range(data.draw(st.integers(2, 5))):
        who = data.draw(st.sets(st.integers(0, 2), min_size=1))
        guards = data.draw(st.lists(st.tuples(names, booleans), max_size=2, unique_by=lambda g: g[0]))
        updates = data.draw(st.lists(st.tuples(names, st.sampled_from(["flip", "set", "clear", "x", "own"])),
                                     min_size=1, max_size=2, unique_by=lambda u: u[0]))  # fmt: skip
        waits = data.draw(st.sampled_from([None, None, "own", "step"]))

        @system.action(f"a{number}", r=Owner)
        def act(
            s: State,
            r: Expr,
            who: set[int] = who,
            guards: list[tuple[str, bool]] = guards,
            updates: list[tuple[str, str]] = updates,
            waits: str | None = waits,
        ) -> None:
            for other in sorted({0, 1, 2} - who):
                s.require(~s[f"is_{other}"][r], f"is not {other}", location=True)
            for what, wanted in guards:
                s.require(value(s, r, what) == wanted, f"{what} {wanted}")
            if waits:
                s.wait_while(Owner, lambda q: (q != r) & value(s, q, waits), on="others", held=waits)
            for what, how in updates:
                old = value(s, r, what)
                new = {"flip": ~old, "set": True, "clear": False}.get(how)
                target = value(s, r, how) if new is None else new
                if what in ("own", "step"):
                    s[what][r] = target
                else:
                    setattr(s, what, target)

    system.sometimes("all set", lambda s: s.x & s.y & s.z)
    system.always("not both", lambda s: ~(s.x & ~s.y))
    system.terminal(Owner, lambda s, r: s.step[r])
    tables = {f"is_{i}": column(*(int(i == r) for r in range(3))) for i in range(3)}
    fewer = assert_same(system, instance({"Owner": 3}, **tables))
    event(f"fewer: {fewer is not None and fewer > 1}")


@pytest.mark.parametrize("design", list(DESIGNS))
def test_together_with_symmetry(design: str) -> None:
    scenario = loads(
        """
        name = "two alike"
        unit = "sectors"
        sectors = 2
        cluster = 2
        [secondary]
        request_alignment = 2
        [[request]]
        kind = "guest-read"
        at = [0, 2]
        count = 2
        [[request]]
        kind = "nbd-write"
        at = [0, 1]
        """,
        "two alike",
    )
    narrowed, asked, certified = prepared(DESIGNS[design].system, bind(scenario, reduce(scenario)))
    plain = reductions(certified)
    both = replace(plain, symmetry=symmetry.permutations(narrowed.model))
    assert both.symmetry
    whole, less, least = (
        PythonEngine().explore(narrowed, asked, UNLIMITED, lambda progress: None, chosen)
        for chosen in (UNREDUCED, plain, both)
    )
    assert whole.depths.keys() == less.depths.keys() == least.depths.keys()
    assert least.states < less.states < whole.states


def test_independent_owners_go_one_after_the_other() -> None:
    toy = mutex(6, locked=False)
    toy.system.properties.clear()
    narrowed, asked, certified = prepared(toy.system, toy.instance)
    reduced = PythonEngine().explore(narrowed, asked, UNLIMITED, lambda p: None, reductions(certified))
    assert (reduced.states, reduced.transitions, reduced.depth) == (13, 12, 12)
    assert certified.refused == ()


def test_owners_that_meet_everywhere_are_not_reduced() -> None:
    toy = relay(3)
    toy.system.properties.clear()
    narrowed, asked, certified = prepared(toy.system, toy.instance)
    reduced = PythonEngine().explore(narrowed, asked, UNLIMITED, lambda p: None, reductions(certified))
    assert reduced.states > 2 * 2 + 1
