"""Memory and tasks for copies, so few that they are waited for: no cycle comes of it, nor on threads."""

from __future__ import annotations

import pytest

from cowpath.conformance.campaign.tours import Graph, cover
from cowpath.conformance.monitor.oracle import Oracle
from cowpath.conformance.pairs import find_pair
from cowpath.conformance.runs.workload import Workload
from cowpath.conformance.scheduler.kernel import Kernel
from cowpath.conformance.scheduler.substrate import Greenlets
from cowpath.model.designs import EXTENDED, Case
from cowpath.model.scenarios import ScenarioError, find

NAME = "block-copy-5.1-scarce"


def test_the_threads_make_every_step() -> None:
    scenario = find("scarce-failing")
    workload = Workload(find_pair(NAME), scenario, Kernel(Greenlets()))
    assert cover(workload, Oracle(EXTENDED[NAME], scenario)).complete
    workload.close()


def test_memory_and_tasks_are_waited_for() -> None:
    """Else it would be no wonder that no cycle comes of it."""
    oracle = Oracle(EXTENDED[NAME], find("scarce-copies"))
    places = {oracle.place(state, owner) for state, owner in Graph(oracle).waits}
    assert places >= {"copy-memory", "copy-slot"}


@pytest.mark.parametrize("slug", ["race", "wide-failing-copy"])
def test_it_takes_scenarios_that_say_so_alone(slug: str) -> None:
    with pytest.raises(ScenarioError, match="has no memory and tasks to spare"):
        Case(EXTENDED[NAME], find(slug))
