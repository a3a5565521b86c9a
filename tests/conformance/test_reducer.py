"""What the reducer promises: a schedule that fails alike, is small, replays, and cannot be made smaller."""

from __future__ import annotations

import statistics

import pytest

from cowpath.conformance.pairs import PAIRS
from cowpath.conformance.runs.original import FIRST
from cowpath.conformance.runs.workload import Run, Workload
from cowpath.conformance.scheduler.kernel import Kernel, Strategy
from cowpath.conformance.scheduler.schedule import Replay, Schedule
from cowpath.conformance.scheduler.substrate import Greenlets
from cowpath.conformance.strategies.reducer import Deviate, Reduced, reduce
from cowpath.conformance.strategies.simple import RandomWalk
from cowpath.model.scenarios import find

CASES = [
    ("unserialised", "race"),
    ("unserialised", "two-by-two"),
    ("rfc-2016", "neighbours"),
    ("fleecing-4.0", "unaligned-write"),
    ("merged-2.8", "stop-undrained"),
    ("block-copy-4.2", "second-cluster"),
]


def kind(run: Run) -> str | None:
    """How the run fails: as the kernel says, or by reading what is not the snapshot's."""
    if run.failure is not None:
        return run.failure.kind
    reads = [data for data in run.results.values() if isinstance(data, bytes)]
    return "snapshot" if any(min(data) < FIRST for data in reads) else None


def failing(workload: Workload, strategy: Strategy) -> Run:
    while kind(run := workload.run(strategy)) is None:
        pass
    return run


def reduced(workload: Workload, seed: int) -> Reduced[Run]:
    first = failing(workload, RandomWalk(seed))

    def fails(strategy: Strategy) -> Run | None:
        return run if kind(run := workload.run(strategy)) == kind(first) else None

    return reduce(first, fails)


@pytest.mark.parametrize(("design", "scenario"), CASES)
def test_a_random_failure_keeps_five_deviations_or_fewer(design: str, scenario: str) -> None:
    workload = Workload(PAIRS[design], find(scenario), Kernel(Greenlets()))
    found = [reduced(workload, seed) for seed in range(20)]
    assert all(each.minimal for each in found)
    assert max(len(each.deviations) for each in found) <= 5
    assert statistics.median(each.replays for each in found) <= 100
    workload.close()


def test_what_is_left_replays_by_its_token_and_needs_each_deviation() -> None:
    workload = Workload(PAIRS["unserialised"], find("two-by-two"), Kernel(Greenlets()))
    found = reduced(workload, 1)
    token = str(found.run.schedule)
    again = workload.run(Replay(Schedule.parse(token)))
    assert (kind(again), str(again.schedule)) == (kind(found.run), token)
    for decision in found.deviations:
        less = {i: value for i, value in found.deviations.items() if i != decision}
        assert kind(workload.run(Deviate(less))) is None
    workload.close()


def test_the_limit_on_runs_is_kept() -> None:
    workload = Workload(PAIRS["unserialised"], find("two-by-two"), Kernel(Greenlets()))
    first = failing(workload, RandomWalk(1))
    runs = 0

    def fails(strategy: Strategy) -> Run | None:
        nonlocal runs
        runs += 1
        return run if kind(run := workload.run(strategy)) == "snapshot" else None

    found = reduce(first, fails, most=7)
    assert (runs, found.replays, found.minimal) == (7, 7, False)
    assert kind(found.run) == "snapshot"
    workload.close()


def test_what_fails_by_default_has_no_deviation_left() -> None:
    workload = Workload(PAIRS["rfc-2016"], find("race"), Kernel(Greenlets()))
    found = reduce(workload.run(RandomWalk(3)), workload.run)
    assert (found.deviations, found.minimal) == ({}, True)
    workload.close()
