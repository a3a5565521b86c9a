"""Every step that the model has is made by the threads, and everything that it refuses is refused."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from cowpath.conformance.campaign.conform import runs
from cowpath.conformance.campaign.tours import Coverage, Graph, cover
from cowpath.conformance.monitor.oracle import Oracle
from cowpath.conformance.mutants.catalogue import MUTANTS, scenario_of
from cowpath.conformance.mutants.mutant import StackMutant
from cowpath.conformance.pairs import PAIRS
from cowpath.conformance.runs.workload import Workload
from cowpath.conformance.scheduler.kernel import Kernel
from cowpath.conformance.scheduler.substrate import Greenlets, PooledThreads
from cowpath.model.designs import DESIGNS
from cowpath.model.scenarios import Scenario, bundled, find
from tests.expectations import expected

COWPATH = Path(sys.executable).with_name("cowpath")


def covered(design: str, slug: str, kernel: Kernel) -> Coverage:
    workload = Workload(PAIRS[design], find(slug), kernel)
    try:
        return cover(workload, Oracle(DESIGNS[design], find(slug)))
    finally:
        workload.close()


def small(design: str, most: int) -> Iterator[Scenario]:
    """Yield the bundled scenarios that threads run of which the design has at most so many states."""
    for scenario in bundled():
        pinned = expected(design).get(scenario.slug)
        if runs(scenario) and pinned is not None and pinned["states"] <= most:
            yield scenario


@pytest.mark.parametrize(
    ("most", "at_least"), [(300, 70), pytest.param(1_000, 130, marks=pytest.mark.lengthy)]
)
def test_tours_reach_every_edge_and_every_refusal(most: int, at_least: int) -> None:
    count = 0
    for design in DESIGNS:
        for scenario in small(design, most):
            found = covered(design, scenario.slug, Kernel(Greenlets()))
            assert found.alarm is None
            assert found.edges[0] == found.edges[1] > found.tours, (design, scenario.slug)
            assert found.waits[0] == found.waits[1], (design, scenario.slug)
            assert found.complete
            count += 1
    assert count >= at_least


def test_both_substrates_make_the_same_tours() -> None:
    threads = PooledThreads()
    assert covered("rfc-2016", "race", Kernel(threads)) == covered("rfc-2016", "race", Kernel(Greenlets()))
    threads.close()


def test_conform_counts_what_tours_reach(tmp_path: Path) -> None:
    path = tmp_path / "out.json"
    command = [str(COWPATH), "conform", "rfc-2016", "--strategy", "tours", "--json", str(path)]
    command += ["--scenario", "race", "--scenario", "unaligned-write"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    (outcome,) = json.loads(path.read_text())
    coverage = outcome["coverage"]
    assert coverage["edges"][0] == coverage["edges"][1] == 84 + 110
    assert coverage["refusals"][0] == coverage["refusals"][1] == 10 + 13


def test_tours_see_more_than_a_client() -> None:
    command = [str(COWPATH), "conform", "--strategy", "tours", "--sight", "black"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.endswith("accepted: --sight white\n")


def test_the_graph_ends_where_runs_end() -> None:
    oracle = Oracle(DESIGNS["rfc-2016"], find("unaligned-write"))
    graph = Graph(oracle)
    ends = [state for state, moves in graph.moves.items() if not moves]
    deadlocks = [state for state in ends if oracle.program.edges(state)]
    assert 0 < len(deadlocks) < len(ends)
    assert not any(state in deadlocks for state, _ in graph.waits)


@pytest.mark.parametrize(
    "name",
    [
        "readers-take-no-request",
        pytest.param("shrinking-wakes-nobody", marks=pytest.mark.lengthy),
        "touching-is-overlapping",
    ],
)
def test_a_stack_with_a_fault_does_not_complete_the_tour(name: str) -> None:
    mutant = next(each for each in MUTANTS if each.name == name)
    assert isinstance(mutant, StackMutant)
    scenario = scenario_of(mutant)
    workload = Workload(PAIRS[mutant.design], scenario, Kernel(Greenlets()))
    with mutant.applied():
        found = cover(workload, Oracle(DESIGNS[mutant.design], scenario))
    workload.close()
    assert not found.complete
    assert found.alarm is not None
