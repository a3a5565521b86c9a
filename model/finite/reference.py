"""The reference semantics: the model's text evaluated as it stands, one node at a time.

Slow and plain on purpose. It shares nothing with grounding, code generation or packing, so that what those
say can be checked against it: every trace is replayed here before it is shown.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from cowpath.model.finite.instance import Instance, Layout
from cowpath.model.language.errors import InputError
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
from cowpath.model.language.system import Action, System

Vector = tuple[int, ...]
Bindings = Mapping[int, int]


class OutOfRange(InputError):
    """A step assigned a value outside its variable's sort: the model's text is wrong."""


@dataclass(frozen=True)
class Step:
    """An action at given arguments, and the state it leads to."""

    action: Action
    arguments: tuple[int, ...]
    after: Vector


class Reference:
    """Evaluates a system's text on an instance, state by state."""

    def __init__(self, system: System, instance: Instance) -> None:
        self.system = system
        self.instance = instance
        self.layout = Layout(system, instance)

    def value(self, expr: Expr, state: Vector, bound: Bindings) -> int:
        """Evaluate an expression in a state, with values for its free locals by number."""
        match expr:
            case Const():
                return expr.value
            case Size():
                return self.instance.sizes[expr.index.name]
            case Local():
                return bound[expr.number]
            case Param():
                indices = tuple(self.value(i, state, bound) for i in expr.indices)
                told = self.instance.tables[expr.name].get(indices)
                if told is None:
                    raise OutOfRange(f"{expr.name} is read at {indices}, where it has no value")
                return told
            case Read():
                indices = tuple(self.value(i, state, bound) for i in expr.indices)
                position = self.layout.position.get((expr.name, indices))
                if position is None:
                    raise OutOfRange(f"{expr.name} is read at {indices}, where it has no cell")
                return state[position]
            case Not():
                return 1 - self.value(expr.operand, state, bound)
            case And():
                return self.value(expr.left, state, bound) and self.value(expr.right, state, bound)
            case Or():
                return self.value(expr.left, state, bound) or self.value(expr.right, state, bound)
            case Eq():
                return int(self.value(expr.left, state, bound) == self.value(expr.right, state, bound))
            case Less():
                return int(self.value(expr.left, state, bound) < self.value(expr.right, state, bound))
            case Add():
                return self.value(expr.left, state, bound) + self.value(expr.right, state, bound)
            case IfThenElse():
                branch = expr.then if self.value(expr.condition, state, bound) else expr.other
                return self.value(branch, state, bound)
            case Quantified():
                index = expr.bound.sort
                values = [
                    self.value(expr.body, state, {**bound, expr.bound.number: i})
                    for i in range(index.size(self.instance.sizes))
                ]
                if expr.kind == "count":
                    return sum(values)
                return int(any(values) if expr.kind == "exists" else all(values))
        raise TypeError(f"not an expression: {expr!r}")

    def live(self, name: str) -> frozenset[int]:
        """Return the owners of whom the property claims progress, which the instance alone says."""
        owner, formula = self.system.live[name]
        owners = range(owner.sort.size(self.instance.sizes))
        return frozenset(r for r in owners if self.value(formula, (), {owner.number: r}))

    def initial(self) -> Vector:
        """Return the initial state."""
        return tuple(
            self.value(
                self.system.variables[cell.variable].initial,
                (),
                dict(
                    zip(
                        (b.number for b in self.system.variables[cell.variable].bound),
                        cell.indices,
                        strict=True,
                    )
                ),
            )
            for cell in self.layout.cells
        )

    def enabled(self, action: Action, arguments: tuple[int, ...], state: Vector) -> bool:
        """Tell whether the action may happen."""
        bound = self.bind(action, arguments)
        return all(self.value(guard.condition, state, bound) for guard in action.guards) and not any(
            True for _ in self.waits(action, arguments, state)
        )

    def waits(self, action: Action, arguments: tuple[int, ...], state: Vector) -> Iterator[tuple[int, int]]:
        """Yield (which wait of the action, whom it waits for), whatever the guards say."""
        bound = self.bind(action, arguments)
        for number, wait in enumerate(action.waits):
            for i in range(wait.bound.sort.size(self.instance.sizes)):
                if self.value(wait.condition, state, {**bound, wait.bound.number: i}):
                    yield number, i

    def apply(self, action: Action, arguments: tuple[int, ...], state: Vector) -> Vector:
        """Return the state after the action; raises `OutOfRange` if a value leaves its sort."""
        after = list(state)
        for update in action.updates:
            for values in self._values(update.bound):
                bound = {
                    **self.bind(action, arguments),
                    **dict(zip((b.number for b in update.bound), values, strict=True)),
                }
                indices = tuple(self.value(i, state, bound) for i in update.indices)
                position = self.layout.position[update.variable, indices]
                after[position] = self.value(update.value, state, bound)
                if not 0 <= after[position] < self.layout.sizes[position]:
                    raise OutOfRange(f"{action.label} sets {self.layout.show(position)} to {after[position]}")
        return tuple(after)

    def steps(self, state: Vector) -> Iterator[Step]:
        """Yield every enabled action with the state it leads to."""
        for action in self.system.actions:
            for arguments in self.arguments(action):
                if self.enabled(action, arguments, state):
                    yield Step(action, arguments, self.apply(action, arguments, state))

    def can_move(self, owner: int, state: Vector) -> bool:
        """Tell whether some action of the owner is enabled."""
        return any(
            self.enabled(action, (owner, *others), state)
            for action in self.system.actions
            for others in self._values(action.params[1:])
        )

    def unfinished(self, state: Vector) -> list[int]:
        """Return the owners that are not finished."""
        assert self.system.finished is not None
        owner, formula = self.system.finished
        owners = range(owner.sort.size(self.instance.sizes))
        return [r for r in owners if not self.value(formula, state, {owner.number: r})]

    def hanging(self, state: Vector) -> list[int]:
        """Return the owners that are in a transfer that never completes."""
        owner = local(self.system.owners, "owner")
        formula = self.system.hangs(owner)
        if formula is None:
            return []
        owners = range(owner.sort.size(self.instance.sizes))
        return [r for r in owners if self.value(formula, state, {owner.number: r})]

    def arguments(self, action: Action) -> Iterator[tuple[int, ...]]:
        """Yield all combinations of values of the action's parameters."""
        return self._values(action.params)

    def _values(self, locals_: Sequence[Local]) -> Iterator[tuple[int, ...]]:
        return itertools.product(*(range(each.sort.size(self.instance.sizes)) for each in locals_))

    def bind(self, action: Action, arguments: tuple[int, ...]) -> Bindings:
        """Return the values of the action's parameters, by their numbers."""
        return dict(zip((p.number for p in action.params), arguments, strict=True))
