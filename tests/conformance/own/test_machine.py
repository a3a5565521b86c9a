"""The model's steps as rules: what is right passes, what is wrong is found and made short, coverage grows."""

from __future__ import annotations

import unittest
from typing import Any

import pytest
from hypothesis import Phase, settings

from cowpath.conformance import state_machine
from cowpath.conformance.own.machine import SETTINGS
from tests.conformance.own.buffer_model import watch
from tests.conformance.own.buffers import Lost, Right, Twice, workload

QUICK = settings(SETTINGS, derandomize=True, database=None, max_examples=12)


def run(case: type[unittest.TestCase]) -> None:
    case("runTest").debug()


def test_what_is_right_passes_and_each_round_makes_new_steps() -> None:
    judge, reached = watch(Right), []
    for rounds in (1, 3):
        run(state_machine(judge, workload(Right), rounds=rounds, settings=QUICK))
        reached.append(len(judge.oracle.edges))
    assert 0 < reached[0] < reached[1]


@pytest.mark.parametrize("make", [Lost, Twice])
def test_what_is_wrong_is_found(make: Any) -> None:
    case = state_machine(
        watch(make), workload(make), settings=settings(QUICK, max_examples=200, phases=[Phase.generate])
    )
    with pytest.raises(AssertionError, match="the model refuses it"):
        run(case)


def test_it_is_a_test_case_of_the_name_of_its_test() -> None:
    def walked() -> None:
        """Nothing."""

    case = state_machine(watch(Right), walked)
    assert issubclass(case, unittest.TestCase)
    assert (case.__name__, case.__module__) == ("walked", __name__)
