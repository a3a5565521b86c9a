"""What the monitor explains, and what it refuses."""

from __future__ import annotations

import pytest

from conformance.monitor.monitor import Monitor, judge
from conformance.monitor.oracle import Oracle
from conformance.scheduler.kernel import Kernel
from conformance.scheduler.substrate import Greenlets
from conformance.strategies.simple import RandomWalk
from conformance.workload import Workload
from model.designs import DESIGNS
from model.scenarios import bundled, find


def fitting(design: str) -> list[str]:
    return [
        scenario.slug
        for scenario in bundled()
        if DESIGNS[design].misses(scenario) is None
        and not any(request.stream or request.kind == "client-discard" for request in scenario.requests)
    ]


@pytest.mark.parametrize("design", list(DESIGNS))
def test_every_design_is_explained_by_its_own_model(design: str) -> None:
    for slug in fitting(design):
        oracle = Oracle(DESIGNS[design], find(slug))
        workload = Workload(design, find(slug), Kernel(Greenlets()))
        strategy = RandomWalk(1)
        for number in range(30):
            assert judge(oracle, workload.run(strategy).log) is None, (slug, number)
        workload.close()


def test_the_monitor_knows_the_state() -> None:
    scenario = find("race")
    oracle = Oracle(DESIGNS["rfc-2016"], scenario)
    monitor = Monitor(oracle)
    for event in Workload("rfc-2016", scenario, Kernel(Greenlets())).run(RandomWalk(1)).log:
        assert monitor.observe(event) is None
        assert len(monitor.states) == 1
