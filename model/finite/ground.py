"""Grounding: a model and an instance give a finite list of commands over a vector of small integers.

Quantifiers are unrolled, parameters folded in, and a command whose guard folds to false is dropped.
`domains.narrow` then drops what can never happen.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from cowpath.model.finite.instance import Instance, Layout
from cowpath.model.finite.reference import Reference, Vector
from cowpath.model.finite.term import Node, Term, Terms
from cowpath.model.language.errors import ModelError
from cowpath.model.language.expression import (
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
    Size,
)
from cowpath.model.language.sorts import Index
from cowpath.model.language.system import Action, System

Bindings = Mapping[int, int]


@dataclass(frozen=True)
class WaitFor:
    """The owner waits for `other` (an element of the waited-on index) while the condition holds."""

    number: int
    other: int
    condition: Term


@dataclass(frozen=True)
class Command:
    """One action at given arguments.

    `here`: its owner has come to this point of its program. `enabled`: all guards hold, none is waited for.
    """

    action: Action
    arguments: tuple[int, ...]
    enabled: Term
    here: Term
    waits: tuple[WaitFor, ...]
    updates: tuple[tuple[int, Term], ...]

    @property
    def owner(self) -> int:
        """The element that moves or waits."""
        return self.arguments[0]


@dataclass(frozen=True)
class GroundModel:
    """A finite model; properties are by name.

    `finished[r]` is the term that says owner r is finished, `pending[r]` that it must not stay so for ever
    (constantly false where the system claims no progress).
    """

    system: System
    instance: Instance
    layout: Layout
    terms: Terms
    initial: Vector
    commands: tuple[Command, ...]
    always: Mapping[str, Term]
    sometimes: Mapping[str, Term]
    finished: tuple[Term, ...]
    pending: tuple[Term, ...]

    def counters(self, owner: int) -> tuple[int, ...]:
        """Return the components that say where the owner is: of its program, then of others it has."""
        programs = (p for p in self.system.programs.values() if p.owner == self.system.owners)
        return tuple(self.layout.position[program.variable, (owner,)] for program in programs)

    def waits_for(self, owner: int, other: int) -> Term:
        """Return the condition under which the owner has come to a wait that `other` keeps closed."""
        return self.terms.disjunction(
            self.terms.conjunction([command.here, wait.condition])
            for command in self.commands
            if command.owner == owner
            for wait in command.waits
            if wait.other == other
        )


def ground(system: System, instance: Instance) -> GroundModel:
    """Return the finite model of the system on the instance.

    Raises `ModelError` if the system has no `terminal`, or two assignments of one step meet in one cell.
    """
    if system.finished is None:
        raise ModelError(f"{system.name}: terminal is not declared")
    reference = Reference(system, instance)
    grounder = _Grounder(instance, reference.layout)
    commands = []
    for action in system.actions:
        for arguments in itertools.product(*(range(p.sort.size(instance.sizes)) for p in action.params)):
            command = grounder.command(action, arguments)
            if command is not None:
                commands.append(command)
    claims: dict[str, dict[str, Term]] = {"always": {}, "sometimes": {}}
    for prop in system.properties:
        claims[prop.kind][prop.name] = grounder.term(prop.formula, {})

    def of_each(claim: tuple[Local, Expr]) -> tuple[Term, ...]:
        owner, formula = claim
        return tuple(
            grounder.term(formula, {owner.number: i}) for i in range(owner.sort.size(instance.sizes))
        )

    finished = of_each(system.finished)
    model = GroundModel(
        system,
        instance,
        reference.layout,
        grounder.terms,
        reference.initial(),
        tuple(commands),
        claims["always"],
        claims["sometimes"],
        finished,
        of_each(system.pending) if system.pending is not None else (0,) * len(finished),
    )
    _check_arrivals(model)
    return model


def _check_arrivals(model: GroundModel) -> None:
    """Raise `ModelError` where an owner would wait without having arrived, so that `progress` overlooks it.

    An owner at the start of its program is not pending: it may stay there for ever. If an action makes it
    wait there, another one must take it, without a wait, to a place where it waits.
    """
    start = model.system.program_of(model.system.owners)
    if start is None or model.system.pending is None:
        return
    by_owner: dict[int, list[Command]] = {}
    for command in model.commands:
        by_owner.setdefault(command.owner, []).append(command)
    for owner, commands in by_owner.items():
        if model.pending[owner] == 0:
            continue
        beginning = _Beginning(model, owner, commands)
        waiting = [command for command in commands if beginning.waits(command)]
        if waiting and not any(map(beginning.arrives, commands)):
            wait = waiting[0].action.waits[waiting[0].waits[0].number]
            raise ModelError(
                f"action {waiting[0].action.label}: waits on {wait.on} at '{start.start}', where nobody has "
                "arrived yet, so `progress` would not see it; let an action without a wait lead to a place "
                "where it waits"
            )


class _Beginning:
    """What an owner can do while all that is its own is as in the beginning."""

    def __init__(self, model: GroundModel, owner: int, commands: Sequence[Command]) -> None:
        variables, owners = model.system.variables, model.system.owners
        self.model = model
        self.waiting = [command.here for command in commands if command.waits]
        self.waits_at: dict[int, bool] = {}
        self.values = {
            number: model.initial[number]
            for number, cell in enumerate(model.layout.cells)
            if cell.indices[:1] == (owner,) and variables[cell.variable].indices[0] == owners
        }
        self.known: dict[Term, Term] = {}

    def waits(self, command: Command) -> bool:
        """Tell whether the owner may have come to a wait of the command."""
        if not command.waits or self.left(command.here) == 0:
            return False
        return any(self.left(wait.condition) != 0 for wait in command.waits)

    def arrives(self, command: Command) -> bool:
        """Tell whether the command takes the owner, without a wait, to a place where it waits."""
        (cell, *_) = self.model.counters(command.owner)
        place = dict(command.updates).get(cell)
        if command.waits or not isinstance(place, int) or self.left(command.here) == 0:
            return False
        if place not in self.waits_at:
            terms = self.model.terms
            self.waits_at[place] = any(given(terms, here, cell, place) != 0 for here in self.waiting)
        return self.waits_at[place]

    def left(self, term: Term) -> Term:
        """Return what is left of the term."""
        if isinstance(term, int):
            return term
        if term.kind == "cell":
            (cell,) = term.arguments
            return self.values.get(cell, term) if isinstance(cell, int) else term
        if term not in self.known:
            arguments = tuple(self.left(argument) for argument in term.arguments)
            self.known[term] = self.model.terms.rebuild(term, arguments)
        return self.known[term]


def given(terms: Terms, term: Term, cell: int | None, value: int) -> Term:
    """Return the term where the cell (if any) has the value."""
    if isinstance(term, int) or cell is None:
        return term
    if term.kind == "cell":
        return value if term.arguments[0] == cell else term
    return terms.rebuild(term, tuple(given(terms, argument, cell, value) for argument in term.arguments))


class _Grounder:
    def __init__(self, instance: Instance, layout: Layout) -> None:
        self.instance = instance
        self.layout = layout
        self.terms = Terms()
        self.entries = {
            name: dict[tuple[Term, ...], Term](table.items()) for name, table in instance.tables.items()
        }
        for (name, indices), number in layout.position.items():
            self.entries.setdefault(name, {})[indices] = self.terms.cell(number)

    def command(self, action: Action, arguments: tuple[int, ...]) -> Command | None:
        bound = dict(zip((p.number for p in action.params), arguments, strict=True))
        parts: list[Term] = []
        for guard in action.guards:
            part = self.term(guard.condition, bound)
            if part == 0 and isinstance(part, int):
                return None
            parts.append(part)
        waits = []
        for number, wait in enumerate(action.waits):
            for other in range(wait.bound.sort.size(self.instance.sizes)):
                condition = self.term(wait.condition, {**bound, wait.bound.number: other})
                if not (isinstance(condition, int) and condition == 0):
                    waits.append(WaitFor(number, other, condition))
        enabled = self.terms.conjunction([*parts, *(self.terms.negation(w.condition) for w in waits)])
        at = (p for p, guard in zip(parts, action.guards, strict=True) if guard.location)
        here = self.terms.conjunction(at)
        return Command(action, arguments, enabled, here, tuple(waits), self.updates(action, bound))

    def updates(self, action: Action, bound: Bindings) -> tuple[tuple[int, Term], ...]:
        assigned: dict[int, Term] = {}
        for update in action.updates:
            ranges = (range(b.sort.size(self.instance.sizes)) for b in update.bound)
            for values in itertools.product(*ranges):
                inner = {**bound, **dict(zip((b.number for b in update.bound), values, strict=True))}
                value = self.term(update.value, inner)
                indices = [self.term(i, inner) for i in update.indices]
                for cell, condition in self.targets(update.variable, indices):
                    if cell in assigned:
                        raise ModelError(f"action {action.label}: {self.layout.show(cell)} is assigned twice")
                    assigned[cell] = self.terms.choice(condition, value, self.terms.cell(cell))
        return tuple(
            (cell, value) for cell, value in sorted(assigned.items()) if value is not self.terms.cell(cell)
        )

    def targets(self, variable: str, indices: list[Term]) -> Iterable[tuple[int, Term]]:
        """Yield the cells an assignment may mean, each with the condition under which it means it."""
        declared = self.layout.system.variables[variable].indices
        for values in itertools.product(*self.ranges(indices, declared)):
            same = self.terms.conjunction(map(self.terms.equal, indices, values))
            yield self.layout.position[variable, values], same

    def term(self, expr: Expr, bound: Bindings) -> Term:
        terms = self.terms
        match expr:
            case Local():
                return bound[expr.number]
            case Param() | Read():
                return self.look_up(expr, bound)
            case Const():
                return expr.value
            case Not():
                return terms.negation(self.term(expr.operand, bound))
            case And():
                left = self.term(expr.left, bound)
                if isinstance(left, int):
                    return self.term(expr.right, bound) if left else 0
                return terms.conjunction([left, self.term(expr.right, bound)])
            case Or():
                left = self.term(expr.left, bound)
                if isinstance(left, int):
                    return 1 if left else self.term(expr.right, bound)
                return terms.disjunction([left, self.term(expr.right, bound)])
            case Eq():
                return terms.equal(self.term(expr.left, bound), self.term(expr.right, bound))
            case Less():
                return terms.less(self.term(expr.left, bound), self.term(expr.right, bound))
            case Add():
                return terms.total(self.term(expr.left, bound), self.term(expr.right, bound))
            case IfThenElse():
                condition = self.term(expr.condition, bound)
                if isinstance(condition, int):
                    return self.term(expr.then if condition else expr.other, bound)
                return terms.choice(condition, self.term(expr.then, bound), self.term(expr.other, bound))
            case Size():
                return self.instance.sizes[expr.index.name]
            case Quantified():
                bodies = (
                    self.term(expr.body, {**bound, expr.bound.number: i})
                    for i in range(expr.bound.sort.size(self.instance.sizes))
                )
                if expr.kind == "exists":
                    return terms.disjunction(bodies)
                if expr.kind == "forall":
                    return terms.conjunction(bodies)
                return terms.counted(bodies)
        raise TypeError(f"not an expression: {expr!r}")

    def look_up(self, expr: Param | Read, bound: Bindings) -> Term:
        """Return the cell or table entry; where an index is not constant, a chain over its values."""
        entries = self.entries[expr.name]
        indices = tuple([self.term(i, bound) for i in expr.indices])
        found = entries.get(indices)  # None: some index is no constant
        if found is None:
            system = self.layout.system
            declared = (system.parameters if isinstance(expr, Param) else system.variables)[expr.name].indices
            *others, last = itertools.product(*self.ranges(indices, declared))
            found = entries[last]
            for values in others:
                same = self.terms.conjunction(map(self.terms.equal, indices, values))
                found = self.terms.choice(same, entries[values], found)
        return found

    def ranges(self, indices: Sequence[Term], declared: Sequence[Index]) -> Iterable[Iterable[int]]:
        """Return what each of the indices can be."""
        for term, index in zip(indices, declared, strict=True):
            yield [term] if isinstance(term, int) else self.instance.elements(index)


def constant(term: Term) -> int | None:
    """Return the term's value if it is a constant."""
    return None if isinstance(term, Node) else term
