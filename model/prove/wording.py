"""Wording: candidates as claims, each of as many cases at once as one phrase can name.

Cases in which nobody is are free: a claim may take them in or leave them out, whichever is shorter.
"""

from __future__ import annotations

import functools
import operator
from collections.abc import Iterator, Sequence, Set

import numpy as np

from cowpath.model.language.claim import Claim
from cowpath.model.language.expression import Const, Expr, Param, Read, index_of, replaced
from cowpath.model.language.sorts import BOOL, Enum
from cowpath.model.language.system import State
from cowpath.model.prove.candidates import Candidate, Cases
from cowpath.model.prove.facts import NOBODY, Axis, Fact

Product = tuple[frozenset[int] | None, ...]
"""Values on each axis; None: all of them."""


def claims(candidates: Sequence[Candidate]) -> tuple[Claim, ...]:
    """Return the candidates as claims, each said once, those of nobody's cases first."""
    return tuple({claim.name: claim for claim in _claims(candidates)}.values())


def _claims(candidates: Sequence[Candidate]) -> Iterator[Claim]:
    nobody = {_sorts(c.fact): c.cases for c in candidates if c.fact.name == NOBODY}
    for candidate in sorted(candidates, key=lambda candidate: candidate.fact.name != NOBODY):
        nothing = np.zeros_like(candidate.cases)
        free = nothing if candidate.fact.name == NOBODY else nobody.get(_sorts(candidate.fact), nothing)
        yield from _worded(candidate, free)


def _sorts(fact: Fact) -> tuple[Enum, ...]:
    return tuple(axis.sort for axis in fact.axes)


def _worded(candidate: Candidate, free: Cases) -> Iterator[Claim]:
    fact, cases = candidate.fact, candidate.cases
    for product in _products(cases & ~free, ~cases & ~free):
        where = []
        for axis, values, possible in zip(fact.axes, product, np.nonzero(~free), strict=True):
            others = set(possible.tolist()) - values if values is not None else None
            if values is not None and others:
                where.append(_phrase(axis, values, others))
        name = ": ".join([", ".join(text for text, _ in where), fact.name] if where else [fact.name])
        here = functools.reduce(operator.and_, (condition for _, condition in where), Const(BOOL, 1))
        yield _claim(name, fact, here.implies(fact.formula) if where else fact.formula)


def _claim(name: str, fact: Fact, body: Expr) -> Claim:
    numbers = [bound.number for bound in fact.bound]

    def of(s: State, *elements: Expr) -> Expr:
        return replaced(body, dict(zip(numbers, elements, strict=True)))

    return Claim(name, tuple(index_of(bound) for bound in fact.bound), of)


def _products(wanted: Cases, refused: Cases) -> list[Product]:
    """Return products of values that make up all cases wanted and none refused."""
    if not wanted.any():
        return []
    if not refused.any():
        return [(None,) * wanted.ndim]
    alike: dict[Product, set[int]] = {}
    for number in range(len(wanted)):
        for rest in _products(wanted[number], refused[number]):
            alike.setdefault(rest, set()).add(number)
    return [(frozenset(numbers), *rest) for rest, numbers in alike.items()]


def _phrase(axis: Axis, values: Set[int], others: Set[int]) -> tuple[str, Expr]:
    """Return in words, and as an expression, that the axis has one of the values, none of the others."""
    assert isinstance(axis.value, Read | Param)
    named = [axis.sort.values[n] for n in sorted(values if len(values) <= len(others) else others)]
    one = functools.reduce(operator.or_, (axis.value == name for name in named))
    text = f"{axis.value.name} {' '.join(named)}"
    return (text, one) if len(values) <= len(others) else (f"not {text}", ~one)
