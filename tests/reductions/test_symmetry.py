"""Symmetry: who is interchangeable, and that merging renamings changes no verdict and no depth."""

from __future__ import annotations

from dataclasses import replace

import networkx as nx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cowpath.model.bench.check import check
from cowpath.model.designs import DESIGNS, Case, Design
from cowpath.model.explore.engines import ENGINES
from cowpath.model.explore.native.canonical import factors
from cowpath.model.explore.native.engine import NativeEngine
from cowpath.model.explore.program import Program
from cowpath.model.explore.python_engine import PythonEngine
from cowpath.model.explore.reductions import Reductions
from cowpath.model.explore.result import DEADLOCK, UNLIMITED
from cowpath.model.finite.domains import Narrowed, narrow
from cowpath.model.finite.ground import ground
from cowpath.model.reductions.symmetry import classes, permutations
from cowpath.model.scenarios import Scenario
from cowpath.model.scenarios.geometry import reduce
from cowpath.model.scenarios.scenario import loads
from cowpath.model.stack.binding import bind
from cowpath.model.stack.properties import STANDARD
from tests.benchmarks.cow_request import Row, build, instance
from tests.draws import some
from tests.toys import dining, explore, mutex

FAST = [name for name in ENGINES if name not in ("python", "auto")]

ALIKE = """
name = "alike"
unit = "sectors"
sectors = 4
cluster = 2
[secondary]
request_alignment = {align}
[[request]]
kind = "nbd-write"
at = [0, {wide}]
count = {writers}
[[request]]
kind = "guest-read"
at = [{first}, 3]
count = {readers}
"""


# Not drawn as the workloads of a campaign are, in which hardly any two requests are interchangeable.
@st.composite
def alike(draw: st.DrawFn) -> Scenario:
    values = {
        "align": draw(st.sampled_from([1, 2])),
        "wide": draw(st.integers(1, 4)),
        "writers": draw(st.integers(1, 3)),
        "first": draw(st.integers(0, 1)),
    }
    # Three requests; five, where all their renamings are gone through, take half a minute.
    values["readers"] = draw(st.integers(0, min(2, some(9, 3) - values["writers"])))
    text = ALIKE.format(**values)
    return loads(text if values["readers"] else text[: text.rindex("[[request]]")], "alike")


def broken(design: Design, number: int) -> Design:
    """Return the design without one of its guards."""
    guards = [
        (action.label, guard.name)
        for action in design.system.actions
        for guard in action.guards
        if not guard.location
    ]
    system = design.system.without(*guards[number % len(guards)])
    return replace(design, build=lambda: system)


def orbits(narrowed: Narrowed, reductions: Reductions) -> int:
    """Count the orbits of all reachable states, one renaming after the other."""
    program = Program(narrowed, ())
    seen, todo = {program.initial}, [program.initial]
    while todo:
        for _, after in program.successors(todo.pop()):
            if after not in seen:
                seen.add(after)
                todo.append(after)
    graph: nx.Graph[bytes] = nx.Graph()
    graph.add_nodes_from(seen)
    for permutation in reductions.symmetry:
        for state in seen:
            image = permutation.of(program.vector(state))
            graph.add_edge(state, bytes(image[cell] for cell in program.live))
    assert set(graph) == seen  # renamings of reachable states are reachable
    return nx.number_connected_components(graph)


@settings(max_examples=some(12, 6), deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
@given(alike(), st.sampled_from(sorted(DESIGNS)), st.none() | st.integers(0, 50))
def test_verdicts_depths_and_orbits(scenario: Scenario, name: str, without: int | None) -> None:
    design = DESIGNS[name] if without is None else broken(DESIGNS[name], without)
    asked = (*STANDARD, "finished")
    whole = check(Case(design, scenario), properties=asked, engine="python")
    narrowed = narrow(
        ground(design.system, bind(scenario, reduce(scenario), design.vocabulary, design.splits))
    )
    reductions = Reductions(permutations(narrowed.model))
    states = orbits(narrowed, reductions)
    for engine in ("python", "numpy"):
        found = check(Case(design, scenario), properties=asked, engine=engine, reductions=["symmetry"])
        assert found.exploration.states == states
        assert found.exploration.depth == whole.exploration.depth
        assert {p: (r.verdict, r.depth) for p, r in found.properties.items()} == {
            p: (r.verdict, r.depth) for p, r in whole.properties.items()
        }


@pytest.mark.parametrize("engine", FAST)
@pytest.mark.parametrize(("clusters", "writers", "readers"), [(1, 2, 2), (1, 2, 3), (2, 1, 3)])
def test_a_request_that_names_another_is_renamed_exactly(
    engine: str, clusters: int, writers: int, readers: int
) -> None:
    """Who waits names whom it waits for, and data name their writer."""
    row = Row(clusters, ((0, clusters, 2),) * writers, ((0, clusters),) * readers, True, 0, 0, 0, 0, 0)
    narrowed = narrow(ground(build(), instance(row)))
    reductions = Reductions(permutations(narrowed.model))
    found = ENGINES[engine].explore(narrowed, (), UNLIMITED, lambda progress: None, reductions)
    assert found.states == orbits(narrowed, reductions)
    whole = ENGINES[engine].explore(narrowed, (), UNLIMITED, lambda progress: None)
    assert (found.depth, found.depths[DEADLOCK]) == (whole.depth, whole.depths[DEADLOCK])
    assert found.states < whole.states / 2


def test_renamings_of_different_groups_are_tried_apart() -> None:
    one, two, three, four = (frozenset(part) for part in ({1, 2}, {3}, {4, 5}, {5, 6}))
    both = [one, two, one | two]
    assert factors(both) == {one: [0], two: [1]}
    assert factors([one, two]) == {one | two: [0, 1]}  # no group: the product is missing
    rotations = [three | four] * 2
    assert factors([three, four, *rotations, three]) == {three | four: [0, 1, 2, 3, 4]}
    assert factors(rotations) == {three | four: [0, 1]}


def test_two_classes_of_writers_and_one_of_readers() -> None:
    row = Row(2, ((0, 1, 0), (0, 1, 0), (1, 2, 2), (1, 2, 2)), ((0, 1), (0, 1)), True, 0, 0, 0, 0, 0)
    narrowed = narrow(ground(build(), instance(row)))
    reductions = Reductions(permutations(narrowed.model))
    assert len(reductions.symmetry) == 2 * 2 * 2 - 1
    found = NativeEngine(1).explore(narrowed, (), UNLIMITED, lambda progress: None, reductions)
    plain = PythonEngine().explore(narrowed, (), UNLIMITED, lambda progress: None, reductions)
    assert (found.states, found.transitions) == (plain.states, plain.transitions)


def test_who_is_interchangeable() -> None:
    toy = mutex(3)
    assert classes(ground(toy.system, toy.instance)) == [("Owner", ((0,), (1,), (2,)))]
    toy = dining(3)  # each has locks of its own
    assert classes(ground(toy.system, toy.instance)) == []
    row = Row(2, ((0, 2, 0), (0, 2, 0), (0, 2, 1)), ((0, 2), (0, 2), (0, 1)), True, 0, 0, 0, 0, 0)
    assert classes(ground(build(), instance(row))) == [("Request", ((0,), (1,))), ("Request", ((3,), (4,)))]


def test_a_large_class_is_used_in_parts() -> None:
    toy = mutex(8)
    assert (
        len(permutations(ground(toy.system, toy.instance))) + 1 == 720
    )  # of six; the other two change nothing
    found = explore(ENGINES["python"], toy.system, toy.instance)
    narrowed = narrow(ground(toy.system, toy.instance))
    reductions = Reductions(permutations(narrowed.model))
    fewer = ENGINES["python"].explore(narrowed, (), UNLIMITED, lambda progress: None, reductions)
    assert fewer.states < found.states / 5
