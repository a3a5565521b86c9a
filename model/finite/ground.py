"""Grounding: a model and an instance give a finite list of commands over a vector of small integers.

Quantifiers are unrolled, parameters folded in, and a command whose guard folds to false is dropped.
`domains.narrow` then drops what can never happen. An expression is evaluated once for all places of the text
that say the same (see `shape`), and what a command assigns only when somebody looks.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property, partial

from cowpath.model.finite.instance import Instance, Layout
from cowpath.model.finite.reference import Reference, Vector
from cowpath.model.finite.shape import Placed, Shape, plan, shape
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
    local,
)
from cowpath.model.language.sorts import Index
from cowpath.model.language.system import Action, System

Updates = tuple[tuple[int, Term], ...]


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
    assign: Callable[[], Updates] = field(repr=False, compare=False)

    @property
    def owner(self) -> int:
        """The element that moves or waits."""
        return self.arguments[0]

    @cached_property
    def updates(self) -> Updates:
        """The components that change, ascending, with their new values.

        Raises `ModelError` if two assignments meet in one of them.
        """
        return self.assign()


@dataclass(frozen=True)
class GroundModel:
    """A finite model; properties are by name.

    `starts`: the initial states; more than one where many instances are explored at once (see `instances`).
    `finished[r]` is the term that says owner r is finished, `pending[r]` that it must not stay so for ever
    (constantly false where the system claims no progress), `hangs[r]` that it is in a transfer that never
    completes. `at_rest[r]`: it is finished, or hangs, or waits for one that does, or for one that waits so;
    where nobody can move and all are at rest, nobody is stuck. Of who hangs, or waits so, no progress is
    claimed.
    """

    system: System
    instance: Instance
    layout: Layout
    terms: Terms
    starts: tuple[Vector, ...]
    commands: tuple[Command, ...]
    always: Mapping[str, Term]
    sometimes: Mapping[str, Term]
    finished: tuple[Term, ...]
    pending: tuple[Term, ...]
    hangs: tuple[Term, ...]

    @property
    def can_hang(self) -> bool:
        """Whether some transfer of somebody may never complete."""
        return any(isinstance(term, Node) or term for term in self.hangs)

    @cached_property
    def at_rest(self) -> tuple[Term, ...]:
        """For each owner that nothing is owed to it."""
        return tuple(map(self.terms.disjunction, zip(self.finished, self._held_up, strict=True)))

    @cached_property
    def owed(self) -> tuple[Term, ...]:
        """For each owner that it must not stay where it is for ever."""
        both, negation = self.terms.conjunction, self.terms.negation
        owed = zip(self.pending, self._held_up, strict=True)
        return tuple(both([pending, negation(held)]) for pending, held in owed)

    @cached_property
    def _held_up(self) -> tuple[Term, ...]:
        """For each owner that it hangs, or waits for one that does, directly or not."""
        held, both, either = self.hangs, self.terms.conjunction, self.terms.disjunction
        if not self.can_hang:
            return held
        owners = range(len(held))
        edges = [[(q, self.waits_for(r, q)) for q in owners if q != r] for r in owners]
        for _ in owners[1:]:  # as long as a chain of waits can be
            waiting = [either(both([edge, held[q]]) for q, edge in edges[r]) for r in owners]
            held = tuple(either([hangs, waits]) for hangs, waits in zip(self.hangs, waiting, strict=True))
        return held

    @property
    def initial(self) -> Vector:
        """The initial state, where there is but one."""
        (initial,) = self.starts
        return initial

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

    Raises `ModelError` if the system has no `terminal`.
    """
    return ground_from(system, instance, (Reference(system, instance).initial(),))


def ground_from(system: System, instance: Instance, starts: Sequence[Vector]) -> GroundModel:
    """Return the finite model with the given initial states. Otherwise as `ground`."""
    if system.finished is None:
        raise ModelError(f"{system.name}: terminal is not declared")
    layout = Layout(system, instance)
    grounder = Grounder(instance, layout)
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
        layout,
        grounder.terms,
        tuple(starts),
        tuple(commands),
        claims["always"],
        claims["sometimes"],
        finished,
        of_each(system.pending) if system.pending is not None else (0,) * len(finished),
        _hangs(system, grounder, len(finished)),
    )
    _check_arrivals(model)
    return model


def _hangs(system: System, grounder: Grounder, owners: int) -> tuple[Term, ...]:
    owner = local(system.owners, "owner")
    formula = system.hangs(owner)
    if formula is None:
        return (0,) * owners
    return tuple(grounder.term(formula, {owner.number: i}) for i in range(owners))


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
        beginning = _Beginning(model, owner, commands)
        if beginning.left(model.pending[owner]) == 0:  # also where cases that are grounded together agree
            continue
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
            number: model.starts[0][number]
            for number, cell in enumerate(model.layout.cells)
            if cell.indices[:1] == (owner,)
            and variables[cell.variable].indices[0] == owners
            and len({start[number] for start in model.starts}) == 1
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


class Grounder:
    """Evaluates expressions as far as the instance is known. `terms` makes and keeps what is left."""

    def __init__(self, instance: Instance, layout: Layout) -> None:
        self.instance = instance
        self.layout = layout
        self.terms = Terms()
        self._known: dict[Shape, dict[tuple[int, ...], Term]] = {}
        self._entries = {
            name: dict[tuple[Term, ...], Term](table.items()) for name, table in instance.tables.items()
        }
        for number, cell in enumerate(layout.cells):
            self._entries.setdefault(cell.variable, {})[cell.indices] = self.terms.cell(number)

    def command(self, action: Action, arguments: tuple[int, ...]) -> Command | None:
        """Return the action at these arguments; None if it can never be enabled."""
        text = plan(action)
        parts: list[Term] = []
        for guard in text.guards:
            part = self._placed(guard.placed, arguments)
            if part == 0 and isinstance(part, int):
                return None
            parts.append(part)
        waits = []
        for number, wait in enumerate(text.waits):
            assert wait.other is not None
            for other in range(wait.other.size(self.instance.sizes)):
                condition = self._placed(wait.placed, (*arguments, other))
                if not (isinstance(condition, int) and condition == 0):
                    waits.append(WaitFor(number, other, condition))
        enabled = self.terms.conjunction([*parts, *(self.terms.negation(w.condition) for w in waits)])
        here = self.terms.conjunction(
            part for part, guard in zip(parts, text.guards, strict=True) if guard.location
        )
        assign = partial(self._updates, action, arguments)
        return Command(action, arguments, enabled, here, tuple(waits), assign)

    def term(self, expr: Expr, bound: Mapping[int, int]) -> Term:
        """Return what is left of an expression, with values for its free locals by number."""
        form, locals_ = shape(expr)
        return self._value(form, tuple([bound[number] for number in locals_]))

    def _updates(self, action: Action, arguments: tuple[int, ...]) -> Updates:
        assigned: dict[int, Term] = {}
        for update in plan(action).updates:
            ranges = (range(sort.size(self.instance.sizes)) for sort in update.bound)
            for values in itertools.product(*ranges):
                inner = (*arguments, *values)
                value = self._placed(update.value, inner)
                indices = tuple([self._placed(index, inner) for index in update.indices])
                for cell, condition in self._targets(update.variable, indices):
                    if cell in assigned:
                        raise ModelError(f"action {action.label}: {self.layout.show(cell)} is assigned twice")
                    assigned[cell] = self.terms.choice(condition, value, self.terms.cell(cell))
        return tuple(
            (cell, value) for cell, value in sorted(assigned.items()) if value is not self.terms.cell(cell)
        )

    def _targets(self, variable: str, indices: tuple[Term, ...]) -> Iterable[tuple[int, Term]]:
        """Return the cells an assignment may mean, each with the condition under which it means it."""
        position = self.layout.position
        cell = position.get((variable, indices))  # None: some index is no constant
        if cell is not None:
            return ((cell, 1),)
        declared = self.layout.system.variables[variable].indices
        return (
            (position[variable, values], self.terms.conjunction(map(self.terms.equal, indices, values)))
            for values in itertools.product(*self._ranges(indices, declared))
        )

    def _placed(self, placed: Placed, values: tuple[int, ...]) -> Term:
        """Return the value of a shape whose locals have those of the values that its places say."""
        form, places = placed
        return self._value(form, tuple([values[place] for place in places]))

    def _value(self, form: Shape, values: tuple[int, ...]) -> Term:
        known = self._known.get(form)
        if known is None:
            known = self._known[form] = {}
        found = known.get(values)
        if found is None:
            found = known[values] = self._evaluated(form, values)
        return found

    def _evaluated(self, form: Shape, values: tuple[int, ...]) -> Term:
        terms, kind, parts = self.terms, form.kind, form.parts
        if kind is Local:
            return values[0]
        if kind is Const:
            return int(form.what)
        if kind is Size:
            return self.instance.sizes[form.what]
        if kind is Quantified:
            return self._quantified(form, values)
        if kind is Read or kind is Param:
            return self._look_up(kind, form.what, tuple([self._placed(part, values) for part in parts]))
        first = self._placed(parts[0], values)
        if kind is Not:
            return terms.negation(first)
        if kind is And:
            if isinstance(first, int):
                return self._placed(parts[1], values) if first else 0
            return terms.conjunction([first, self._placed(parts[1], values)])
        if kind is Or:
            if isinstance(first, int):
                return 1 if first else self._placed(parts[1], values)
            return terms.disjunction([first, self._placed(parts[1], values)])
        if kind is IfThenElse:
            if isinstance(first, int):
                return self._placed(parts[1 if first else 2], values)
            return terms.choice(first, self._placed(parts[1], values), self._placed(parts[2], values))
        second = self._placed(parts[1], values)
        if kind is Eq:
            return terms.equal(first, second)
        if kind is Less:
            return terms.less(first, second)
        if kind is Add:
            return terms.total(first, second)
        raise TypeError(f"not an expression: {kind.__name__}")

    def _quantified(self, form: Shape, values: tuple[int, ...]) -> Term:
        what, sort = form.what
        (body,) = form.parts
        bodies = (self._placed(body, (*values, i)) for i in range(sort.size(self.instance.sizes)))
        if what == "exists":
            return self.terms.disjunction(bodies)
        if what == "forall":
            return self.terms.conjunction(bodies)
        return self.terms.counted(bodies)

    def _look_up(self, kind: type[Expr], name: str, indices: tuple[Term, ...]) -> Term:
        """Return the cell or table entry; where an index is not constant, a chain over its values."""
        entries = self._entries[name]
        found = entries.get(indices)  # None: some index is no constant
        if found is None:
            system = self.layout.system
            declared = (system.parameters if kind is Param else system.variables)[name].indices
            *others, last = itertools.product(*self._ranges(indices, declared))
            found = entries[last]
            for values in others:
                same = self.terms.conjunction(map(self.terms.equal, indices, values))
                found = self.terms.choice(same, entries[values], found)
        return found

    def _ranges(self, indices: Sequence[Term], declared: Sequence[Index]) -> Iterable[Iterable[int]]:
        """Yield what each of the indices can be."""
        for term, index in zip(indices, declared, strict=True):
            yield [term] if isinstance(term, int) else self.instance.elements(index)
