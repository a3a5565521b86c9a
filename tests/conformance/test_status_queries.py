"""Block-status queries: beside copies, before writes, and refused where reads are."""

from __future__ import annotations

import pytest

from cowpath.conformance.campaign.tours import Graph, cover
from cowpath.conformance.monitor.oracle import Oracle
from cowpath.conformance.pairs import find_pair
from cowpath.conformance.runs.workload import Workload
from cowpath.conformance.scheduler.kernel import Kernel
from cowpath.conformance.scheduler.substrate import Greenlets
from cowpath.model.bench.check import check
from cowpath.model.designs import ALL, Case
from cowpath.model.scenarios import find

QUERY, WRITE = 0, 2  # of both scenarios, by number


@pytest.mark.parametrize("slug", ["two-queries", "query-given-up"])
def test_the_threads_make_every_step(slug: str) -> None:
    workload = Workload(find_pair("copy-before-write-9.2"), find(slug), Kernel(Greenlets()))
    assert cover(workload, Oracle(ALL["copy-before-write-9.2"], find(slug))).complete
    workload.close()


@pytest.mark.parametrize(
    ("design", "falls"), [("7.0", True), ("7.1", True), ("7.2.15", False), ("9.1", True), ("9.2", False)]
)
def test_two_queries_abort_where_frozen_reads_must_not_overlap(design: str, falls: bool) -> None:
    case = Case(ALL[f"copy-before-write-{design}"], find("two-queries"))
    found = check(case, properties=("assertion",)).properties["assertion"]
    steps = [] if found.trace is None else [step.action for step in found.trace.steps]
    assert steps == ["status.look"] * 2 * falls


def test_a_query_is_beside_a_copy_and_before_the_write() -> None:
    oracle = Oracle(ALL["copy-before-write-9.2"], find("two-queries"))
    graph = Graph(oracle)
    places = {state: (oracle.place(state, QUERY), oracle.place(state, WRITE)) for state in graph.moves}
    assert ("status-source", "copy-write") in places.values()  # no copy keeps it out, and it keeps out none
    assert ("status-target", "write") in places.values()
    assert ("status-source", "write") not in places.values()
    kept_out = [state for state, owner in graph.waits if owner == WRITE]
    assert {places[state][1] for state in kept_out} == {"thaw-wait"}


def test_who_asks_about_what_is_given_up_is_refused() -> None:
    oracle = Oracle(ALL["copy-before-write-9.2"], find("query-given-up"))
    graph = Graph(oracle)
    refused = [state for state in graph.moves if oracle.place(state, QUERY) == "failed"]
    assert refused
    assert all(not oracle.value(state, "accessible", 0) for state in refused)
