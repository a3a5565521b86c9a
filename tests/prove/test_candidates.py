"""Invariants found: filled in from few states, kept by Houdini where they are inductive."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from model.finding import Found
from model.language.evaluate import Reference
from model.language.instance import Instance
from model.language.system import System
from model.prove.candidates import Sample, candidates
from model.prove.rank import TERMINATION
from model.prove.theorem import Attempt
from model.prove.theory import DEADLOCK
from model.prove_text import show_found
from tests.prove.toys import ARGUMENT, Request, lock


def explored(system: System, requests: int) -> Sample:
    """Return all that can be reached."""
    instance = Instance({"Request": requests}, {}, {"Request": tuple("abc"[:requests])}, {})
    reference = Reference(system, instance)
    states = {reference.initial(): None}
    for state in (queue := [reference.initial()]):
        for step in reference.steps(state):
            if step.after not in states:
                states[step.after] = None
                queue.append(step.after)
    return Sample(system, instance, np.array(list(states), dtype=np.int16))


def test_the_invariants_of_a_lock_are_found_and_prove_its_theorems() -> None:
    system = lock()
    found = tuple(candidates(system, Request, [explored(system, 2)]))
    assert [claim.name for claim in found] == [
        "it is holder at inside",
        "it is not holder but at inside",
    ]
    attempt = Attempt(system, replace(ARGUMENT, invariants=found))
    induction, out = attempt.houdini(attempt.induct(), ())
    assert not out
    assert all(attempt.ranked(induction).proves(theorem) for theorem in ("alone", DEADLOCK, TERMINATION))


def test_what_too_few_states_suggest_is_dropped() -> None:
    system = lock(tests_holder=False)
    found = tuple(candidates(system, Request, [explored(system, 1)]))
    assert [claim.name for claim in found] == [
        "it is holder at inside",
        "it is not holder but at inside",
    ]
    attempt = Attempt(system, replace(ARGUMENT, invariants=found))
    induction, out = attempt.houdini(attempt.induct(), ())
    assert out == ("it is holder at inside",)
    many = explored(system, 3)
    reference = Reference(system, many.instance)
    for claim in induction.argument.invariants:
        assert all(reference.value(claim.formula(system), tuple(state), {}) for state in many.states.tolist())


def test_what_the_states_contradict_is_no_candidate() -> None:
    system = lock(tests_holder=False)
    found = [claim.name for claim in candidates(system, Request, [explored(system, 3)])]
    assert found == ["it is not holder but at inside"]


def test_what_is_found_is_shown_with_what_follows(capsys: pytest.CaptureFixture[str]) -> None:
    found = Found(9, 3, ("it is holder at inside",), ("alone",), ("one", "two"), ("three",))
    show_found("lock", [found])
    assert capsys.readouterr().out.splitlines() == [
        "lock: 1 of 3 candidates, which 9 explored states satisfy, are inductive together:",
        "  it is holder at inside",
        "Theorems proved from these alone: alone.",
        "Of the design's own 3 invariants 2 follow from these; not:",
        "  three",
    ]
