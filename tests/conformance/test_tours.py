"""Every step that the model has is made by the threads, and everything that it refuses is refused."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from conformance.monitor.oracle import Oracle
from conformance.mutants.catalogue import MUTANTS, scenario_of
from conformance.mutants.mutant import StackMutant
from conformance.scheduler.kernel import Kernel
from conformance.scheduler.substrate import Greenlets, PooledThreads
from conformance.tours import Coverage, Graph, cover
from conformance.workload import Workload
from model.designs import DESIGNS
from model.scenarios import find

COWPATH = Path(sys.executable).with_name("cowpath")
SMALL = [
    *((design, "race") for design in DESIGNS),
    ("rfc-2016", "unaligned-write"),  # a deadlock
    ("merged-2.8", "copy-on-read"),  # another
    ("rfc-repaired", "neighbours"),
    ("rfc-2016", "two-readers"),
    ("rfc-repaired", "partial-guest-write"),
    ("rfc-2016", "stop-undrained"),  # a use after free
    ("block-copy-4.2", "stop"),  # another
    ("rfc-repaired", "unaligned-below"),
    ("block-copy-5.0", "neighbours"),
]


def covered(design: str, slug: str, kernel: Kernel) -> Coverage:
    workload = Workload(design, find(slug), kernel)
    try:
        return cover(workload, Oracle(DESIGNS[design], find(slug)))
    finally:
        workload.close()


@pytest.mark.parametrize(("design", "scenario"), SMALL)
def test_tours_reach_every_edge_and_every_refusal(design: str, scenario: str) -> None:
    found = covered(design, scenario, Kernel(Greenlets()))
    assert found.alarm is None
    assert found.edges[0] == found.edges[1] > found.tours
    assert found.refusals[0] == found.refusals[1]
    assert found.complete


LEFT_OPEN = [
    ("fleecing-4.0", "unaligned-write", (2, 1)),  # the model needs one step more to its deadlock
    ("rfc-repaired", "aligned-meets-unaligned", (10, 0)),
    ("merged-2.8", "guest-write-unaligned", (5, 0)),
]


@pytest.mark.parametrize(("design", "scenario", "left"), LEFT_OPEN)
def test_only_parking_that_the_model_leaves_open_is_not_reached(
    design: str, scenario: str, left: tuple[int, int]
) -> None:
    found = covered(design, scenario, Kernel(Greenlets()))
    assert found.complete
    assert (len(found.parks), found.beyond) == left
    assert found.edges[1] - found.edges[0] + found.refusals[1] - found.refusals[0] == sum(left)


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
    assert not any(state in deadlocks for state, _ in graph.refusals)


@pytest.mark.parametrize(
    "name", ["readers-take-no-request", "the-last-look-is-two", "touching-is-overlapping"]
)
def test_a_stack_with_a_fault_does_not_complete_the_tour(name: str) -> None:
    mutant = next(each for each in MUTANTS if each.name == name)
    assert isinstance(mutant, StackMutant)
    scenario = scenario_of(mutant)
    workload = Workload(mutant.design, scenario, Kernel(Greenlets()))
    with mutant.applied():
        found = cover(workload, Oracle(DESIGNS[mutant.design], scenario))
    workload.close()
    assert not found.complete
    assert found.alarm is not None
