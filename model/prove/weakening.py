"""Weakening: candidates give up cases until no step from a state that satisfies all of them breaks one.

In a universe of a few, where z3 finds counterexamples to induction soon, and each takes away many cases. What
is left is inductive there, and is for the prover to try for any number: most that fails there fails here.
Source: C. Flanagan, K. R. M. Leino, "Houdini, an annotation assistant for ESC/Java", FME 2001.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from functools import cache

import z3

from cowpath.model.finite.in_z3 import joined
from cowpath.model.finite.instance import Instance
from cowpath.model.finite.reference import Vector
from cowpath.model.language.claim import Claim
from cowpath.model.language.expression import Expr, Quantified, index_of, parts
from cowpath.model.language.system import Action
from cowpath.model.prove.candidates import Candidate, Cases
from cowpath.model.prove.counterexample import read
from cowpath.model.prove.prover import Poll
from cowpath.model.prove.sample import Sample
from cowpath.model.prove.templates import free, reads_of
from cowpath.model.prove.theory import Theory
from cowpath.model.prove.universe import Bindings

Explore = Callable[[Instance, Vector | None], Sample]
"""Returns states that can be reached from one that is given, or initially, itself included."""
RLIMIT = 3_000_000
"""z3's units of work for one question; where they do not suffice, the prover is left to say no."""


Translate = Callable[[Expr, Bindings], z3.ExprRef]
"""An expression, its locals bound, in one state."""


class _Look:
    """A state in z3, with a memory of what cases mean there."""

    def __init__(self, translate: Translate) -> None:
        self._translate = translate
        self._equal: dict[tuple[int, int], z3.BoolRef] = {}
        self._among: dict[tuple[bytes, tuple[int, ...]], z3.BoolRef] = {}

    def __call__(self, expr: Expr, elements: Bindings) -> z3.ExprRef:
        return z3.simplify(self._translate(expr, elements))

    def among(self, cases: Cases, values: Sequence[z3.ExprRef]) -> z3.BoolRef:
        """Return that the values are those of one of the cases."""
        if cases.all() or not cases.any():
            return z3.BoolVal(bool(cases.any()))
        key = cases.tobytes(), tuple(value.get_id() for value in values)
        if key not in self._among:
            self._among[key] = self._choice(cases, *values)
        return self._among[key]

    def _choice(self, cases: Cases, value: z3.ExprRef, *others: z3.ExprRef) -> z3.BoolRef:
        if value.decl().kind() == z3.Z3_OP_DT_CONSTRUCTOR:
            return self.among(cases[_number(value.decl())], others)
        groups: dict[bytes, list[int]] = {}
        for number, rest in enumerate(cases):
            if rest.any():
                groups.setdefault(rest.tobytes(), []).append(number)
        alternatives = []
        for numbers in groups.values():
            one = [self._is(value, number) for number in numbers]
            alternatives.append(
                joined(z3.Z3_mk_and, [joined(z3.Z3_mk_or, one), self.among(cases[numbers[0]], others)])
            )
        return joined(z3.Z3_mk_or, alternatives)

    def _is(self, value: z3.ExprRef, number: int) -> z3.BoolRef:
        key = value.get_id(), number
        if key not in self._equal:
            self._equal[key] = value == value.sort().constructor(number)()
        return self._equal[key]


@cache
def _number(constructor: z3.FuncDeclRef) -> int:
    """Return which value of its enum sort it is."""
    sort = constructor.range()
    return next(n for n in range(sort.num_constructors()) if sort.constructor(n).eq(constructor))


@dataclass(eq=False)
class _Claimed:
    """A candidate, claimed of certain elements in a certain state."""

    candidate: Candidate
    look: _Look
    fact: z3.BoolRef
    values: Sequence[z3.ExprRef]
    _formula: z3.BoolRef | None = None
    _cases: bytes = b""

    def formula(self) -> z3.BoolRef:
        """Return what is claimed by now."""
        cases = self.candidate.cases
        if self._formula is None or self._cases != cases.tobytes():
            self._formula = z3.Implies(self.look.among(cases, self.values), self.fact)
            self._cases = cases.tobytes()
        return self._formula


class Weakening:
    """Candidates in a universe of a few elements; `theory` itself claims nothing."""

    def __init__(
        self, theory: Theory, candidates: Sequence[Candidate], explore: Explore, poll: Poll = lambda: None
    ) -> None:
        self.theory = theory
        self.candidates = candidates
        self.explore = explore
        self.poll = poll
        self.models = 0
        universe = theory.universe
        self._now: Translate = lambda expr, bound: universe.translate(expr, bound, universe.now)
        self._before = self._claimed(self._now)
        self._after: dict[str, list[_Claimed]] = {}

    def run(self) -> None:
        """Weaken the candidates until they are inductive."""
        universe = self.theory.universe
        initially = self._claimed(lambda expr, bound: universe.translate(expr, bound, universe.initial))
        self._break(self._solver(), initially, None)
        while True:
            models = self.models
            solver = self._solver()
            solver.add(*(claimed.formula() for claimed in self._before))
            for action in self.theory.system.actions:
                self._try(solver, action)
            if self.models == models:
                return

    def _solver(self) -> z3.Solver:
        solver, theory = z3.Solver(), self.theory
        solver.set("random_seed", 0)
        solver.set("rlimit", RLIMIT)
        solver.add(*theory.instance.values(), *theory.scope.values(), *theory.state.values())
        return solver

    def _claimed(self, translate: Translate, written: Collection[str] | None = None) -> list[_Claimed]:
        """Return what is claimed in the state; with `written` by the first owner, only what that touches."""
        sizes = self.theory.universe.sizes
        assert sizes is not None
        look, found = _Look(translate), []
        for candidate in self.candidates:
            self.poll()
            fact = candidate.fact
            touched = written is None or not reads_of(fact.formula).isdisjoint(written)
            for values in itertools.product(*(range(sizes[index_of(b).name]) for b in fact.bound)):
                elements = dict(zip((b.number for b in fact.bound), map(z3.IntVal, values), strict=True))
                moved = (a for a in fact.axes if not (free(a.value) and values[0]))  # nobody else moves
                if touched or any(not reads_of(axis.value).isdisjoint(written or ()) for axis in moved):
                    axes = [look(axis.value, elements) for axis in fact.axes]
                    found.append(_Claimed(candidate, look, look(fact.formula, elements), axes))
        return found

    def _try(self, solver: z3.Solver, action: Action) -> None:
        """Look for steps of the action; the first owner takes them, as any other would."""
        theory = self.theory
        bound = {**theory.bind(action), action.params[0].number: z3.IntVal(0)}
        step = theory.universe.after(action, bound)
        written = {update.variable for update in action.updates}
        if action.label not in self._after:

            def later(expr: Expr, bound: Bindings) -> z3.ExprRef:
                return step(self._now(expr, bound))

            self._after[action.label] = self._claimed(later, written)
        solver.push()
        solver.add(*theory.enabling(action, bound).values())
        solver.add(*(step(fits) for _, fits in theory.universe.ranges(theory.universe.now, written)))
        self._break(solver, self._after[action.label], action)
        solver.pop()

    def _break(self, solver: z3.Solver, claims: Sequence[_Claimed], action: Action | None) -> None:
        """Weaken the candidates until all the claims hold after the step (None: initially)."""
        while True:
            self.poll()
            goals = [z3.Not(claimed.formula()) for claimed in claims]
            solver.push()
            solver.add(z3.Or(goals))
            found = solver.check() == z3.sat
            model = solver.model() if found else None
            solver.pop()
            if model is None or not self._learn(model, action is None):
                return
            self.models += 1

    def _learn(self, model: z3.ModelRef, initially: bool) -> bool:
        """Weaken the candidates by the state in the model and what can be reached from it, which they must
        all admit; tell whether that did anything.
        """
        instance, state = read(self.theory, model)
        sample = self.explore(instance, None if initially else state)
        weakened = [candidate.weaken(sample) for candidate in self.candidates]
        return any(weakened)


def needed(theory: Theory, poll: Poll) -> list[Claim]:
    """Return those of the argument's invariants that do not follow from the others, in the theory's universe.

    The most complicated are tried first: those with quantifiers inside, then those about most elements.
    """
    solver = z3.Solver()
    solver.set("random_seed", 0)
    solver.set("rlimit", RLIMIT)
    solver.add(*theory.instance.values(), *theory.scope.values())
    claims = {claim.name: claim for claim in theory.argument.invariants}
    for name, formula in theory.state.items():
        poll()
        solver.add(z3.Implies(z3.Bool(name), formula))
    left = dict.fromkeys(theory.state)

    def weight(name: str) -> tuple[int, int]:
        return _quantifiers(theory.formulas[name]), len(name)

    for name in sorted(claims, key=weight, reverse=True):
        poll()
        solver.push()
        solver.add(z3.Not(theory.state[name]))
        if solver.check([z3.Bool(other) for other in left if other != name]) == z3.unsat:
            del left[name]
        solver.pop()
    return [claim for name, claim in claims.items() if name in left]


def _quantifiers(expr: Expr) -> int:
    return isinstance(expr, Quantified) + sum(map(_quantifiers, parts(expr)))
