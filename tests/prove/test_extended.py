"""What the proofs about the extended designs hang on: obligations that were open once, each for a reason."""

from __future__ import annotations

from dataclasses import replace

import pytest

from cowpath.model.designs import EXTENDED
from cowpath.model.language.claim import ProofOutline
from cowpath.model.prove.theorem import Attempt
from cowpath.model.stack.world import is_kind

AT_IDLE = "in every state: who is at idle can move, or waits, or is not on the lowest level"
EXIT = "exit.cancel: who waits on requests in flight (drained section) waits for a lower level"
NEVER_IDLE = "only requests are about to begin"


def argument(name: str) -> ProofOutline:
    proof = EXTENDED[name].proof
    assert proof is not None
    return proof


def is_open(name: str, given: ProofOutline, part: str) -> list[str]:
    """Which of the obligations with the part in their names z3 does not show."""
    attempt = Attempt(EXTENDED[name].system, given, rlimit=2_000_000)
    chosen = [each for each in attempt.obligations.values() if part in each.name]
    assert chosen
    return [each.name for each in chosen if not attempt.prover.prove(each).proved]


@pytest.mark.lengthy
def test_no_drained_section_and_no_job_waits_at_idle_for_ever() -> None:
    given = argument("drain-10.2")
    assert is_open("drain-10.2", given, AT_IDLE) == []
    assert is_open("drain-10.2", given, NEVER_IDLE) == []
    others = tuple(each for each in given.invariants if each.name != NEVER_IDLE)
    assert is_open("drain-10.2", replace(given, invariants=others), AT_IDLE) == [AT_IDLE]


@pytest.mark.parametrize("name", ["replication-5.0", "replication-5.1"])
def test_an_exit_has_its_level_as_who_else_drains_has(name: str) -> None:
    assert is_open(name, argument(name), EXIT) == []


def test_without_its_level_the_wait_of_an_exit_is_open() -> None:
    given = argument("replication-5.1")
    lower = tuple(
        replace(each, here=lambda s, r: s.is_at(r, "draining") & is_kind(s, r, "stop"))
        if each.name == "drained sections"
        else each
        for each in given.levels
    )
    assert is_open("replication-5.1", replace(given, levels=lower), EXIT) == [EXIT]
