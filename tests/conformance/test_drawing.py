"""Drawn workloads: the same seed draws the same, within bounds, and all that there is comes up."""

from __future__ import annotations

import random
from dataclasses import replace

import pytest
from hypothesis import find, given, settings

from cowpath.conformance import scenarios as strategy
from cowpath.conformance.campaign.drawing import Bounds, draw, is_drawn, wide, workloads
from cowpath.model.scenarios import Scenario, ScenarioError
from cowpath.model.scenarios.scenario import from_document
from cowpath.model.scenarios.vocabulary import NBD_WRITES
from cowpath.model.scenarios.writing import document

BOUNDS = Bounds(
    ("nbd-write", "nbd-zero", "guest-read", "guest-write", "checkpoint", "stop"),
    faults=("cbw-read", "data-write", "hidden-read", "active-write"),
    options=("quiesced_checkpoint", "on_cbw_error"),
)


def drawn(seed: int, count: int, bounds: Bounds = BOUNDS) -> list[Scenario]:
    chance = random.Random(seed)
    return [draw(chance, bounds, f"drawn {number}") for number in range(count)]


def test_a_seed_draws_the_same_again() -> None:
    assert drawn(3, 20) == drawn(3, 20)
    assert drawn(3, 20) != drawn(4, 20)


def test_all_within_bounds_comes_up() -> None:
    scenarios = drawn(1, 300)
    requests = [request for scenario in scenarios for request in scenario.requests]
    assert {request.kind for request in requests} == {*BOUNDS.kinds}
    assert {request.fault for request in requests} == {"none", *BOUNDS.faults}
    assert {len(scenario.requests) for scenario in scenarios} == {2, 3, 4}
    assert {scenario.size // 512 for scenario in scenarios} == {2, 3, 4, 5, 6}
    assert {scenario.option("on_cbw_error") for scenario in scenarios} == {False, True}
    assert {scenario.option("quiesced_checkpoint") for scenario in scenarios} == {False, True}
    assert not any("drain_on_stop" in scenario.options for scenario in scenarios)
    assert {scenario.protocol_alignment // 512 for scenario in scenarios} == {1, 2}


@pytest.mark.parametrize("most", [1, 2])
def test_at_most_so_many_requests_end_or_reset_it(most: int) -> None:
    scenarios = drawn(2, 200, replace(BOUNDS, endings=most))
    ended = [sum(request.offset is None for request in scenario.requests) for scenario in scenarios]
    assert {*ended} == {*range(most + 1)}


def test_bounds_that_hold_nothing_are_an_error() -> None:
    with pytest.raises(ScenarioError, match="nbd-wrote"):
        draw(random.Random(1), Bounds(("nbd-wrote",)), "nothing")


def test_wide_bounds_come_to_what_the_bundled_scenarios_leave_out() -> None:
    scenarios = drawn(1, 300, wide(BOUNDS.kinds))
    met = set()
    for scenario in scenarios:
        cluster, alignment = scenario.cluster, scenario.request_alignment
        met |= {"a ragged end"} if scenario.size % cluster else set()
        for request in scenario.requests:
            if request.offset is None or request.length is None:
                continue
            start, end = request.offset, request.offset + request.length
            clusters = -(-end // cluster) - start // cluster
            unaligned = bool(start % alignment or end % alignment)
            met |= {f"a {request.kind} is struck"} if request.fault != "none" else set()
            met |= {"a transfer hangs"} if request.fault.endswith("hangs") else set()
            met |= {"ragged at one end"} if bool(start % 512) != bool(end % 512) else set()
            met |= {"three clusters"} if request.kind in NBD_WRITES and clusters >= 3 else set()
            met |= {"parts of a sector"} if start % 512 and end % 512 else set()
            met |= {"a fault at an alignment"} if request.fault != "none" and unaligned else set()
            inside = request.kind == "guest-write" and clusters > 1
            met |= {"head and tail"} if inside and start % cluster and end % cluster else set()
        met |= {"two stops"} if sum(r.kind == "stop" for r in scenario.requests) == 2 else set()
        met |= {"copy on read"} if scenario.copy_on_read else set()
        met |= {"finer than a sector"} if scenario.request_alignment < 512 else set()
        overlapping = [r for r in scenario.requests if r.kind in NBD_WRITES]
        met |= {"several entries"} if len(overlapping) >= 3 else set()
    assert met == {
        "a ragged end", "three clusters", "parts of a sector", "a fault at an alignment", "head and tail",
        "several entries", "a nbd-write is struck", "a nbd-zero is struck", "a guest-read is struck",
        "a guest-write is struck", "a transfer hangs", "ragged at one end", "two stops", "copy on read",
        "finer than a sector",
    }  # fmt: skip


def test_every_fault_of_every_kind_is_dealt_and_two_of_three_workloads_are_struck() -> None:
    bounds = wide(BOUNDS.kinds, faults=("cbw-write", "rmw-read", "active-write", "cbw-write-hangs"))
    found = [
        [(request.kind, request.fault) for request in scenario.requests if request.fault != "none"]
        for scenario in workloads(0, bounds, 12, lambda scenario: True)
    ]
    assert [len(faults) for faults in found] == [0, 1, 1] * 4
    struck = [fault for faults in found for fault in faults]
    assert {*struck[:7]} == {
        ("guest-write", "active-write"),
        *((kind, fault) for kind in NBD_WRITES for fault in ("cbw-write", "rmw-read", "cbw-write-hangs")),
    }
    assert [fault.endswith("hangs") for _, fault in struck] == [False] * 5 + [True] * 2 + [False]


def test_what_is_struck_finds_what_it_needs_and_another_may_meet_what_it_leaves() -> None:
    kinds = (*BOUNDS.kinds, "exit", "failover")
    bounds = wide(kinds, faults=("active-read", "hidden-read", "secondary-write"))
    again = set()
    for scenario in workloads(0, bounds, 90, lambda scenario: True):
        there = [request.kind for request in scenario.requests]
        assert len(there) <= 5
        assert "failover" not in there or "guest-write" in there or len(there) == 5
        for request in scenario.requests:
            needed = {"active-read": "guest-write", "hidden-read": "nbd-write", "secondary-write": "failover"}
            assert request.fault == "none" or needed[request.fault] in there
            again |= {request.kind} if request.fault != "none" and there.count(request.kind) > 1 else set()
    assert again == {"guest-read", "guest-write", "failover"}


def test_an_option_brings_the_requests_and_faults_that_it_is_about() -> None:
    kinds = ("nbd-write", "guest-read", "guest-write", "checkpoint", "stop", "job-read", "drain")
    bounds = wide(kinds, options=("quiesced_checkpoint", "on_cbw_error", "job_requests_queue"))
    struck = 0
    for scenario in workloads(0, bounds, 120, lambda scenario: True):
        there = {request.kind for request in scenario.requests}
        if scenario.option("job_requests_queue"):
            assert "job-read" in there
        if not scenario.option("quiesced_checkpoint") and not scenario.option("job_requests_queue"):
            assert "checkpoint" in there
        if scenario.option("on_cbw_error"):
            faults = [request.fault for request in scenario.requests if request.fault != "none"]
            assert len(faults) == 1
            struck += faults[0] in ("cbw-read", "cbw-write")
    assert struck > 12


def test_where_there_are_many_ends_three_may_meet() -> None:
    kinds = ("nbd-write", "guest-write", "checkpoint", "stop", "exit", "failover")
    scenarios = drawn(1, 200, wide(kinds))
    ends = [{r.kind for r in scenario.requests if r.offset is None} for scenario in scenarios]
    assert {len([r for r in s.requests if r.offset is None]) for s in scenarios} == {0, 1, 2, 3}
    assert sum({"exit", "failover"} <= each for each in ends) > 20


def test_workloads_are_those_that_fit_and_keep_their_numbers() -> None:
    def fits(scenario: Scenario) -> bool:
        return len(scenario.requests) == 3

    found = list(workloads(0, wide(BOUNDS.kinds), 5, fits))
    assert [each.name for each in found] == [f"drawn {number}" for number in range(5)]
    assert all(fits(each) and is_drawn(each) for each in found)
    assert found[:3] == list(workloads(0, wide(BOUNDS.kinds), 3, fits))
    assert found != list(workloads(1, wide(BOUNDS.kinds), 5, fits))
    assert list(workloads(0, wide(BOUNDS.kinds), 2, lambda scenario: False)) == []


def test_a_drawn_workload_is_written_and_read_again() -> None:
    for scenario in drawn(5, 40, wide(BOUNDS.kinds)):
        again = from_document(document(scenario), scenario.slug)
        assert (again.requests, again.size, again.cluster) == (
            scenario.requests,
            scenario.size,
            scenario.cluster,
        )


@settings(derandomize=True, database=None, deadline=None, max_examples=30)
@given(strategy(wide(BOUNDS.kinds, faults=BOUNDS.faults)))
def test_the_strategy_draws_within_the_bounds(scenario: Scenario) -> None:
    assert 3 <= scenario.size // 512 <= 7
    assert {request.kind for request in scenario.requests} <= {*BOUNDS.kinds}
    assert {request.fault for request in scenario.requests} <= {"none", *BOUNDS.faults}


def test_the_strategy_shrinks_to_what_is_ordinary_but_for_what_is_wanted() -> None:
    def wanted(scenario: Scenario) -> bool:
        return any(request.fault != "none" for request in scenario.requests)

    few = settings(derandomize=True, database=None, max_examples=50)
    found = find(strategy(replace(BOUNDS, sectors=(3, 7), copies_on_read=True)), wanted, settings=few)
    assert len(found.requests) == 2
    assert (found.size, found.copy_on_read, found.options) == (3 * 512, False, {})
