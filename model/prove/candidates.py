"""Candidate invariants: facts, and the cases of a program in which explored states satisfy them.

What holds in states explored may still be false, or true and not inductive: see `weakening`.
"""

from __future__ import annotations

import functools
import itertools
import operator
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from model.language.claim import Claim
from model.language.expression import Const, Expr, index_of
from model.language.sorts import BOOL, Index
from model.language.system import State, System
from model.prove.facts import NOBODY, Axis, Fact, Facts
from model.prove.sample import Sample
from model.prove.templates import replaced

Cases = npt.NDArray[np.bool_]
"""Whether something is so in each case: one dimension an axis."""


@dataclass(eq=False)
class Candidate:
    """A fact, and the cases in which it is claimed to hold: they only ever become fewer."""

    fact: Fact
    cases: Cases

    @property
    def body(self) -> Expr:
        """The candidate, of its fact's elements."""
        return self.fact.formula if self.cases.all() else among(self.fact.axes, self.cases).implies(self.fact.formula)

    def weaken(self, sample: Sample) -> bool:
        """Give up the cases that the states contradict; tell whether there were any."""
        broken = self.cases & met(self.fact, ~self.fact.formula, sample)
        self.cases &= ~broken
        return bool(broken.any())


def candidates(system: System, owner: Index, samples: Sequence[Sample]) -> list[Candidate]:
    """Return candidates that hold in all states of the samples, and in some of them not for want of a case."""
    found = []
    for fact in Facts(system, owner):
        candidate = Candidate(fact, np.ones([len(axis.sort.values) for axis in fact.axes], dtype=bool))
        for sample in samples:
            candidate.weaken(sample)
        told = (met(fact, fact.tells, sample) for sample in samples)
        if fact.name == NOBODY or any((candidate.cases & cases).any() for cases in told):
            found.append(candidate)
    return found


def met(fact: Fact, condition: Expr, sample: Sample) -> Cases:
    """Return the cases of the fact in which some state, of some elements, satisfies the condition."""
    shape = [len(axis.sort.values) for axis in fact.axes]
    found = np.zeros(shape, dtype=bool)
    for elements in itertools.product(*(sample.instance.elements(index_of(b)) for b in fact.bound)):
        bound = dict(zip((b.number for b in fact.bound), elements, strict=True))
        holds = np.asarray(sample.value(condition, bound), dtype=bool)
        if holds.any():
            where = [sample.value(axis.value, bound) for axis in fact.axes]
            holds, *where = np.broadcast_arrays(holds, *where)
            found[tuple(w[holds] for w in where)] = True
    return found


def among(axes: Sequence[Axis], cases: Cases) -> Expr:
    """Return that the case is one of those."""
    if cases.all() or not cases.any():
        return Const(BOOL, int(cases.any()))
    axis, *others = axes
    alike: dict[bytes, list[int]] = {}
    for number, rest in enumerate(cases):
        if rest.any():
            alike.setdefault(rest.tobytes(), []).append(number)
    return _either(
        _either(axis.value == axis.sort.values[n] for n in numbers) & among(others, cases[numbers[0]])
        if not cases[numbers[0]].all()
        else _either(axis.value == axis.sort.values[n] for n in numbers)
        for numbers in alike.values()
    )


def _either(conditions: Iterator[Expr]) -> Expr:
    return functools.reduce(operator.or_, conditions)
