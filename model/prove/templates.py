"""What can be read off the text of a system: which variables a formula reads, which values steps assign, and
what of an owner goes up.
"""

from __future__ import annotations

import functools
import operator
from collections.abc import Iterator
from dataclasses import fields

from cowpath.model.language.claim import Claim, Measure
from cowpath.model.language.expression import (
    Const,
    Eq,
    Expr,
    IfThenElse,
    Local,
    Param,
    Quantified,
    Read,
    nobody,
    parts,
)
from cowpath.model.language.program import Program
from cowpath.model.language.sorts import BOOL, Enum, Index, Int, Maybe, Position
from cowpath.model.language.system import State, System, Variable


def reads_of(expr: Expr) -> set[str]:
    """Return the names of the variables that the expression reads."""
    own = {expr.name} if isinstance(expr, Read) else set()
    return own.union(*map(reads_of, parts(expr)))


def begets(formula: Expr) -> bool:
    """Tell whether the formula is of several elements, or of others for each: such beget new elements.

    Where a table of the instance has one of two for the other it is as good as of one: whose piece somebody
    is, say.
    """
    if not (
        isinstance(formula, Quantified) and any(isinstance(e, Quantified) for e in _within(formula.body))
    ):
        return False
    inner = formula.body
    if not isinstance(inner, Quantified) or any(isinstance(e, Quantified) for e in _within(inner.body)):
        return True
    pair = {formula.bound.number, inner.bound.number}
    return not any(
        isinstance(each, Eq)
        and isinstance(each.left, Param)
        and {e.number for e in (*each.left.indices, each.right) if isinstance(e, Local)} == pair
        for each in _within(inner.body)
    )


def _within(expr: Expr) -> Iterator[Expr]:
    """Yield the expression and all those of which it is built."""
    yield expr
    for part in parts(expr):
        yield from _within(part)


def free(expr: Expr) -> set[int]:
    """Return the numbers of the expression's locals that no quantifier in it binds."""
    if isinstance(expr, Local):
        return {expr.number}
    inner = set[int]().union(*map(free, parts(expr)))
    return inner - {expr.bound.number} if isinstance(expr, Quantified) else inner


def shape(expr: Expr, bound: tuple[int, ...] = ()) -> object:
    """Return what two expressions have in common that differ only in the names of bound locals."""
    if isinstance(expr, Local):
        return bound.index(expr.number) if expr.number in bound else ("free", expr.number)
    inner = (*bound, expr.bound.number) if isinstance(expr, Quantified) else bound
    plain = (
        getattr(expr, f.name) for f in fields(expr) if f.name in ("sort", "name", "value", "kind", "index")
    )
    return type(expr).__name__, *plain, *(shape(part, inner) for part in parts(expr))


def leaves(value: Expr, condition: Expr | None = None) -> Iterator[tuple[Expr, Expr]]:
    """Yield the values that a choice between values comes down to, each with the condition for it."""
    if not isinstance(value, IfThenElse):
        yield value, Const(BOOL, 1) if condition is None else condition
        return
    for case, then in ((value.condition, value.then), (~value.condition, value.other)):
        yield from leaves(then, case if condition is None else condition & case)


def assigned_values(system: System) -> Iterator[Claim]:
    """Yield, for each variable of an enum sort, that it has one of the values that steps assign."""
    for variable in system.variables.values():
        if isinstance(variable.sort, Enum):
            values = [u.value for a in system.actions for u in a.updates if u.variable == variable.name]
            constants = set().union(*map(_constants, [variable.initial, *values]))
            if len(constants) < len(variable.sort.values):
                yield _one_of(variable, sorted(constants))


def _one_of(variable: Variable, constants: list[int]) -> Claim:
    def body(s: State, *indices: Expr) -> Expr:
        cell = Read(variable.sort, variable.name, indices)
        return functools.reduce(operator.or_, (cell == Const(variable.sort, c) for c in constants))

    return Claim(f"{variable.name} has a value that some step assigns", variable.indices, body)


def _constants(value: Expr) -> set[int]:
    """Return the constants that a value of an enum sort may be; what it copies is some step's value too."""
    match value:
        case Const():
            return {value.value}
        case IfThenElse():
            return _constants(value.then) | _constants(value.other)
    return set()


def programs(system: System, owner: Index) -> list[Program]:
    """Return the programs of an owner, the one that its actions go through first."""
    return [program for program in system.programs.values() if program.owner == owner]


def measures(system: System, owner: Index) -> Iterator[Measure]:
    """Yield what may go up: of an owner, where it is, how often it went round, whether it waits for another.

    Who is woken waits for itself: its wait is over, and to wait for another again is a step up from there.
    """
    for variable in system.variables.values():
        if variable.indices == (owner,) and isinstance(variable.sort, Int | Position):
            yield Measure(
                f"{variable.name}, of each {owner.name.lower()}",
                (owner,),
                lambda s, r, name=variable.name: s[name][r],
            )
    for variable in system.variables.values():
        if variable.indices == (owner,) and variable.sort == Maybe(owner):
            yield Measure(
                f"whether {variable.name} is another, of each {owner.name.lower()}",
                (owner,),
                lambda s, r, name=variable.name: (s[name][r] != nobody(owner)) & (s[name][r] != r),
            )
