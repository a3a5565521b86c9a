"""The two ways to the graph in which starvation is sought, and what a limit leaves open."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import networkx as nx
import pytest

from cowpath.model.bench import batch
from cowpath.model.bench.check import check
from cowpath.model.designs import DESIGNS, Case
from cowpath.model.explore import plain
from cowpath.model.explore.result import UNLIMITED, Limits
from cowpath.model.language.verdict import Verdict
from cowpath.model.liveness import starvation, step_graph
from cowpath.model.liveness.components import on_cycles
from cowpath.model.liveness.graph import acyclic, stranded
from cowpath.model.liveness.wakeups import Move, Node, Queues
from tests.liveness.starving import STREAMS, narrowed_of, seen, silent, starved


def test_both_ways_to_the_graph_find_the_same_steps() -> None:
    scenario = STREAMS[0]
    for name in DESIGNS:
        narrowed = narrowed_of(name, scenario)
        graph, other = seen(narrowed), step_graph.explore(narrowed, UNLIMITED, silent)
        assert stranded(graph) is None
        assert not other.stranded
        ends = [
            (at, graph.number[after])
            for at, successors in enumerate(graph.successors)
            for _, after in successors
        ]
        assert acyclic(graph) is not bool(len(on_cycles(other.source, other.target)))
        degrees = []
        for steps in (ends, zip(other.source.tolist(), other.target.tolist(), strict=True)):
            counts: nx.MultiDiGraph[int] = nx.MultiDiGraph(list(steps))
            degrees.append(sorted((counts.in_degree(n), counts.out_degree(n)) for n in counts))
        assert degrees[0] == degrees[1]


def test_a_graph_that_is_not_small_is_left_to_numpy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(starvation, "MOST", 100)
    narrowed = narrowed_of("fleecing-4.0", STREAMS[0])
    with pytest.raises(plain.TooMany):
        seen(narrowed, 100)
    assert starved(narrowed) == (0,)


WRITES = next(scenario for scenario in STREAMS if scenario.slug == "wide-write-among-writes")


def test_a_limit_in_the_search_leaves_progress_open() -> None:
    """There are 1,635 states, which is within the limit, and 2,630 with their queues, which is not."""
    among_reads = next(scenario for scenario in STREAMS if scenario.slug == "write-among-reads")
    (write,) = (request for request in among_reads.requests if request.kind == "nbd-write")
    case = Case(DESIGNS["rfc-2016"], replace(among_reads, requests=(*among_reads.requests, write)))
    result = check(case, properties=["deadlock", "progress"], limits=Limits(1_700))
    assert result.exploration.complete
    assert result.stopped == "--max-states 1700 was reached"
    verdicts = [outcome.verdict for outcome in result.properties.values()]
    assert verdicts == [Verdict.HOLDS, Verdict.UNDETERMINED]


def test_a_limit_before_the_search_leaves_progress_open() -> None:
    result = check(
        Case(DESIGNS["copy-before-write-9.2"], WRITES), properties=["progress"], limits=Limits(100)
    )
    assert result.starvation is None
    assert result.stopped == "--max-states 100 was reached"
    assert result.verdict is Verdict.UNDETERMINED


def test_an_interrupt_in_the_search_leaves_progress_and_all_that_follows_open(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def interrupted(self: Queues, node: Node) -> Iterator[Move]:
        raise KeyboardInterrupt

    monkeypatch.setattr(Queues, "moves", interrupted)
    designs = [DESIGNS["rfc-2016"], DESIGNS["merged-2.8"]]
    first, second = batch.run(batch.Plan(designs, [WRITES], ["deadlock", "progress"]), processes=1)
    assert (first.stopped, second.stopped) == ("interrupted", "interrupted")
    assert [outcome.verdict for outcome in first.properties.values()] == [Verdict.HOLDS, Verdict.UNDETERMINED]
    assert second.exploration.states == 0
