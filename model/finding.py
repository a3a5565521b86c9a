"""Finding: invariants of a design by templates, explored states and Houdini, beside those written by hand."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from model.designs import Design
from model.explore.program import Program
from model.language.claim import Argument
from model.language.domains import narrow
from model.language.evaluate import OutOfRange, Vector
from model.language.expression import index_of
from model.language.ground import ground
from model.language.instance import Instance
from model.language.system import System
from model.prove.sample import Sample
from model.prove.prover import RLIMIT, Poll, Prover
from model.prove.theorem import Attempt
from model.prove.theory import Obligation, Theory
from model.proving import argument_of, in_scope
from model.scenarios import Scenario

MOST = 4_000
"""States explored of a scenario: enough to fill in templates with, and what they leave out Houdini drops."""


ENOUGH = 1_000_000
"""z3's units of work for one candidate: most that take more are not inductive."""


@dataclass(frozen=True)
class Found:
    """What came of the templates: how many `candidates` there were, and which of them are inductive.

    `proved`: theorems that follow from them alone. `follow`: invariants written by hand that follow from
    them; `missing`: those that do not.
    """

    states: int
    candidates: int
    kept: tuple[str, ...]
    proved: tuple[str, ...]
    follow: tuple[str, ...]
    missing: tuple[str, ...]


def find(
    design: Design,
    theorems: Sequence[str],
    scenarios: Sequence[Scenario],
    *,
    rlimit: int = RLIMIT,
    poll: Poll = lambda: None,
) -> Found:
    """Return the invariants found. `poll`: called now and then; raises KeyboardInterrupt to give up."""
    system, argument = design.system, argument_of(design)
    assert system.finished is not None
    samples = [explored(system, instance, poll) for _, instance in in_scope(design, argument, scenarios)]
    guesses = tuple(candidates(system, index_of(system.finished[0]), samples))
    attempt = Attempt(system, replace(argument, invariants=guesses), min(rlimit, ENOUGH), poll)
    induction, _ = attempt.houdini(attempt.induct(), ())
    ranked = attempt.ranked(induction)
    kept = ranked.argument.invariants
    follow = _following(system, argument, replace(argument, invariants=kept), rlimit, poll)
    return Found(
        sum(len(sample.states) for sample in samples),
        len(guesses),
        tuple(claim.name for claim in kept),
        tuple(theorem for theorem in theorems if ranked.proves(theorem)),
        tuple(claim.name for claim in argument.invariants if claim.name in follow),
        tuple(claim.name for claim in argument.invariants if claim.name not in follow),
    )


def explored(system: System, instance: Instance, since: Vector | None = None, most: int = MOST) -> Sample:
    """Return states of the instance that can be reached, those of least depth, `most` of them or a few more.

    `since`: the state to begin with, if not the initial one.
    """
    model = ground(system, instance)
    narrowed = narrow(model if since is None else replace(model, initial=since))
    program = Program(narrowed, ())
    states = {program.initial: None}
    for state in (queue := [program.initial]):  # which grows meanwhile
        if len(states) >= most:
            break
        try:
            successors = program.successors(state)
        except OutOfRange:  # cannot be reached initially, so it is for the proof to tell
            continue
        for _, successor in successors:
            if successor not in states:
                states[successor] = None
                queue.append(successor)
    table = np.array([values[0] for values in narrowed.values], dtype=np.int16)[None].repeat(
        len(states), axis=0
    )
    table[:, program.live] = [list(state) for state in states]
    return Sample(system, instance, table)


def _following(system: System, argument: Argument, found: Argument, rlimit: int, poll: Poll) -> set[str]:
    """Return the names of the argument's invariants that hold wherever those found do."""
    theory = Theory(system, found)
    prover = Prover(theory, rlimit, poll)
    translate, now = theory.universe.translate, theory.universe.now
    goals = {claim.name: translate(claim.formula(system), {}, now) for claim in argument.invariants}
    return {name for name, goal in goals.items() if prover.prove(Obligation(name, None, {}, goal)).proved}
