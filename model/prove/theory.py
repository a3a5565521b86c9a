"""A system and its argument in z3: hypotheses by name, and the obligations that the theorems come down to."""

from __future__ import annotations

import functools
import operator
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property

import z3

from model.language.claim import Argument, Claim
from model.language.expression import (
    Add,
    And,
    Const,
    Eq,
    Expr,
    IfThenElse,
    Less,
    Local,
    Not,
    Or,
    Param,
    Quantified,
    Read,
    _fresh,
    local,
)
from model.language.sorts import Enum, Index, Maybe, Position
from model.language.system import Action, State, System
from model.symbolic.universe import Bindings, Look, Universe


@dataclass(frozen=True)
class Obligation:
    """`goal` follows from the named hypotheses. `step`: the action that must keep `claim`, if it is about one."""

    step: str | None
    claim: str
    hypotheses: Mapping[str, z3.BoolRef]
    goal: z3.BoolRef

    @property
    def name(self) -> str:
        return f"{self.step or 'state'}: {self.claim}"


class Theory:
    def __init__(self, system: System, argument: Argument, sizes: Mapping[str, int] | None = None) -> None:
        self.system = system
        self.argument = argument
        self.universe = universe = Universe(system, sizes)
        self.claims = {c.name: c.formula(system) for c in (*assigned(system), *argument.invariants)}
        self.theorems = {p.name: p.formula for p in system.properties if p.name in argument.theorems}

    def _at(self, expr: Expr, look: Look, bound: Bindings | None = None) -> z3.BoolRef:
        return self.universe.translate(expr, bound or {}, look)

    @cached_property
    def background(self) -> dict[str, z3.BoolRef]:
        """What holds of the instance."""
        u = self.universe
        found = {"size of " + i.name: u.size(i) >= 0 for i in u.indices.values() if u.is_number(i)}
        found |= {f"sort of {n}": f for n, f in u.ranges(u.now, list(self.system.parameters))}
        if u.sizes is None:
            found["elements"] = u.landings()
        for c in (*self.argument.given, *self.argument.scope):
            found[c.name] = self._at(c.formula(self.system), u.now)
        return found

    def conjuncts(self, look: Look) -> dict[str, z3.BoolRef]:
        """Everything that is claimed of every reachable state, in one state."""
        found = {f"sort of {n}": f for n, f in self.universe.ranges(look, list(self.system.variables))}
        found |= {name: self._at(f, look) for name, f in {**self.claims, **self.theorems}.items()}
        return found

    @cached_property
    def invariants(self) -> dict[str, z3.BoolRef]:
        return self.conjuncts(self.universe.now)

    def step(self, action: Action) -> tuple[Bindings, dict[str, z3.BoolRef]]:
        """Fresh elements for the action's parameters, and what lets it happen."""
        u = self.universe
        bound = {p.number: u.element(p.sort, p.name) for p in action.params}
        needs = {f"{p.name} exists": u.belongs(bound[p.number], p.sort) for p in action.params}
        for g in action.guards:
            needs[g.name] = self._at(g.condition, u.now, bound)
        for w in action.waits:
            e = u.element(w.bound.sort, w.bound.name)
            body = self._at(w.condition, u.now, {**bound, w.bound.number: e})
            needs[f"wait on {w.on}"] = u.forall([(e, w.bound.sort)], lambda _: z3.Not(body))
        return bound, needs

    def initiation(self) -> Iterator[Obligation]:
        for name, goal in self.conjuncts(self.universe.initial).items():
            yield Obligation(None, name, self.background, goal)

    def consecution(self) -> Iterator[Obligation]:
        hypotheses = {**self.background, **self.invariants}
        for action in self.system.actions:
            bound, needs = self.step(action)
            look = self.universe.after(action, bound)
            own = {f"{action.label}: {n}": f for n, f in needs.items()}
            written = {u.variable for u in action.updates}
            for name, goal in self.conjuncts(look).items():
                reads = (
                    {name.removeprefix("sort of ")}
                    if name.startswith("sort of ")
                    else reads_of({**self.claims, **self.theorems}[name])
                )
                if reads & written:
                    yield Obligation(action.label, name, {**hypotheses, **own}, goal)

    # -- freedom from deadlock

    def level(self, owner: z3.ExprRef) -> z3.ExprRef:
        """The number of the level that the owner is on; 0 for none."""
        u, number = self.universe, z3.IntVal(0)
        for height, each in enumerate(reversed(self.argument.levels), 1):
            bound = local(self.owner, "owner")
            here = each.here(State(self.system, None), bound)
            number = z3.If(self._at(here, u.now, {bound.number: owner}), z3.IntVal(height), number)
        return number

    @property
    def owner(self) -> Index:
        assert self.system.finished is not None
        return self.system.finished[0].sort

    def is_finished(self, owner: z3.ExprRef) -> z3.BoolRef:
        bound, formula = self.system.finished
        return self._at(formula, self.universe.now, {bound.number: owner})

    def edges(self) -> Iterator[Obligation]:
        """Whoever waits, waits for an unfinished one on a lower level."""
        u = self.universe
        for action in self.system.actions:
            for wait in action.waits:
                bound = {p.number: u.element(p.sort, p.name) for p in action.params}
                other = u.element(wait.bound.sort, wait.bound.name)
                own = {f"{p.name} exists": u.belongs(bound[p.number], p.sort) for p in action.params}
                own["other exists"] = u.belongs(other, wait.bound.sort)
                for g in action.guards:
                    if g.location:
                        own[g.name] = self._at(g.condition, u.now, bound)
                own["waits"] = self._at(wait.condition, u.now, {**bound, wait.bound.number: other})
                me = bound[action.params[0].number]
                goal = z3.And(z3.Not(self.is_finished(other)), self.level(other) < self.level(me))
                yield Obligation(
                    action.label,
                    f"who waits on {wait.on} waits for a lower level",
                    {**self.background, **self.invariants, **own},
                    goal,
                )

    def progress(self) -> Iterator[Obligation]:
        u = self.universe
        me = u.element(self.owner, "me")
        own = {"me exists": u.belongs(me, self.owner), "unfinished": z3.Not(self.is_finished(me))}
        state = State(self.system, None)
        for mark in self.argument.landmarks:
            first = u.element(mark.index, "first")
            owner, place = local(self.owner, "owner"), Local(Position(mark.index), "place", next(_fresh))
            here = mark.here(state, owner, place)
            at = lambda k: self._at(here, u.now, {owner.number: me, place.number: k})
            facts = [first >= 0, first <= u.size(mark.index)]
            for offset in (0, 1):
                v = first - offset
                facts.append(z3.Implies(z3.And(v >= 0, v < u.size(mark.index)), u.known(mark.index)(v)))
            k = u.element(mark.index, "k")
            least = lambda k: z3.Implies(at(k), z3.And(at(first), first <= k))
            facts.append(u.forall([(k, mark.index)], lambda _: least(k)))
            for d in (*self.system.variables.values(), *self.system.parameters.values()):
                if d.sort == Position(mark.index) and d.indices == (self.owner,):
                    facts.append(least(u.now(d.name, (me,))))
            own[mark.name] = z3.And(facts)
        for d in self.system.variables.values():
            if d.sort == Maybe(self.owner) and d.indices == (self.owner,):
                v = u.now(d.name, (me,))
                own[f"{d.name} of me"] = z3.Implies(v != u.size(self.owner), u.known(self.owner)(v))
        other = u.element(self.owner, "other")
        own["nobody unfinished is lower"] = u.forall(
            [(other, self.owner)],
            lambda _: z3.Or(self.is_finished(other), self.level(other) >= self.level(me)),
        )
        for action in self.system.actions:
            others = [(u.element(p.sort, p.name), p.sort) for p in action.params[1:]]
            bound = {p.number: e for p, (e, _) in zip(action.params[1:], others)}
            bound[action.params[0].number] = me
            parts = [self._at(g.condition, u.now, bound) for g in action.guards]
            waits = []
            for w in action.waits:
                e = u.element(w.bound.sort, w.bound.name)
                body = self._at(w.condition, u.now, {**bound, w.bound.number: e})
                parts.append(u.forall([(e, w.bound.sort)], lambda _: z3.Not(body)))
                here = [self._at(g.condition, u.now, bound) for g in action.guards if g.location]
                own[f"not waiting {w.on} {action.label}"] = u.forall(
                    [*others, (e, w.bound.sort)], lambda _: z3.Not(z3.And(*here, body))
                )
            own[f"no {action.label}"] = u.forall(others, lambda _: z3.Not(z3.And(parts)))
        yield Obligation(
            None,
            "who is unfinished can move, or waits",
            {**self.background, **self.invariants, **own},
            z3.BoolVal(False),
        )


def assigned(system: System) -> Iterator[Claim]:
    """Yield, for each variable of an enum sort, that its value is one that some step assigns."""
    for variable in system.variables.values():
        if isinstance(variable.sort, Enum):
            values = [
                variable.initial,
                *(u.value for a in system.actions for u in a.updates if u.variable == variable.name),
            ]
            constants = sorted(set().union(*map(_constants, values)))
            if len(constants) < len(variable.sort.values):

                def body(s: State, *indices: Expr, variable=variable, constants=constants) -> Expr:
                    cell = Read(variable.sort, variable.name, indices)
                    parts = [cell == Const(variable.sort, c) for c in constants]
                    return functools.reduce(operator.or_, parts)

                yield Claim(
                    f"{variable.name} has one of the values that steps assign", variable.indices, body
                )


def _constants(value: Expr) -> set[int]:
    match value:
        case Const():
            return {value.value}
        case IfThenElse():
            return _constants(value.then) | _constants(value.other)
    return set()


def reads_of(expr: Expr) -> set[str]:
    match expr:
        case Read():
            return {expr.name}.union(*map(reads_of, expr.indices))
        case Param():
            return set().union(*map(reads_of, expr.indices))
        case Not():
            return reads_of(expr.operand)
        case And() | Or() | Eq() | Less() | Add():
            return reads_of(expr.left) | reads_of(expr.right)
        case IfThenElse():
            return reads_of(expr.condition) | reads_of(expr.then) | reads_of(expr.other)
        case Quantified():
            return reads_of(expr.body)
    return set()
