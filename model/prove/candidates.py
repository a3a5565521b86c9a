"""Candidate invariants: facts, and the cases of a program in which explored states satisfy them.

What holds in states explored may still be false, or true and not inductive: see `weakening`.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from cowpath.model.language.expression import Expr, index_of
from cowpath.model.language.sorts import Index
from cowpath.model.language.system import System
from cowpath.model.prove.facts import NOBODY, Fact, Facts
from cowpath.model.prove.prover import Poll
from cowpath.model.prove.sample import Sample

Cases = npt.NDArray[np.bool_]
"""Whether something is so in each case: one dimension an axis."""


@dataclass(eq=False)
class Candidate:
    """A fact, and the cases in which it is claimed to hold: they only ever become fewer."""

    fact: Fact
    cases: Cases

    def weaken(self, sample: Sample) -> bool:
        """Give up the cases that the states contradict; tell whether there were any."""
        broken = self.cases & met(self.fact, ~self.fact.formula, sample)
        self.cases &= ~broken
        return bool(broken.any())


def candidates(
    system: System, owner: Index, samples: Sequence[Sample], poll: Poll = lambda: None
) -> list[Candidate]:
    """Return candidates that hold in all states of the samples, in some of them not for want of a case."""
    found = []
    for fact in Facts(system, owner):
        poll()
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
