"""Components against networkx's, on drawn graphs and on shapes that hurt recursion."""

from __future__ import annotations

import networkx as nx
import numpy as np
import pytest
from hypothesis import event, given, settings
from hypothesis import strategies as st

from cowpath.model.explore import plain
from cowpath.model.explore.program import Program
from cowpath.model.explore.result import UNLIMITED
from cowpath.model.finite.domains import narrow
from cowpath.model.liveness.components import by_tarjan, components, on_cycles
from cowpath.model.liveness.graph import acyclic
from tests.random_systems import Case, cases

Edges = list[tuple[int, int]]

fixed = settings(derandomize=True, deadline=None, database=None, max_examples=300)


@st.composite
def graphs(draw: st.DrawFn) -> Edges:
    size = draw(st.integers(1, 12))
    state = st.integers(0, size - 1)
    return draw(st.lists(st.tuples(state, state), max_size=3 * size))


def arrays(edges: Edges) -> tuple[np.ndarray, np.ndarray]:
    ends = np.array(edges, dtype=np.intp).reshape(-1, 2)
    return ends[:, 0], ends[:, 1]


def parts(label: np.ndarray) -> set[frozenset[int]]:
    return {frozenset(np.flatnonzero(label == number).tolist()) for number in set(label.tolist())}


def found(edges: Edges) -> list[list[int]]:
    return sorted(sorted(part.tolist()) for part in components(*arrays(edges)))


def expected(edges: Edges) -> list[list[int]]:
    """Return the numbers of the edges inside each component, by networkx on the whole graph."""
    members = nx.strongly_connected_components(nx.DiGraph(edges))
    inside = ([i for i, (a, b) in enumerate(edges) if {a, b} <= some] for some in members)
    return sorted(filter(None, inside))


@fixed
@given(graphs())
def test_the_decomposition_is_that_of_networkx(edges: Edges) -> None:
    size = 1 + max((max(edge) for edge in edges), default=0)
    graph: nx.DiGraph[int] = nx.DiGraph(edges)
    graph.add_nodes_from(range(size))
    own = parts(by_tarjan(size, *arrays(edges)))
    assert own == {frozenset(part) for part in nx.strongly_connected_components(graph)}
    event(f"largest: {max(map(len, own))}")


@fixed
@given(graphs())
def test_components_are_those_with_an_edge_inside(edges: Edges) -> None:
    assert found(edges) == expected(edges)


@fixed
@given(graphs())
def test_what_is_peeled_off_lies_on_no_cycle_nor_between_two(edges: Edges) -> None:
    graph = nx.DiGraph(edges)
    looped = {a for part in expected(edges) for i in part for a in edges[i]}
    after = set().union(*({s, *nx.descendants(graph, s)} for s in looped))
    before = set().union(*({s, *nx.ancestors(graph, s)} for s in looped))
    between = [i for i, (a, b) in enumerate(edges) if a in after and b in before]
    assert on_cycles(*arrays(edges)).tolist() == between


@pytest.mark.parametrize(
    ("edges", "sizes"),
    [
        ([(i, i + 1) for i in range(20_000)], []),
        ([(i, (i + 1) % 20_000) for i in range(20_000)], [20_000]),
        ([(i, i + 1) for i in range(20_000)] + [(20_000, 10_000)], [10_001]),
        ([(0, 0), (1, 1), (0, 1)], [1, 1]),
        ([(i, i ^ 1) for i in range(10_000)], [2] * 5_000),
    ],
    ids=["a path", "a ring", "a lasso", "self-loops", "pairs"],
)
def test_deep_and_wide_ones(edges: Edges, sizes: list[int]) -> None:
    assert sorted(len(part) for part in found(edges)) == sizes


@settings(derandomize=True, deadline=None, database=None, max_examples=60)
@given(cases())
def test_a_graph_is_acyclic_where_nothing_lies_on_a_cycle(case: Case) -> None:
    if not case.naive.complete:
        return
    _, graph = plain.explore(Program(narrow(case.model), ()), UNLIMITED, lambda progress: None, None)
    assert graph is not None
    ends = [(at, graph.number[t]) for at, steps in enumerate(graph.successors) for _, t in steps]
    assert acyclic(graph) == nx.is_directed_acyclic_graph(nx.DiGraph(ends))
    event(f"acyclic: {acyclic(graph)}, forward: {graph.forward}")
