"""Exactly when: the shortest formula over facts of a workload that is true of precisely those that fail.

A formula says that there are some different requests of which a few facts are true, or some of which a few
others are. Formulas are tried by their length, and what is found is right for every workload that it was
looked for among. A conjunction is followed only while every failing workload has requests of which it is
true; where these are too many, the most promising are followed. So a formula may be missed: that none is
found does not say that there is none.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from functools import cache

import numpy as np
import numpy.typing as npt

from cowpath.model.bench.facts import Fact, facts
from cowpath.model.bench.formula import NAMES, Formula, Literal
from cowpath.model.bench.workloads import Bound, Workload

LONGEST = 8
"""Facts in a part of a formula, at most."""
PARTS = 3
"""Parts of a formula, at most."""
_FOLLOWED = 2_000  # conjunctions of a length that are followed
_LONGEST_OF_SEVERAL = 5  # facts in a part, where there are several
_COVERING = 60  # parts of which some are put together

Bits = npt.NDArray[np.uint64]


def exactly_when(bound: Bound, workloads: Sequence[Workload], failing: Sequence[bool]) -> Formula | None:
    """Return the formula that is true of the failing workloads and no others; None where none was found.

    All have equally many requests. Some must fail.
    """
    size = len(workloads[0])
    for requests in (1, 2):
        if requests <= size:
            data = _Data(bound, workloads, failing, requests)
            if (part := data.conjunction()) is not None:
                return Formula((part,))
    if (parts := data.disjunction()) is not None:
        return Formula(parts)
    for requests in range(3, min(size, len(NAMES)) + 1):
        if (part := _Data(bound, workloads, failing, requests).conjunction()) is not None:
            return Formula((part,))
    return None


class _Data:
    """Which choices of some of its requests make each literal true of a workload: a word of bits for each.

    Workloads of which all literals say the same are one, if the same is known of them.
    """

    def __init__(
        self, bound: Bound, workloads: Sequence[Workload], failing: Sequence[bool], requests: int
    ) -> None:
        types = np.array(workloads)
        choices = list(itertools.permutations(range(types.shape[1]), requests))[:64]
        literals = list(_literals(bound, requests))
        rows = np.empty((len(literals), len(types)), np.uint64)
        for number, literal in enumerate(literals):
            truth = _truth(bound, literal.fact)
            rows[number] = 0
            for bit, choice in enumerate(choices):
                columns = tuple(types[:, choice[place]] for place in literal.places)
                rows[number] |= (truth[columns] == literal.positive).astype(np.uint64) << np.uint64(bit)
        told = np.vstack([rows, np.array(failing, np.uint64)[None]])
        _, first = np.unique(told, axis=1, return_index=True)
        rows = rows[:, np.sort(first)]
        failed = np.array(failing)[np.sort(first)]
        self.bad, self.good = np.flatnonzero(failed), np.flatnonzero(~failed)
        self.full = np.full(rows.shape[1], (1 << len(choices)) - 1, np.uint64)
        kept: dict[bytes, int] = {}  # of literals that say the same the first, in plainer words
        for number, row in enumerate(rows):
            kept.setdefault(row.tobytes(), number)
        self.literals = [literals[number] for number in kept.values()]
        self.rows = rows[list(kept.values())]

    def conjunction(self) -> tuple[Literal, ...] | None:
        """Return the shortest conjunction that is true of some choice in the failing workloads alone."""
        layer: list[tuple[tuple[int, ...], Bits]] = [((), self.full)]
        for _ in range(LONGEST):
            after: dict[bytes, tuple[int, tuple[int, ...], Bits]] = {}
            right: list[tuple[int, ...]] = []
            for chosen, bits in layer:
                for number in range(chosen[-1] + 1 if chosen else 0, len(self.literals)):
                    now = bits & self.rows[number]
                    if not now[self.bad].all():
                        continue
                    left = int(np.count_nonzero(now[self.good]))
                    if not left:
                        right.append((*chosen, number))
                        continue
                    key = now.tobytes()
                    if key not in after and (now != bits).any():
                        after[key] = (left, (*chosen, number), now)
            if right:
                return self._named(min(right, key=sum))  # in plainer words, which come first
            found = list(after.values())
            if len(found) > _FOLLOWED:
                found = sorted(found, key=lambda each: each[0])[:_FOLLOWED]
            layer = [(chosen, bits) for _, chosen, bits in found]
        return None

    def disjunction(self) -> tuple[tuple[Literal, ...], ...] | None:
        """Return a few conjunctions of which each failing workload makes one true, and no other any."""
        layer: list[tuple[tuple[int, ...], Bits]] = [((), self.full)]
        parts: dict[bytes, tuple[int, ...]] = {}
        for _ in range(_LONGEST_OF_SEVERAL):
            after: dict[bytes, tuple[int, tuple[int, ...], Bits]] = {}
            for chosen, bits in layer:
                for number in range(chosen[-1] + 1 if chosen else 0, len(self.literals)):
                    now = bits & self.rows[number]
                    covered = now[self.bad] != 0
                    if not covered.any():
                        continue
                    left = int(np.count_nonzero(now[self.good]))
                    if not left:
                        parts.setdefault(covered.tobytes(), (*chosen, number))
                        continue
                    key = now.tobytes()
                    if key not in after and (now != bits).any():
                        after[key] = (left - int(covered.sum()), (*chosen, number), now)
            if (found := self._covering(parts)) is not None:
                return tuple(self._named(part) for part in found)
            kept = sorted(after.values(), key=lambda each: each[0])[:_FOLLOWED]
            layer = [(chosen, bits) for _, chosen, bits in kept]
        return None

    def _covering(self, parts: dict[bytes, tuple[int, ...]]) -> tuple[tuple[int, ...], ...] | None:
        """Return the fewest and shortest parts that cover all failing workloads together."""
        some = [(np.frombuffer(key, np.bool_), part) for key, part in parts.items()]
        some.sort(key=lambda each: (-int(each[0].sum()), len(each[1])))
        for many in range(2, PARTS + 1):
            found = [
                tuple(part for _, part in chosen)
                for chosen in itertools.combinations(some[:_COVERING], many)
                if np.logical_or.reduce([covered for covered, _ in chosen]).all()
            ]
            if found:
                return min(found, key=lambda parts: sum(map(len, parts)))
        return None

    def _named(self, numbers: Sequence[int]) -> tuple[Literal, ...]:
        return tuple(self.literals[number] for number in numbers)


@cache
def _truth(bound: Bound, fact: Fact) -> npt.NDArray[np.bool_]:
    """Return of which types, or pairs of types, a fact is true."""
    types = bound.types
    if not fact.two:
        return np.array([bool(fact.holds(bound, r)) for r in types])
    return np.array([[bool(fact.holds(bound, r, q)) for q in types] for r in types])


@cache
def _facts(bound: Bound) -> tuple[Fact, ...]:
    return tuple(facts(bound))


def _literals(bound: Bound, requests: int) -> Iterator[Literal]:
    """Yield what may be said of so many requests, plainer words first; not, that one is not of a kind."""
    for fact in _facts(bound):
        of = itertools.combinations if fact.symmetric else itertools.permutations
        for places in of(range(requests), 2 if fact.two else 1):
            yield Literal(fact, places, True)
            if not fact.noun:
                yield Literal(fact, places, False)
