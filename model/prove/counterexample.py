"""Counterexamples to induction: in a universe of two, then three, a state in which a step breaks a claim.

Proofs are for any number of elements, refutations are small. z3 searches the same obligation with its
quantifiers written out; what it finds is brought as near to the initial state as it goes, and the reference
semantics confirms it before it is shown.
"""

from __future__ import annotations

import itertools
import string
from collections.abc import Iterator
from dataclasses import dataclass

import z3

from cowpath.model.finite.instance import Instance, Layout, Table
from cowpath.model.finite.reference import OutOfRange, Reference, Vector
from cowpath.model.language.expression import index_of, local
from cowpath.model.language.sorts import Enum, Index
from cowpath.model.language.system import Action, State, System
from cowpath.model.prove.prover import Outcome
from cowpath.model.prove.rank import TERMINATION, Rank, obligations
from cowpath.model.prove.theorem import Induction
from cowpath.model.prove.theory import DEADLOCK, Obligation, Theory
from cowpath.model.prove.universe import Universe
from cowpath.model.trace.waiting import waits

RLIMIT = 30_000_000
LARGEST = 3


@dataclass(frozen=True)
class Counterexample:
    """A state that satisfies every claim, and a step after which `about` fails (or the state itself does)."""

    obligation: str
    about: str
    system: System
    instance: Instance
    before: Vector
    step: tuple[Action, tuple[int, ...]] | None
    after: Vector


def search(induction: Induction, outcome: Outcome) -> Counterexample | None:
    """Return the smallest counterexample found to an obligation that was not shown; None if there is none."""
    rank = induction.rank
    for sizes in universes(induction.system):
        theory = Theory(induction.system, induction.argument, sizes)
        stated = theory.obligations({outcome.step})
        if outcome.theorem == TERMINATION and rank is not None:
            stated = obligations(theory, rank)
        for obligation in (o for o in stated if o.name == outcome.name):
            found = _satisfy(theory, obligation, rank)
            if found is not None:
                return found
    return None


def universes(system: System) -> Iterator[dict[str, int]]:
    """Yield sizes: 2 of each unordered sort and 1 or 2 of the ordered, then 3 and 1 to 3."""
    indices = Universe(system).indices.values()
    for size in range(2, LARGEST + 1):
        for ordered in range(1, size + 1):
            yield {index.name: ordered if index.ordered else size for index in indices}


def _satisfy(theory: Theory, obligation: Obligation, rank: Rank | None) -> Counterexample | None:
    solver = z3.Solver()
    solver.set("random_seed", 0)
    solver.set("rlimit", RLIMIT)
    known = {**theory.instance, **theory.scope, **({} if obligation.initial else theory.state)}
    for formula in (*known.values(), *obligation.own.values(), z3.Not(obligation.goal)):
        solver.add(formula)
    if solver.check() != z3.sat:
        return None
    _simplify(theory, solver)
    if solver.check() != z3.sat:
        return None
    return _confirmed(theory, obligation, rank, solver.model())


def _simplify(theory: Theory, solver: z3.Solver) -> None:
    """Pin components to their initial values, and parameters to the first of theirs, while one remains."""
    universe = theory.universe
    for name, variable in theory.system.variables.items():
        for indices in _cells(theory, variable.indices):
            _pin(solver, universe.now(name, indices) == universe.initial(name, indices))
    for name, parameter in theory.system.parameters.items():
        for indices in _cells(theory, parameter.indices):
            _pin(solver, universe.now(name, indices) == universe.value(parameter.sort, 0))


def _pin(solver: z3.Solver, fact: z3.BoolRef) -> None:
    if solver.check(fact) == z3.sat:
        solver.add(fact)


def _cells(theory: Theory, indices: tuple[Index, ...]) -> Iterator[tuple[z3.ExprRef, ...]]:
    sizes = theory.universe.sizes
    assert sizes is not None
    for values in itertools.product(*(range(index.size(sizes)) for index in indices)):
        yield tuple(map(z3.IntVal, values))


def _confirmed(
    theory: Theory, obligation: Obligation, rank: Rank | None, model: z3.ModelRef
) -> Counterexample | None:
    """Read instance and state off the model, and let the reference find the step that breaks the claim."""
    system, argument = theory.system, theory.argument
    instance, before = read(theory, model)
    reference = Reference(system, instance)
    try:
        given = (claim.formula(system) for claim in (*argument.given, *argument.scope))
        if not all(reference.value(formula, before, {}) for formula in given):
            return None
        if obligation.initial:
            before = reference.initial()
        elif not all(reference.value(formula, before, {}) for formula in theory.formulas.values()):
            return None
        if obligation.theorem == DEADLOCK:
            broken = _unexplained(theory, reference, before)
            found = Counterexample(obligation.name, obligation.about, system, instance, before, None, before)
            return found if broken else None
        claim = theory.formulas.get(obligation.about)
        if obligation.initial:
            broken = claim is not None and not reference.value(claim, before, {})
            found = Counterexample(obligation.name, obligation.about, system, instance, before, None, before)
            return found if broken else None
        for action in system.actions:
            for arguments in reference.arguments(action) if action.label == obligation.step else ():
                if reference.enabled(action, arguments, before):
                    after = reference.apply(action, arguments, before)
                    broken = claim is not None and not reference.value(claim, after, {})
                    if obligation.theorem == TERMINATION and rank is not None:
                        broken = not rank.raised(reference, before, after)
                    if broken:
                        return Counterexample(
                            obligation.name,
                            obligation.about,
                            system,
                            instance,
                            before,
                            (action, arguments),
                            after,
                        )
    except OutOfRange:
        return None  # the text reads or writes where it has no cell: the explorer's to report
    return None


def _unexplained(theory: Theory, reference: Reference, state: Vector) -> bool:
    """Tell whether somebody waits for no lower level, or the unfinished on the lowest cannot move."""
    system = theory.system
    owner, formula = system.finished or (None, None)
    assert owner is not None
    assert formula is not None
    owners = range(reference.instance.sizes[index_of(owner).name])
    unfinished = {r for r in owners if not reference.value(formula, state, {owner.number: r})}
    bound = local(theory.owner, "owner")
    levels = [level.here(State(system, None), bound) for level in theory.argument.levels]
    height = {
        r: next(
            (
                len(levels) - i
                for i, here in enumerate(levels)
                if reference.value(here, state, {bound.number: r})
            ),
            0,
        )
        for r in owners
    }
    for r, q, _ in waits(reference, state, owners):
        if q not in unfinished or height[q] >= height[r]:
            return True
    lowest = min((height[r] for r in unfinished), default=0)
    moves = {step.arguments[0] for step in reference.steps(state)} | {*reference.hanging(state)}
    return any(height[r] == lowest and r not in moves for r in unfinished)


def read(theory: Theory, model: z3.ModelRef) -> tuple[Instance, Vector]:
    """Return the instance, and the state before the step, that z3 has found."""
    instance = _instance(theory, model)
    return instance, tuple(
        _value(model, theory.universe.now(cell.variable, tuple(map(z3.IntVal, cell.indices))))
        for cell in Layout(theory.system, instance).cells
    )


def _instance(theory: Theory, model: z3.ModelRef) -> Instance:
    sizes = theory.universe.sizes
    assert sizes is not None
    tables: dict[str, Table] = {}
    for name, parameter in theory.system.parameters.items():
        tables[name] = {
            indices: _value(model, theory.universe.now(name, tuple(map(z3.IntVal, indices))))
            for indices in itertools.product(*(range(sizes[i.name]) for i in parameter.indices))
        }
    names = {index: tuple(f"{index.lower()} {i}" for i in range(size)) for index, size in sizes.items()}
    kinds = [
        (name, parameter.sort)
        for name, parameter in theory.system.parameters.items()
        if parameter.indices == (theory.owner,) and isinstance(parameter.sort, Enum)
    ]
    if kinds:  # what an owner is, is its best name
        name, sort = kinds[0]
        count = range(sizes[theory.owner.name])
        names[theory.owner.name] = tuple(f"{sort.values[tables[name][(i,)]]} {i}" for i in count)
    held = (wait.held for action in theory.system.actions for wait in action.waits)
    words = {word for text in held for _, word, _, _ in string.Formatter().parse(text) if word}
    phrases = {word: tuple(f"its {word}" for _ in names[theory.owner.name]) for word in sorted(words)}
    return Instance(sizes, tables, names, phrases)


def _value(model: z3.ModelRef, term: z3.ExprRef) -> int:
    value = model.eval(term, model_completion=True)
    if z3.is_bool(value):
        return int(z3.is_true(value))
    if z3.is_int_value(value):
        return value.as_long()
    sort = value.sort()
    constructors = [sort.constructor(i).name() for i in range(sort.num_constructors())]
    return constructors.index(value.decl().name())
