"""Which part of a formula makes it false, and the values that do: found by walking it in the reference."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from cowpath.model.finite.reference import Bindings, Reference, Vector
from cowpath.model.language.expression import (
    Add,
    And,
    Const,
    Eq,
    Expr,
    IfThenElse,
    Less,
    Not,
    Or,
    Param,
    Quantified,
    Read,
    parts,
)
from cowpath.model.language.sorts import BOOL
from cowpath.model.trace.wording import Wording


@dataclass(frozen=True)
class Fact:
    """A component of the state, or a parameter of the instance, with its value; `says` is all that."""

    variable: str
    indices: tuple[str, ...]
    value: str
    says: str

    def __str__(self) -> str:
        return self.says


def failed(reference: Reference, formula: Expr, state: Vector) -> tuple[str, tuple[Fact, ...]]:
    """Return the smallest part of a false formula that is false by itself, in words, and its facts.

    Conjunctions and universal quantifiers are gone down into, to the first conjunct or element that fails.
    """
    walk = _Walk(reference, state)
    part, bound = walk.part(formula, {}, False)
    return Wording(reference, state).words(part, bound), tuple(dict.fromkeys(walk.facts(part, bound)))


class _Walk:
    """A formula in one state of the reference."""

    def __init__(self, reference: Reference, state: Vector) -> None:
        self.reference = reference
        self.state = state

    def value(self, expr: Expr, bound: Bindings) -> int:
        return self.reference.value(expr, self.state, bound)

    def witness(self, expr: Quantified, bound: Bindings, wanted: int) -> Bindings | None:
        """Return bindings for the first element whose body has the wanted value."""
        return next((each for each in self.every(expr, bound) if self.value(expr.body, each) == wanted), None)

    def part(self, expr: Expr, bound: Bindings, truth: bool) -> tuple[Expr, Bindings]:
        """Return the part that gives the formula its truth value, where one part alone does."""
        match expr:
            case Or() if not truth and (subject := _subject(expr)) is not None:
                what_it_is = Const(subject.sort, self.value(subject, bound))
                return Not(BOOL, Eq(BOOL, subject, what_it_is)), bound
            case And() | Or() if isinstance(expr, Or) == truth:
                side = expr.left if bool(self.value(expr.left, bound)) == truth else expr.right
                return self.part(side, bound, truth)
            case And() | Or():  # both sides are needed; of each, what decides it
                left, of_left = self.part(expr.left, bound, truth)
                right, of_right = self.part(expr.right, bound, truth)
                if all(of_left.get(number, element) == element for number, element in of_right.items()):
                    return type(expr)(BOOL, left, right), {**of_left, **of_right}
            case Quantified() if expr.kind == ("exists" if truth else "forall"):
                inner = self.witness(expr, bound, int(truth))
                assert inner is not None
                return self.part(expr.body, inner, truth)
            case Quantified() if expr.kind != "count":
                body = self.narrowed(expr.body, self.every(expr, bound), truth)
                return replace(expr, body=body), bound
            case Not():
                inner_part, inner = self.part(expr.operand, bound, not truth)
                return Not(BOOL, inner_part), inner
        return expr, bound

    def every(self, expr: Quantified, bound: Bindings) -> list[Bindings]:
        """Return the bindings of all elements."""
        size = expr.bound.sort.size(self.reference.instance.sizes)
        return [{**bound, expr.bound.number: i} for i in range(size)]

    def narrowed(self, expr: Expr, every: list[Bindings], truth: bool) -> Expr:
        """Return the part that gives the formula its truth value for all of the bindings."""
        match expr:
            case And() | Or() if isinstance(expr, Or) == truth:
                for side in (expr.left, expr.right):
                    if all(bool(self.value(side, each)) == truth for each in every):
                        return self.narrowed(side, every, truth)
            case Not():
                return Not(BOOL, self.narrowed(expr.operand, every, not truth))
        return expr

    def facts(self, expr: Expr, bound: Bindings) -> Iterator[Fact]:
        """Yield the components and parameters that decide the value."""
        match expr:
            case And() | Or():
                decisive = isinstance(expr, Or)
                sides = (expr.left, expr.right)
                deciding = [side for side in sides if bool(self.value(side, bound)) == decisive]
                for side in deciding[:1] or sides:
                    yield from self.facts(side, bound)
            case Quantified():
                inner = self.witness(expr, bound, int(expr.kind == "exists"))
                of_all = inner is None or expr.kind == "count"
                for each in self.every(expr, bound) if of_all else [inner or {}]:
                    yield from self.facts(expr.body, each)
            case Not():
                yield from self.facts(expr.operand, bound)
            case Eq() | Less() | Add():
                yield from self.facts(expr.left, bound)
                yield from self.facts(expr.right, bound)
            case IfThenElse():
                yield from self.facts(expr.condition, bound)
                yield from self.facts(expr.then if self.value(expr.condition, bound) else expr.other, bound)
            case Read() | Param():
                yield self.fact(expr, bound)

    def fact(self, expr: Read | Param, bound: Bindings) -> Fact:
        wording = Wording(self.reference, self.state)
        indices = tuple(wording.value(i, bound) for i in expr.indices)
        return Fact(expr.name, indices, wording.value(expr, bound), wording.statement(expr, bound))


def _subject(expr: Or) -> Expr | None:
    """Return what is said to be one thing or another; None if different things are said."""
    sides = list(parts(expr))
    said = []
    while sides:
        side = sides.pop()
        if isinstance(side, Or):
            sides += parts(side)
        elif isinstance(side, Eq) and isinstance(side.right, Const):
            said.append(side.left)
        else:
            return None
    return said[0] if len({repr(each) for each in said}) == 1 else None
