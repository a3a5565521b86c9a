"""A formula in words: variables by what pages call them, elements by their names."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from cowpath.model.finite.reference import Bindings, Reference, Vector
from cowpath.model.language.declarations import Variable
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
from cowpath.model.language.sorts import BOOL, Index

_LOOSE = And | Or | Quantified | IfThenElse


@dataclass(frozen=True)
class Wording:
    """How formulas are said in one state of the reference."""

    reference: Reference
    state: Vector

    def value(self, expr: Expr, bound: Bindings) -> str:
        """Return the value of an expression whose names are all bound."""
        variable = self._variables.get(expr.name) if isinstance(expr, Read) else None
        number = self.reference.value(expr, self.state, bound)
        return self.reference.instance.show(expr.sort, number, variable.unset if variable else "nobody")

    def statement(self, expr: Read | Param, bound: Bindings) -> str:
        """Say which value the component has."""
        value = self.value(expr, bound)
        if self._is_sentence(expr):
            return self.words(expr, bound) if value == "yes" else f"{self.words(expr, bound)}: {value}"
        if expr.name == self._program:
            return f"{self.value(expr.indices[0], bound)} is at {value}"
        return f"{self._component(expr, bound)} is {value}"

    def words(self, expr: Expr, bound: Bindings) -> str:
        """Return the expression as text, with the elements that `bound` has for its names."""
        match expr:
            case Not():
                return self._denied(expr.operand, bound)
            case Or(left=Not() as premise) | Or(right=Not() as premise):
                said = expr.right if premise is expr.left else expr.left
                return f"{self._inner(said, bound)} if {self._inner(premise.operand, bound, And)}"
            case And() | Or():
                joint = " and " if isinstance(expr, And) else " or "
                return joint.join(self._inner(side, bound, type(expr)) for side in (expr.left, expr.right))
            case Quantified():
                kind = {"exists": "some", "forall": "every", "count": "number of"}[expr.kind]
                return f"{kind} {expr.bound.name}: {self.words(expr.body, bound)}"
            case Read():
                return self._component(expr, bound)
            case Param():
                return self._parameter(expr, bound)
            case Local() if expr.number not in bound:
                return expr.name
            case Local() | Const() | Size():
                return self.value(expr, bound)
            case Eq(left=Read() as left) if left.name == self._program:
                return f"{self.words(left.indices[0], bound)} is at {self.words(expr.right, bound)}"
            case Eq() | Less() | Add():
                sign = {Eq: "=", Less: "<", Add: "+"}[type(expr)]
                return f"{self._inner(expr.left, bound)} {sign} {self._inner(expr.right, bound)}"
            case IfThenElse():
                parts = (self._inner(each, bound) for each in (expr.condition, expr.then, expr.other))
                return "if {} then {} else {}".format(*parts)
        raise TypeError(f"not an expression: {expr!r}")

    @property
    def _variables(self) -> Mapping[str, Variable]:
        return self.reference.system.variables

    @property
    def _program(self) -> str:
        """The variable that says where each owner is."""
        program = self.reference.system.program_of(self._owners) if self._owners else None
        return program.variable if program else ""

    @property
    def _owners(self) -> Index | None:
        return self.reference.system.owners if self.reference.system.finished else None

    def _is_sentence(self, expr: Expr) -> bool:
        """Tell whether the expression is a truth that has words of its own."""
        return isinstance(expr, Read) and expr.sort == BOOL and bool(self._variables[expr.name].called)

    def _component(self, expr: Read | Param, bound: Bindings) -> str:
        """Say which component it is; of a truth that has words, who it is true of comes first."""
        variable = self._variables.get(expr.name)
        spoken = variable.spoken if variable else expr.name.replace("_", " ")
        indices = [self.words(i, bound) for i in expr.indices]
        return " ".join([*indices, spoken] if self._is_sentence(expr) else [spoken, *indices])

    def _denied(self, expr: Expr, bound: Bindings) -> str:
        """Say that the expression is false."""
        match expr:
            case Not():
                return self.words(expr.operand, bound)
            case Eq(left=Read() as left) if left.name == self._program:
                return f"{self.words(left.indices[0], bound)} is not at {self.words(expr.right, bound)}"
            case Eq() | Less():
                sign = "!=" if isinstance(expr, Eq) else ">="
                return f"{self._inner(expr.left, bound)} {sign} {self._inner(expr.right, bound)}"
            case Quantified(kind="exists"):
                return f"no {expr.bound.name}: {self.words(expr.body, bound)}"
        if self._is_sentence(expr):
            return f"not ({self.words(expr, bound)})"
        return f"not {self._inner(expr, bound)}"

    def _parameter(self, expr: Param, bound: Bindings) -> str:
        """Say the element that a parameter stands for; of a number or a truth, which one it is."""
        settled = all(isinstance(i, Local) and i.number in bound for i in expr.indices)
        if settled and isinstance(expr.sort, Index):
            return self.value(expr, bound)
        return self._component(expr, bound)

    def _inner(self, expr: Expr, bound: Bindings, around: type[Expr] = Expr) -> str:
        """Return a part of a larger formula, in parentheses if it needs them."""
        loose = isinstance(expr, _LOOSE) and not (around is not Expr and type(expr) is around)
        loose = loose or (isinstance(expr, Not) and isinstance(expr.operand, Quantified))
        return f"({self.words(expr, bound)})" if loose else self.words(expr, bound)
