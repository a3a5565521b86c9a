"""Expressions up to the names of their locals, each once: what grounding evaluates, and remembers.

In a shape the free locals are numbered in the order in which they first occur. Equal shapes are one object,
so the 3,000 nodes of a design are some 400 shapes, and most of these are shapes of the other designs, too.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from weakref import WeakValueDictionary, ref

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
from cowpath.model.language.sorts import Sort
from cowpath.model.language.system import Action


class Shape:
    """A node of an expression. `what`: its constant, name or quantifier; `parts`: what is inside.

    A quantifier's bound local has in its body the number after the free ones of the quantifier.
    """

    __slots__ = ("__weakref__", "kind", "parts", "what")

    def __init__(self, kind: type[Expr], what: Any, parts: tuple[Placed, ...]) -> None:
        self.kind, self.what, self.parts = kind, what, parts


Placed = tuple[Shape, tuple[int, ...]]
"""A shape inside something, and the numbers that its free locals have there."""

_known: WeakValueDictionary[tuple[type[Expr], Any, tuple[Placed, ...]], Shape] = WeakValueDictionary()


def shape(expr: Expr) -> Placed:
    """Return the expression's shape and its free locals' own numbers, in the shape's order."""
    kind = type(expr)
    match expr:
        case Local():
            return _kept(kind, None, ()), (expr.number,)
        case Const():
            return _kept(kind, expr.value, ()), ()
        case Size():
            return _kept(kind, expr.index.name, ()), ()
        case Param() | Read():
            return _made(kind, expr.name, expr.indices)
        case Not():
            return _made(kind, None, (expr.operand,))
        case IfThenElse():
            return _made(kind, None, (expr.condition, expr.then, expr.other))
        case Quantified():
            return _made(kind, (expr.kind, expr.bound.sort), (expr.body,), expr.bound.number)
        case And() | Or() | Eq() | Less() | Add():
            return _made(kind, None, (expr.left, expr.right))
    raise TypeError(f"not an expression: {expr!r}")


def _made(kind: type[Expr], what: Any, inner: tuple[Expr, ...], bound: int | None = None) -> Placed:
    below = [shape(part) for part in inner]
    order: dict[int, int] = {}
    for _, locals_ in below:
        for number in locals_:
            if number != bound:
                order.setdefault(number, len(order))
    free = tuple(order)
    if bound is not None:
        order[bound] = len(free)
    return _kept(kind, what, tuple((part, tuple([order[n] for n in ls])) for part, ls in below)), free


def _kept(kind: type[Expr], what: Any, parts: tuple[Placed, ...]) -> Shape:
    key = (kind, what, parts)
    found = _known.get(key)
    if found is None:
        found = _known[key] = Shape(kind, what, parts)
    return found


@dataclass(frozen=True)
class Condition:
    """A guard or a wait; the locals are the action's parameters by place, then the one waited for."""

    placed: Placed
    location: bool
    other: Sort | None


@dataclass(frozen=True)
class Assignment:
    """An update; after the action's parameters come the locals that it is done for all values of."""

    variable: str
    bound: tuple[Sort, ...]
    indices: tuple[Placed, ...]
    value: Placed


class Plan:
    """An action's text as shapes. Updates are looked at when they are asked for: many never happen."""

    def __init__(self, action: Action) -> None:
        self._action = ref(action)
        self._places = {p.number: place for place, p in enumerate(action.params)}
        self.guards = [Condition(_placed(g.condition, self._places), g.location, None) for g in action.guards]
        self.waits = [
            Condition(
                _placed(w.condition, self._places | {w.bound.number: len(action.params)}),
                False,
                w.bound.sort,
            )
            for w in action.waits
        ]
        self._updates: list[Assignment] | None = None

    @property
    def updates(self) -> list[Assignment]:
        """What the action assigns."""
        if self._updates is None:
            self._updates = []
            action = self._action()
            assert action is not None
            for update in action.updates:
                order = dict(self._places)
                for local in update.bound:
                    order[local.number] = len(order)
                self._updates.append(
                    Assignment(
                        update.variable,
                        tuple(local.sort for local in update.bound),
                        tuple(_placed(index, order) for index in update.indices),
                        _placed(update.value, order),
                    )
                )
        return self._updates


def _placed(expr: Expr, order: Mapping[int, int]) -> Placed:
    found, locals_ = shape(expr)
    return found, tuple(order[number] for number in locals_)


_plans: dict[int, tuple[ref[Action], Plan]] = {}  # by the actions' ids, as long as they live


def plan(action: Action) -> Plan:
    """Return the action's plan, made once."""
    found = _plans.get(id(action))
    if found is None:
        number = id(action)
        found = _plans[number] = ref(action, lambda _: _plans.pop(number, None)), Plan(action)
    return found[1]
