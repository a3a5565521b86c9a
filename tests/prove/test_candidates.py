"""Invariants found: facts where few states have them, weakened by counterexamples, kept where inductive."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from cowpath.model.bench.invariants import Found, explored, find, weakenings
from cowpath.model.bench.theorems import argument_of, in_scope
from cowpath.model.commands.prove_text import show_found
from cowpath.model.designs import DESIGNS
from cowpath.model.finite.instance import Instance
from cowpath.model.finite.reference import Reference
from cowpath.model.language.claim import Claim
from cowpath.model.language.system import System
from cowpath.model.prove.candidates import Candidate, candidates
from cowpath.model.prove.rank import TERMINATION
from cowpath.model.prove.sample import Sample
from cowpath.model.prove.theorem import Attempt
from cowpath.model.prove.theory import DEADLOCK, Theory
from cowpath.model.prove.weakening import Weakening, needed
from cowpath.model.prove.wording import claims
from cowpath.model.scenarios import bundled
from tests.prove.toys import ARGUMENT, Request, lock


def seen(system: System, requests: int) -> Sample:
    return explored(system, Instance({"Request": requests}, {}, {"Request": tuple("abc"[:requests])}, {}))


def weakened(system: System, guesses: list[Candidate]) -> list[Claim]:
    for weakening in weakenings(system, ARGUMENT, guesses):
        weakening.run()
    return list(claims(guesses))


def holds(system: System, claim: Claim, sample: Sample) -> bool:
    reference = Reference(system, sample.instance)
    return all(reference.value(claim.formula(system), tuple(s), {}) for s in sample.states.tolist())


def test_the_invariants_of_a_lock_are_found_and_prove_its_theorems() -> None:
    system = lock()
    found = weakened(system, candidates(system, Request, [seen(system, 2)]))
    assert {"pc inside: it is holder", "not pc inside: it is not holder"} <= {claim.name for claim in found}
    attempt = Attempt(system, replace(ARGUMENT, invariants=tuple(found)))
    induction, out = attempt.houdini(attempt.induct(), ())
    assert not out
    assert {claim.name for claim in found} <= induction.inductive()
    assert all(attempt.ranked(induction).proves(theorem) for theorem in ("alone", DEADLOCK, TERMINATION))


def test_what_too_few_states_suggest_is_taken_back() -> None:
    system = lock()
    two = seen(system, 2)
    guesses = candidates(system, Request, [replace(two, states=two.states[:1])])
    many = seen(system, 3)
    assert not all(holds(system, claim, many) for claim in claims(guesses))
    found = weakened(system, guesses)
    assert found
    assert all(holds(system, claim, many) for claim in found)


def test_what_the_states_contradict_is_no_candidate() -> None:
    system = lock(releases=False)
    names = [claim.name for claim in claims(candidates(system, Request, [seen(system, 3)]))]
    assert names == ["pc inside done: it is holder", "pc idle waiting: it is not holder"]


def test_a_claim_that_follows_from_others_is_left_out() -> None:
    one = ARGUMENT.invariants[0]
    twice = replace(ARGUMENT, invariants=(one, replace(one, name=f"{one.name} again")), theorems=())
    assert needed(Theory(lock(), twice, {"Request": 2}), lambda: None) == [one]


def test_states_are_explored_from_where_one_says() -> None:
    system = lock()
    sample = seen(system, 2)
    last = tuple(sample.states[-1].tolist())
    later = explored(system, sample.instance, last)
    assert (later.states == np.array([last])).all(axis=1).any()
    assert len(later.states) < len(sample.states)
    assert len(explored(system, sample.instance, most=3).states) < len(sample.states)


def test_facts_of_a_design_are_those_that_its_own_invariants_speak_of() -> None:
    design, race = DESIGNS["rfc-2016"], bundled()[0]
    samples = [
        explored(design.system, case.instance) for case in in_scope(design, argument_of(design), [race])
    ]
    names = {claim.name for claim in claims(candidates(design.system, design.system.owners, samples))}
    assert names >= {
        "no two whose [first, end) meet have cow_request",
        "where done, in_hidden",
        "first <= at",
        "not pc cow-loop: upto = at + 1",
        "pc cow-wait cow-loop copy-read copy-write copied: rwlock_read",
        "not pc idle done write written notify cow-wait cow-request-wait: cow_request",
    }, sorted(names)


def test_an_interrupt_leaves_what_was_not_proved(monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(*obligation: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(Weakening, "run", interrupted)
    found = find(DESIGNS["rfc-2016"], (DEADLOCK,), bundled()[:1])
    assert found.open
    assert not found.kept
    assert not found.proved


def test_what_is_found_is_shown_with_what_follows(capsys: pytest.CaptureFixture[str]) -> None:
    show_found("lock", [Found(9, 3, 2, 4, ("it is holder",), ("alone",), ("one", "two"), ("three",))])
    assert capsys.readouterr().out.splitlines()[2:] == [
        "That leaves 4 claims. Kept, being inductive for any number of requests, and not following from each",
        "  other: 1.",
        "  it is holder",
        "Theorems proved from these alone: alone.",
        "Of the design's own 3 invariants 2 follow from these; not:",
        "  three",
    ]
