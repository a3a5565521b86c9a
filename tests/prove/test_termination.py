"""Ranks: found where runs end, of toys and designs; where they do not, the steps that go round."""

from __future__ import annotations

from dataclasses import replace

import pytest

from cowpath.model.designs import DESIGNS
from cowpath.model.finite.reference import Reference
from cowpath.model.language.claim import ProofOutline, claim
from cowpath.model.prove import rank
from cowpath.model.prove.counterexample import search
from cowpath.model.prove.prover import Prover
from cowpath.model.prove.rank import TERMINATION
from cowpath.model.prove.theorem import Attempt
from cowpath.model.prove.theory import Theory
from cowpath.model.scenarios import find
from cowpath.model.scenarios.geometry import reduce
from cowpath.model.stack.binding import bind
from tests.prove.toys import ARGUMENT, Request, lock, rounds

NOTHING = ProofOutline((), (), (), (), (), ())
ENOUGH = 400  # states of a scenario


def test_every_run_of_a_lock_ends() -> None:
    attempt = Attempt(lock(), ARGUMENT)
    induction = attempt.ranked(attempt.induct())
    assert induction.proves(TERMINATION)
    assert induction.rank is not None
    assert [measure.name for measure in induction.rank.measures] == ["pc, of each request"]


def test_a_lock_that_is_taken_again_and_again_is_named_with_its_loop() -> None:
    attempt = Attempt(lock(again=True), ARGUMENT)
    induction = attempt.ranked(attempt.induct())
    assert not induction.proves(TERMINATION)
    assert induction.rank is not None
    assert induction.rank.loop == ("come", "enter", "leave")
    open_ = [outcome for outcome in induction.rests_on(TERMINATION) if not outcome.proved]
    assert [outcome.name for outcome in open_] == [f"{step}: the rank rises" for step in induction.rank.loop]
    found = search(induction, open_[0])
    assert found is not None
    assert found.step is not None
    assert found.step[0].label == "come"
    assert found.before != found.after


def test_rounds_end_if_they_are_counted() -> None:
    bound = claim("who is inside has rounds left", Request)(
        lambda s, r: (s.pc[r] == "inside").implies(s.round[r] < 3)
    )
    attempt = Attempt(rounds(), replace(NOTHING, invariants=(bound,)))
    induction = attempt.ranked(attempt.induct())
    assert induction.proves(TERMINATION)
    assert induction.rank is not None
    assert [measure.name for measure in induction.rank.measures] == [
        "round, of each request",
        "pc, of each request",
        "whether sleeps_on is another, of each request",
    ]
    bounded = [
        o.needs for o in induction.outcomes if o.name == "in every state: round, of each request is bounded"
    ]
    assert bounded == [frozenset({"a value of its sort is in round"})]


def test_a_measure_must_be_shown_to_be_bounded() -> None:
    attempt = Attempt(rounds(), NOTHING)
    induction = attempt.ranked(attempt.induct())
    assert not induction.proves(TERMINATION)
    open_ = [outcome.name for outcome in induction.rests_on(TERMINATION) if not outcome.proved]
    assert open_ == ["return: a value of its sort is in round"]


def test_rounds_that_are_not_counted_do_not() -> None:
    attempt = Attempt(rounds(counts=False), NOTHING)
    induction = attempt.ranked(attempt.induct())
    assert not induction.proves(TERMINATION)
    assert induction.rank is not None
    assert induction.rank.loop == ("start", "return", "sleep")


@pytest.mark.parametrize(
    ("design", "scenario"),
    [
        ("rfc-2016", "unaligned-write"),
        pytest.param("rfc-repaired", "guest-writes-meet", marks=pytest.mark.lengthy),
        pytest.param("block-copy-5.0", "failing-copies", marks=pytest.mark.lengthy),
    ],
)
def test_each_step_explored_raises_the_rank(design: str, scenario: str) -> None:
    told = DESIGNS[design]
    assert told.proof is not None
    theory = Theory(told.system, told.proof)
    found = rank.find(theory, Prover(theory), theory.scope)
    assert not found.loop
    reference = Reference(told.system, bind(find(scenario), reduce(find(scenario))))
    seen = {reference.initial()}
    queue = list(seen)
    while queue and len(seen) < ENOUGH:
        state = queue.pop(0)
        for step in reference.steps(state):
            assert found.raised(reference, state, step.after), step.action.label
            if step.after not in seen:
                seen.add(step.after)
                queue.append(step.after)
    assert len(seen) > 50
