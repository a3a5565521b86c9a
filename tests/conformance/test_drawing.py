"""Drawn workloads: the same seed draws the same, within bounds, and all that there is comes up."""

from __future__ import annotations

import random

import pytest

from cowpath.conformance.campaign.drawing import Bounds, draw
from cowpath.model.scenarios import Scenario, ScenarioError

BOUNDS = Bounds(
    ("nbd-write", "nbd-zero", "guest-read", "guest-write", "checkpoint", "stop"),
    faults=("cbw-read", "data-write"),
    policies=("break-guest-write", "break-snapshot"),
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
    assert {scenario.protocol_alignment // 512 for scenario in scenarios} == {1, 2}


def test_at_most_one_request_ends_or_resets_it() -> None:
    for scenario in drawn(2, 200):
        assert sum(request.kind in ("checkpoint", "stop") for request in scenario.requests) <= 1


def test_bounds_that_hold_nothing_are_an_error() -> None:
    with pytest.raises(ScenarioError, match="nbd-wrote"):
        draw(random.Random(1), Bounds(("nbd-wrote",)), "nothing")
