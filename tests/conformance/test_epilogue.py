"""The epilogue: who makes it, when, what it reads, and that it changes no schedule."""

from __future__ import annotations

from dataclasses import replace

import pytest

from cowpath.conformance.monitor.monitor import judge
from cowpath.conformance.monitor.oracle import Oracle
from cowpath.conformance.pairs import PAIRS
from cowpath.conformance.runs.epilogue import epilogue
from cowpath.conformance.runs.log import Event, Sight
from cowpath.conformance.runs.original import original
from cowpath.conformance.runs.stress import Stress
from cowpath.conformance.runs.workload import Workload
from cowpath.conformance.scheduler.kernel import Kernel
from cowpath.conformance.scheduler.schedule import Replay
from cowpath.conformance.scheduler.substrate import Greenlets
from cowpath.conformance.strategies.portfolio import STRATEGIES
from cowpath.model.designs import DESIGNS
from cowpath.model.scenarios import find
from cowpath.model.scenarios.scenario import MOST_REQUESTS


def workload(design: str, scenario: str) -> Workload:
    return Workload(
        PAIRS[design], find(scenario), Kernel(Greenlets()), epilogue(find(scenario), DESIGNS[design])
    )


def test_all_that_was_touched_is_read_as_the_snapshot_and_then_as_the_secondary_disk_is() -> None:
    run = workload("rfc-2016", "race").run(STRATEGIES["random"](1))
    old, new = (run.results[name] for name in ("guest-read 2", "guest-read 4"))
    assert old == original(0, 65536)
    assert new == original(0, 512) + bytes([2]) * 512 + original(1024, 65536)


def test_a_design_without_checkpoints_is_read_once_and_no_scenario_grows_too_long() -> None:
    race, designs = find("race"), [DESIGNS[name] for name in ("rfc-2016", "copy-before-write-9.2")]
    assert [request.kind for request in epilogue(race, *designs)] == ["guest-read"]
    long = replace(race, requests=race.requests * (MOST_REQUESTS // 2 - 1) + race.requests[:1])
    assert [request.label for request in epilogue(long, DESIGNS["rfc-2016"])] == ["guest-read 15"]


def test_what_lies_between_is_not_read() -> None:
    race = find("race")
    near, far = race.requests[0], replace(race.requests[1], offset=100 * 65536)
    made = epilogue(replace(race, requests=(near, far)), DESIGNS["copy-before-write-9.2"])
    assert [(request.offset, request.length) for request in made] == [(0, 65536), (100 * 65536, 65536)]


@pytest.mark.parametrize("name", STRATEGIES)
def test_it_comes_last_and_the_schedule_is_the_same_without_it(name: str) -> None:
    plain = Workload(PAIRS["rfc-repaired"], find("checkpoint"), Kernel(Greenlets()))
    with_epilogue = workload("rfc-repaired", "checkpoint")
    one, other = STRATEGIES[name](3), STRATEGIES[name](3)
    requests = len(plain.scenario.requests)
    for _ in range(20):
        run, longer = plain.run(one), with_epilogue.run(other)
        assert str(longer.schedule) == str(run.schedule)
        if run.failure is not None:  # pruned
            assert longer.log == run.log
            continue
        ended = list(run.log).index(Event("quiescent"))
        assert list(longer.log[:ended]) == list(run.log[:ended])
        told = [event.request for event in longer.log[ended:] if event.kind == "invoke"]
        assert told == [request.label for request in with_epilogue.scenario.requests[requests:]]
        assert with_epilogue.run(Replay(longer.schedule)).log == longer.log


def test_a_deadlock_has_none() -> None:
    stuck = workload("rfc-2016", "unaligned-write")
    strategy = STRATEGIES["random"](0)
    runs = [stuck.run(strategy) for _ in range(200)]
    ends = {run.failure is None: {event.request for event in run.log} for run in runs}
    assert "guest-read 4" in ends[True]
    assert "guest-read 4" not in ends[False]


@pytest.mark.parametrize("design", DESIGNS)
def test_clients_with_black_sight_find_nothing_wrong_with_it(design: str) -> None:
    for slug in ("race", "failing-copies"):
        made, strategy = workload(design, slug), STRATEGIES["portfolio"](0)
        oracle, free = Oracle(DESIGNS[design], made.scenario, Sight.BLACK), Stress(made, 0)
        for run in (*(made.run(strategy) for _ in range(40)), free.run()):
            assert judge(oracle, run.log) is None
        made.close()
