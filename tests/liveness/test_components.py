"""Components by networkx and by the project's own pass, on drawn graphs and on shapes that hurt recursion."""

from __future__ import annotations

from collections.abc import Callable

import networkx as nx
import numpy as np
import pytest
from hypothesis import event, given, settings
from hypothesis import strategies as st

from cowpath.model.liveness import components as module
from cowpath.model.liveness.components import by_networkx, by_tarjan, components, on_cycles

Edges = list[tuple[int, int]]

fixed = settings(derandomize=True, deadline=None, database=None, max_examples=300)
each_way = pytest.mark.parametrize("small", [0, 10**9], ids=["tarjan", "networkx"])


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
def test_both_decompositions_are_the_same(edges: Edges) -> None:
    size = 1 + max((max(edge) for edge in edges), default=0)
    own, theirs = (parts(way(size, *arrays(edges))) for way in (by_tarjan, by_networkx))
    assert own == theirs
    event(f"largest: {max(map(len, own))}")


@each_way
@fixed
@given(graphs())
def test_components_are_those_with_an_edge_inside(small: int, edges: Edges) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "SMALL", small)
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
@each_way
def test_deep_and_wide_ones(
    monkeypatch: pytest.MonkeyPatch, small: int, edges: Edges, sizes: list[int]
) -> None:
    monkeypatch.setattr(module, "SMALL", small)
    assert sorted(len(part) for part in found(edges)) == sizes


def test_the_own_pass_takes_over_where_a_graph_is_not_small(monkeypatch: pytest.MonkeyPatch) -> None:
    called: list[str] = []

    def noting(name: str, way: Callable[..., np.ndarray]) -> Callable[..., np.ndarray]:
        def noted(*arguments: object) -> np.ndarray:
            called.append(name)
            return way(*arguments)

        return noted

    monkeypatch.setattr(module, "SMALL", 3)
    monkeypatch.setattr(module, "by_networkx", noting("networkx", by_networkx))
    monkeypatch.setattr(module, "by_tarjan", noting("own", by_tarjan))
    for size in (3, 4):
        found([(i, (i + 1) % size) for i in range(size)])
    assert called == ["networkx", "own"]
