"""Finding: invariants of a design by facts, explored states and Houdini, beside those written by hand."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
import z3

from cowpath.model.bench.theorems import argument_of, in_scope
from cowpath.model.designs import Design
from cowpath.model.explore.program import Program
from cowpath.model.finite.domains import narrow
from cowpath.model.finite.ground import ground
from cowpath.model.finite.instance import Instance
from cowpath.model.finite.reference import OutOfRange, Vector
from cowpath.model.language.claim import ProofOutline
from cowpath.model.language.system import System
from cowpath.model.prove.candidates import Candidate, candidates
from cowpath.model.prove.prover import RLIMIT, Poll, Prover
from cowpath.model.prove.rank import TERMINATION
from cowpath.model.prove.sample import Sample
from cowpath.model.prove.theorem import Attempt
from cowpath.model.prove.theory import Obligation, Theory
from cowpath.model.prove.universe import Universe
from cowpath.model.prove.weakening import Weakening, needed
from cowpath.model.prove.wording import claims
from cowpath.model.scenarios import Scenario

MOST = 4_000
"""States explored of a scenario: enough to fill in facts with; what they leave out z3 finds."""
NEAR = 300
"""States explored from a counterexample to induction."""
UNIVERSES = ((2, 2), (3, 1))
"""Elements of each unordered and each ordered sort, where candidates are weakened: what is about two of a
kind needs a third to break it, what is about ranges two places."""
ENOUGH = 1_000_000
"""z3's units of work for one candidate: most that take more are not inductive."""


@dataclass(frozen=True)
class Found:
    """What came of the facts: how many were `candidates`, holding somewhere in the states explored.

    In universes of a few, `claims` were left after `counterexamples` to induction; those `kept` are inductive
    in any and do not follow from each other. `proved`: theorems that follow from them alone. `follow`:
    invariants written by hand that follow from them; `missing`: those that do not. Where it was
    interrupted, `open` are the claims that were left, of which nothing is proved.
    """

    states: int = 0
    candidates: int = 0
    counterexamples: int = 0
    claims: int = 0
    kept: tuple[str, ...] = ()
    proved: tuple[str, ...] = ()
    follow: tuple[str, ...] = ()
    missing: tuple[str, ...] = ()
    open: tuple[str, ...] | None = None


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
    found, guesses = Found(), list[Candidate]()
    try:
        samples = []
        for case in in_scope(design, argument, scenarios):
            poll()
            samples.append(explored(system, case.instance))
        guesses += candidates(system, system.owners, samples, poll)
        states = sum(len(sample.states) for sample in samples)
        found = replace(found, states=states, candidates=len(guesses))
        for weakening in weakenings(system, argument, guesses, poll):
            try:
                weakening.run()
            finally:
                found = replace(found, counterexamples=found.counterexamples + weakening.models)
        return _proved(system, argument, guesses, theorems, found, rlimit, poll)
    except KeyboardInterrupt:
        return replace(found, open=tuple(claim.name for claim in claims(guesses)))


def weakenings(
    system: System, argument: ProofOutline, guesses: Sequence[Candidate], poll: Poll = lambda: None
) -> Iterator[Weakening]:
    """Yield, for each universe, what weakens the candidates there."""

    def explore(instance: Instance, state: Vector | None) -> Sample:
        return explored(system, instance, state, NEAR)

    bare = replace(argument, invariants=(), theorems=())
    for unordered, ordered in UNIVERSES:
        sizes = {i.name: ordered if i.ordered else unordered for i in Universe(system).indices.values()}
        yield Weakening(Theory(system, bare, sizes), guesses, explore, poll)


def _proved(
    system: System,
    argument: ProofOutline,
    guesses: Sequence[Candidate],
    theorems: Sequence[str],
    found: Found,
    rlimit: int,
    poll: Poll,
) -> Found:
    """Add what the prover makes of the candidates: for any number of elements."""
    limit = min(rlimit, ENOUGH)
    claimed = replace(argument, invariants=claims(guesses))
    pair = Theory(system, claimed, dict.fromkeys(Universe(system).indices, 2))
    attempt = Attempt(system, replace(argument, invariants=tuple(needed(pair, poll))), limit, poll)
    induction = attempt.induct()
    if not induction.complete:
        raise KeyboardInterrupt
    induction, _ = attempt.houdini(induction, ())
    sound = induction.inductive()
    kept = tuple(claim for claim in induction.argument.invariants if claim.name in sound)
    ranked = attempt.ranked(induction) if TERMINATION in theorems else induction
    if not ranked.complete:
        raise KeyboardInterrupt
    own = [claim.name for claim in argument.invariants]
    follow = _following(system, argument, replace(argument, invariants=kept, theorems=()), limit, poll)
    return replace(
        found,
        claims=len(claimed.invariants),
        kept=tuple(claim.name for claim in kept),
        proved=tuple(theorem for theorem in theorems if ranked.proves(theorem)),
        follow=tuple(name for name in own if name in follow),
        missing=tuple(name for name in own if name not in follow),
    )


def explored(system: System, instance: Instance, since: Vector | None = None, most: int = MOST) -> Sample:
    """Return states of the instance that can be reached, those of least depth, `most` of them or a few more.

    `since`: the state to begin with, if not the initial one.
    """
    model = ground(system, instance)
    narrowed = narrow(model if since is None else replace(model, starts=(since,)))
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


def _following(
    system: System, argument: ProofOutline, found: ProofOutline, rlimit: int, poll: Poll
) -> set[str]:
    """Return the names of the argument's invariants that hold wherever those found do."""
    theory = Theory(system, found)
    prover = Prover(theory, rlimit, poll)
    translate, now = theory.universe.translate, theory.universe.now
    nothing: dict[str, z3.BoolRef] = {}
    goals = {claim.name: translate(claim.formula(system), {}, now) for claim in argument.invariants}
    return {
        name for name, goal in goals.items() if prover.prove(Obligation(name, None, nothing, goal)).proved
    }
