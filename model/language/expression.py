"""Expressions: the nodes of the language, with Python's operators to build them.

An expression is never evaluated by Python: `bool()` of one raises. Quantifiers stay nodes; they are
unrolled only when a model is grounded for a finite engine.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields, replace
from typing import Any, NoReturn

from cowpath.model.language.errors import fail
from cowpath.model.language.sorts import (
    BOOL,
    Bool,
    Enum,
    Index,
    Int,
    Maybe,
    Position,
    Sort,
    family,
    is_ordered,
)

_fresh = itertools.count()


@dataclass(frozen=True, eq=False)
class Expr:
    """Base of all nodes. `sort` is what the expression's values belong to."""

    sort: Sort

    def __bool__(self) -> NoReturn:
        fail("the truth value of an expression is not known while the model is recorded: use & | ~ If")

    __hash__ = object.__hash__

    def __and__(self, other: Operand) -> Expr:
        return And(BOOL, _boolean(self), _boolean(other))

    def __rand__(self, other: Operand) -> Expr:
        return And(BOOL, _boolean(other), _boolean(self))

    def __or__(self, other: Operand) -> Expr:
        return Or(BOOL, _boolean(self), _boolean(other))

    def __ror__(self, other: Operand) -> Expr:
        return Or(BOOL, _boolean(other), _boolean(self))

    def __invert__(self) -> Expr:
        return Not(BOOL, _boolean(self))

    # Python's types have `==` give a truth value, and nothing else may stand there without being ignored; of
    # terms it makes the formula, as in z3's own interface.
    def __eq__(self, other: object) -> Expr:  # type: ignore[override]
        return Eq(BOOL, self, _comparable(self, other))

    def __ne__(self, other: object) -> Expr:  # type: ignore[override]
        return Not(BOOL, self == other)

    def __lt__(self, other: Operand) -> Expr:
        return _less(self, _comparable(self, other))

    def __gt__(self, other: Operand) -> Expr:
        return _less(_comparable(self, other), self)

    def __le__(self, other: Operand) -> Expr:
        return Not(BOOL, self > other)

    def __ge__(self, other: Operand) -> Expr:
        return Not(BOOL, self < other)

    def __add__(self, other: Operand) -> Expr:
        if isinstance(self.sort, Index) and self.sort.ordered:
            return Add(Position(self.sort), self, _number(other))
        if isinstance(self.sort, Int | Position):
            return Add(self.sort, self, _number(other))
        fail(f"cannot add to {self.sort}: only bounded integers and ordered indices count")

    def implies(self, other: Operand) -> Expr:
        """Return `~self | other`."""
        return ~self | other


Operand = Expr | bool | int | str


@dataclass(frozen=True, eq=False)
class Const(Expr):
    """A constant, by number."""

    value: int


@dataclass(frozen=True, eq=False)
class Size(Expr):
    """The number of elements of an index sort: "nobody" as a `Maybe`, the end as a `Position`."""

    index: Index


@dataclass(frozen=True, eq=False)
class Local(Expr):
    """An action's parameter or a quantifier's variable; `number` tells namesakes apart."""

    name: str
    number: int


@dataclass(frozen=True, eq=False)
class Param(Expr):
    """A rigid function of the instance (a request's extent, an option), applied."""

    name: str
    indices: tuple[Expr, ...]


@dataclass(frozen=True, eq=False)
class Read(Expr):
    """The current value of a variable at some indices."""

    name: str
    indices: tuple[Expr, ...]


@dataclass(frozen=True, eq=False)
class Not(Expr):
    """Negation."""

    operand: Expr


@dataclass(frozen=True, eq=False)
class And(Expr):
    """Conjunction."""

    left: Expr
    right: Expr


@dataclass(frozen=True, eq=False)
class Or(Expr):
    """Disjunction."""

    left: Expr
    right: Expr


@dataclass(frozen=True, eq=False)
class Eq(Expr):
    """Equality within one family of sorts."""

    left: Expr
    right: Expr


@dataclass(frozen=True, eq=False)
class Less(Expr):
    """Strict order of bounded integers and ordered indices."""

    left: Expr
    right: Expr


@dataclass(frozen=True, eq=False)
class Add(Expr):
    """Sum. Assigning one that leaves the variable's sort is an error of the model, found by every engine."""

    left: Expr
    right: Expr


@dataclass(frozen=True, eq=False)
class IfThenElse(Expr):
    """Choice between two values."""

    condition: Expr
    then: Expr
    other: Expr


@dataclass(frozen=True, eq=False)
class Quantified(Expr):
    """`exists`, `forall` or `count` (how many) over the elements of an index sort."""

    kind: str
    bound: Local
    body: Expr


def local(index: Index, name: str) -> Local:
    """Return a fresh bound variable."""
    return Local(index, name, next(_fresh))


def index_of(bound: Local) -> Index:
    """Return the index sort that an action's parameter or a quantifier's variable ranges over."""
    assert isinstance(bound.sort, Index)
    return bound.sort


def constant(enum: Enum, name: str) -> Expr:
    """Return an enum's value by name, for places that do not show the sort."""
    return coerce(name, enum)


def nobody(index: Index) -> Expr:
    """Return the value of `Maybe(index)` that is no element."""
    return Size(Maybe(index), index)


def exists(index: Index, body: Callable[[Expr], Operand]) -> Expr:
    """Return whether some element satisfies the body."""
    return _quantify("exists", index, body)


def forall(index: Index, body: Callable[[Expr], Operand]) -> Expr:
    """Return whether every element satisfies the body."""
    return _quantify("forall", index, body)


def count(index: Index, body: Callable[[Expr], Operand], high: int) -> Expr:
    """Return how many elements satisfy the body, as a bounded integer 0 .. high."""
    inner = _quantify("count", index, body)
    return Quantified(Int(high), "count", inner.bound, inner.body)


def If(condition: Expr, then: Operand, other: Operand) -> Expr:
    """Return `then` where the condition holds and `other` elsewhere."""
    if isinstance(then, Expr):
        return IfThenElse(_join(then, other), _boolean(condition), then, _comparable(then, other))
    if isinstance(other, Expr):
        return IfThenElse(_join(other, then), _boolean(condition), _comparable(other, then), other)
    if isinstance(then, bool) and isinstance(other, bool):
        return IfThenElse(BOOL, _boolean(condition), _boolean(then), _boolean(other))
    fail("If needs an expression in one of its branches, to know the sort of the other")


def coerce(value: object, sort: Sort) -> Expr:
    """Return the value as an expression that may be stored where `sort` is declared."""
    if isinstance(value, Expr):
        if _fits(value.sort, sort):
            return value
        fail(f"wrong sort: {value.sort} given, {sort} wanted")
    if isinstance(value, bool) and isinstance(sort, Bool):
        return Const(BOOL, int(value))
    if isinstance(value, str) and isinstance(sort, Enum):
        if value not in sort.values:
            fail(f"{sort} has no value '{value}'; it has: {', '.join(sort.values)}")
        return Const(sort, sort.values.index(value))
    if isinstance(value, int) and not isinstance(value, bool) and isinstance(sort, Int | Position):
        if value < 0 or (isinstance(sort, Int) and value > sort.high):
            fail(f"{value} is outside {sort}")
        return Const(sort, value)
    fail(f"wrong sort: {value!r} given, {sort} wanted")


def parts(expr: Expr) -> tuple[Expr, ...]:
    """Return the expressions of which the expression is built."""
    match expr:
        case Read() | Param():
            return expr.indices
        case Not():
            return (expr.operand,)
        case And() | Or() | Eq() | Less() | Add():
            return (expr.left, expr.right)
        case IfThenElse():
            return (expr.condition, expr.then, expr.other)
        case Quantified():
            return (expr.body,)
    return ()


def replaced(expr: Expr, by: Mapping[int, Expr]) -> Expr:
    """Return the expression with others for some of its free locals."""
    if isinstance(expr, Local):
        return by.get(expr.number, expr)
    changes: dict[str, Any] = {}
    for field in fields(expr):
        value = getattr(expr, field.name)
        if isinstance(value, Expr):
            changes[field.name] = replaced(value, by)
        elif field.name == "indices":
            changes[field.name] = tuple(replaced(index, by) for index in value)
    return replace(expr, **changes)


def _fits(given: Sort, wanted: Sort) -> bool:
    if isinstance(wanted, Maybe | Position):
        return family(given) == wanted.index
    if isinstance(wanted, Int):
        return isinstance(given, Int)
    return given == wanted


def _quantify(kind: str, index: Index, body: Callable[[Expr], Operand]) -> Quantified:
    bound = local(index, body.__code__.co_varnames[0])
    return Quantified(BOOL, kind, bound, _boolean(body(bound)))


def _boolean(value: object) -> Expr:
    return coerce(value, BOOL)


def _number(value: object) -> Expr:
    if isinstance(value, int) and not isinstance(value, bool) and value >= 0:
        return Const(Int(value), value)
    if isinstance(value, Expr) and isinstance(value.sort, Int):
        return value
    fail(f"{value!r} is not a number that can be added")


def _comparable(expr: Expr, other: object) -> Expr:
    if not isinstance(other, Expr):
        return coerce(other, expr.sort)
    if family(expr.sort) != family(other.sort):
        fail(f"wrong sort: {other.sort} does not go with {expr.sort}")
    return other


def _less(left: Expr, right: Expr) -> Expr:
    for side in (left, right):
        if not is_ordered(side.sort):
            fail(f"{side.sort} is unordered: its values cannot be compared with < or >")
    return Less(BOOL, left, right)


def _join(expr: Expr, other: Operand) -> Sort:
    """Return the wider of the two branches' sorts: Maybe(X) or Position(X) over X, the larger integer."""
    if not isinstance(other, Expr) or expr.sort == other.sort:
        return expr.sort
    for one, two in ((expr.sort, other.sort), (other.sort, expr.sort)):
        if isinstance(one, Maybe | Position) and _fits(two, one):
            return one
    if isinstance(expr.sort, Int) and isinstance(other.sort, Int):
        return max(expr.sort, other.sort, key=lambda sort: sort.high)
    fail(f"wrong sort: the branches of If are {expr.sort} and {other.sort}")
