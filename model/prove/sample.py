"""Explored states as a table, and expressions evaluated in all of them at once."""

from __future__ import annotations

import functools
import operator
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from cowpath.model.finite.instance import Instance, Layout
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
    index_of,
)
from cowpath.model.language.system import System

Values = Any  # an array with a value for each state, or one for all of them


@dataclass(frozen=True)
class Sample:
    """States of one instance: a row for each, a column for each component."""

    system: System
    instance: Instance
    states: npt.NDArray[np.int16]

    @functools.cached_property
    def _layout(self) -> Layout:
        return Layout(self.system, self.instance)

    def value(self, expr: Expr, bound: Mapping[int, int]) -> Values:
        """Evaluate an expression without `count`, whose indices are rigid, in all states."""
        match expr:
            case Const():
                return expr.value
            case Size():
                return self.instance.sizes[expr.index.name]
            case Local():
                return bound[expr.number]
            case Param():
                return self.instance.tables[expr.name][tuple(self.value(i, bound) for i in expr.indices)]
            case Read():
                indices = tuple(self.value(i, bound) for i in expr.indices)
                return self.states[:, self._layout.position[expr.name, indices]]
            case Not():
                return 1 - self.value(expr.operand, bound)
            case And():
                left = self.value(expr.left, bound)
                return 0 if isinstance(left, int) and not left else left & self.value(expr.right, bound)
            case Or():
                left = self.value(expr.left, bound)
                return 1 if isinstance(left, int) and left else left | self.value(expr.right, bound)
            case Eq():
                return 1 * (self.value(expr.left, bound) == self.value(expr.right, bound))
            case Less():
                return 1 * (self.value(expr.left, bound) < self.value(expr.right, bound))
            case Add():
                return self.value(expr.left, bound) + self.value(expr.right, bound)
            case IfThenElse():
                condition = self.value(expr.condition, bound)
                if isinstance(condition, int):
                    return self.value(expr.then if condition else expr.other, bound)
                return np.where(condition, self.value(expr.then, bound), self.value(expr.other, bound))
            case Quantified(kind="forall" | "exists"):
                elements = self.instance.elements(index_of(expr.bound))
                bodies = (self.value(expr.body, {**bound, expr.bound.number: e}) for e in elements)
                if expr.kind == "forall":
                    return functools.reduce(operator.and_, bodies, 1)
                return functools.reduce(operator.or_, bodies, 0)
        raise TypeError(f"nothing that states are asked for: {expr!r}")
