"""Induction on a toy lock: what is proved, what is not and why, and what a proof needs."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
import z3

from cowpath.model.commands.prove_text import show_uses
from cowpath.model.designs import DESIGNS
from cowpath.model.finite.reference import Reference
from cowpath.model.language.claim import claim
from cowpath.model.prove import prover
from cowpath.model.prove.counterexample import search
from cowpath.model.prove.drawing import draw
from cowpath.model.prove.prover import VARIATIONS, Prover
from cowpath.model.prove.theorem import Attempt, audit
from cowpath.model.prove.theory import DEADLOCK, Obligation, Theory
from tests.prove.toys import ARGUMENT, Request, lock

ROOT = Path(__file__).parents[2]


def test_a_right_lock_is_proved() -> None:
    induction = Attempt(lock(), ARGUMENT).induct()
    assert induction.proves("alone")
    assert induction.proves(DEADLOCK)
    assert all(outcome.proved for outcome in induction.outcomes)
    assert induction.needs("alone") == ("who is inside holds the lock", "enter: wait on the lock")


def test_a_theorem_asked_for_alone_rests_on_all_that_it_needs() -> None:
    whole, alone = Attempt(lock(), ARGUMENT).induct(), Attempt(lock(), ARGUMENT).induct(["alone"])
    assert alone.proves("alone")
    assert len(alone.outcomes) < len(whole.outcomes)
    assert {o.name for o in alone.outcomes} == {o.name for o in whole.rests_on("alone")}
    assert not Attempt(lock(tests_holder=False), ARGUMENT).induct(["alone"]).proves("alone")


def test_hypotheses_do_not_contradict_each_other() -> None:
    theory = Theory(lock(), ARGUMENT)
    nothing = Obligation("anything", None, {}, z3.BoolVal(False))
    assert not Prover(theory).prove(nothing).proved


def test_a_lock_that_is_not_tested_is_refuted_by_its_smallest_counterexample() -> None:
    system = lock(tests_holder=False)
    induction = Attempt(system, ARGUMENT).induct()
    assert not induction.proves("alone")
    (open_,) = (o for o in induction.outcomes if not o.proved and o.about == "who is inside holds the lock")
    assert open_.step == "enter"
    found = search(induction, open_)
    assert found is not None
    assert found.instance.sizes == {"Request": 2}
    reference = Reference(system, found.instance)
    action, arguments = found.step or (None, ())
    assert action is not None
    assert reference.enabled(action, arguments, found.before)
    assert reference.apply(action, arguments, found.before) == found.after
    drawn = draw(found)
    assert "enter" in drawn
    assert "breaks     who is inside holds the lock" in drawn


def test_a_lock_that_is_kept_is_not_proved_free_from_deadlock() -> None:
    system = lock(releases=False)
    attempt = Attempt(system, ARGUMENT)
    induction = attempt.induct()
    assert not induction.proves(DEADLOCK)
    rest, dropped = attempt.houdini(induction, [])
    assert dropped == ("who holds the lock is inside",)
    assert rest.proves("alone")
    assert not rest.proves(DEADLOCK)
    (open_,) = (o for o in rest.rests_on(DEADLOCK) if not o.proved)
    assert open_.name == "enter: who waits on the lock waits for a lower level"
    found = search(rest, open_)
    assert found is not None
    assert found.step is None


def test_an_invariant_that_is_false_at_the_start_is_found_there() -> None:
    false = claim("all are inside", Request)(lambda s, r: s.pc[r] == "inside")
    argument = replace(ARGUMENT, invariants=(false,))
    induction = Attempt(lock(), argument).induct()
    (open_,) = (o for o in induction.outcomes if not o.proved and o.initial)
    assert open_.name == "initially: all are inside"
    found = search(induction, open_)
    assert found is not None
    assert found.before == Reference(lock(), found.instance).initial()


def test_every_part_of_the_proof_is_needed(capsys: pytest.CaptureFixture[str]) -> None:
    attempt = Attempt(lock(), ARGUMENT)
    found = list(audit(attempt, attempt.induct(), ("alone", DEADLOCK)))
    show_uses("lock", found)
    shown = capsys.readouterr().out
    assert shown.startswith("lock: 3 of 3 restrictions, invariants and guards are needed.\n")
    assert "without enter: wait on the lock\n  alone not proved: enter: who is inside holds the lock" in shown
    assert {use.name: use.falls for use in found} == {
        "who is inside holds the lock": ("alone",),
        "who holds the lock is inside": (DEADLOCK,),
        "enter: wait on the lock": ("alone",),
    }


@pytest.mark.parametrize("rlimit", [1])
def test_too_little_work_proves_nothing(rlimit: int) -> None:
    induction = Attempt(lock(), ARGUMENT, rlimit).induct()
    assert not induction.proves("alone")
    assert not induction.proves(DEADLOCK)


def gives_up(self: Prover, *_: object) -> None:
    """As z3 does when an obligation is too much for it: it has shown nothing, and ruled out nothing."""


def test_what_is_too_much_for_the_first_tries_is_tried_in_other_ways(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Prover, "_ask", gives_up)
    right, wrong = (Attempt(lock(tests_holder=tests), ARGUMENT) for tests in (True, False))
    name = "enter: who is inside holds the lock"
    shown = right.prover.prove(right.obligations[name])
    assert shown.needs == frozenset({"who is inside holds the lock", "enter: wait on the lock"})
    assert not wrong.prover.prove(wrong.obligations[name]).proved


def test_each_way_is_tried_within_the_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Prover, "_ask", gives_up)
    monkeypatch.setattr(prover, "SHORT", (1,))
    polls: list[None] = []
    attempt = Attempt(lock(), ARGUMENT, 2, lambda: polls.append(None))
    before = len(polls)
    assert not attempt.prover.prove(attempt.obligations["enter: who is inside holds the lock"]).proved
    assert len(polls) - before == 1 + 2 * len(VARIATIONS)  # what is near, and all


@pytest.mark.lengthy
def test_an_obligation_that_z3_loses_itself_in_is_shown_in_another_way(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    design = DESIGNS["block-copy-10.1"]
    assert design.proof is not None
    attempt = Attempt(design.system, design.proof)
    (moves,) = (o for o in attempt.obligations.values() if "who is at lookup-active can move" in o.name)
    assert attempt.prover.prove(moves).proved
    monkeypatch.setattr(prover, "VARIATIONS", ())
    assert not Attempt(design.system, design.proof).prover.prove(moves).proved


def test_results_are_the_same_again() -> None:
    """In new processes, as the command makes them: within one, z3's cores depend on what it did before."""
    program = (
        "from tests.prove.test_induction import *\n"
        "found = Attempt(lock(), ARGUMENT).induct().outcomes\n"
        "print([(o.name, sorted(o.needs or ())) for o in found])"
    )
    first, second = (subprocess.check_output([sys.executable, "-c", program], cwd=ROOT) for _ in range(2))
    assert first == second
    assert b"who holds the lock is inside" in first
