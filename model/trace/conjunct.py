"""Which part of a formula makes it false, and the values that do: found by walking it in the reference."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from cowpath.model.finite.reference import Bindings, Reference, Vector
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
from cowpath.model.language.sorts import BOOL


@dataclass(frozen=True)
class Fact:
    """A component of the state, or a parameter of the instance, with its value, in words."""

    variable: str
    indices: tuple[str, ...]
    value: str

    def __str__(self) -> str:
        return " ".join([self.variable.replace("_", " "), *self.indices])


def failed(reference: Reference, formula: Expr, state: Vector) -> tuple[str, tuple[Fact, ...]]:
    """Return the smallest part of a false formula that is false by itself, in words, and its facts.

    Conjunctions and universal quantifiers are gone down into, to the first conjunct or element that fails.
    """
    walk = _Walk(reference, state)
    part, bound = walk.part(formula, {}, False)
    return walk.words(part, bound), tuple(dict.fromkeys(walk.facts(part, bound)))


class _Walk:
    """A formula in one state of the reference."""

    def __init__(self, reference: Reference, state: Vector) -> None:
        self.reference = reference
        self.state = state

    def value(self, expr: Expr, bound: Bindings) -> int:
        return self.reference.value(expr, self.state, bound)

    def witness(self, expr: Quantified, bound: Bindings, wanted: int) -> Bindings | None:
        """Return bindings for the first element whose body has the wanted value."""
        for i in range(expr.bound.sort.size(self.reference.instance.sizes)):
            inner = {**bound, expr.bound.number: i}
            if self.value(expr.body, inner) == wanted:
                return inner
        return None

    def part(self, expr: Expr, bound: Bindings, truth: bool) -> tuple[Expr, Bindings]:
        """Return the part that gives the formula its truth value, where one part alone does."""
        match expr:
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
            case Not():
                inner_part, inner = self.part(expr.operand, bound, not truth)
                return Not(BOOL, inner_part), inner
        return expr, bound

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
                size = expr.bound.sort.size(self.reference.instance.sizes)
                every = [{**bound, expr.bound.number: i} for i in range(size)]
                for each in every if inner is None or expr.kind == "count" else [inner]:
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
        system, show = self.reference.system, self.reference.instance.show
        variable = system.variables.get(expr.name)
        unset = variable.unset if variable else "nobody"
        places = tuple(show(i.sort, self.value(i, bound)) for i in expr.indices)
        return Fact(expr.name, places, show(expr.sort, self.value(expr, bound), unset))

    def words(self, expr: Expr, bound: Bindings) -> str:
        """Return the formula as text, with the names of the elements that its variables stand for."""
        match expr:
            case Not(operand=Not() as inner):
                return self.words(inner.operand, bound)
            case Not(operand=Eq() as inner):
                return f"{self.words(inner.left, bound)} != {self.words(inner.right, bound)}"
            case Not():
                return f"not {self.inner(expr.operand, bound)}"
            case And() | Or():
                joint = " and " if isinstance(expr, And) else " or "
                return joint.join(self.inner(side, bound, type(expr)) for side in (expr.left, expr.right))
            case Quantified():
                name = {"exists": "some", "forall": "every", "count": "number of"}[expr.kind]
                return f"{name} {expr.bound.name}: {self.words(expr.body, bound)}"
            case Read() | Param():
                indices = ", ".join(self.index(i, bound) for i in expr.indices)
                return f"{expr.name}[{indices}]" if indices else expr.name
            case Local():
                shown = self.reference.instance.show
                return shown(expr.sort, bound[expr.number]) if expr.number in bound else expr.name
            case Const() | Size():
                return self.reference.instance.show(expr.sort, self.value(expr, bound))
            case Eq() | Less() | Add():
                sign = {Eq: "=", Less: "<", Add: "+"}[type(expr)]
                return f"{self.inner(expr.left, bound)} {sign} {self.inner(expr.right, bound)}"
            case IfThenElse():
                parts = (self.inner(each, bound) for each in (expr.condition, expr.then, expr.other))
                return "if {} then {} else {}".format(*parts)
        raise TypeError(f"not an expression: {expr!r}")

    def index(self, expr: Expr, bound: Bindings) -> str:
        """Return the element that an index is, where it hangs on no variable and on no bound name."""
        if isinstance(expr, Param) and all(isinstance(i, Local) and i.number in bound for i in expr.indices):
            return self.reference.instance.show(expr.sort, self.value(expr, bound))
        return self.words(expr, bound)

    def inner(self, expr: Expr, bound: Bindings, around: type[Expr] = Expr) -> str:
        """Return a part of a larger formula, in parentheses if it needs them."""
        loose = isinstance(expr, And | Or | Quantified | IfThenElse) and not isinstance(expr, around)
        if around is Expr:
            loose = isinstance(expr, And | Or | Quantified | IfThenElse)
        return f"({self.words(expr, bound)})" if loose else self.words(expr, bound)
