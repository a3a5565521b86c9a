"""Formulas over facts of a workload, and how they read."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass

from cowpath.model.bench.facts import Fact
from cowpath.model.bench.workloads import Bound, Workload

NAMES = "rqp"
"""What the requests are called that a part speaks of; there are as many at most."""


@dataclass(frozen=True)
class Literal:
    """A fact of requests, by their places among those that a part speaks of, or its denial."""

    fact: Fact
    places: tuple[int, ...]
    positive: bool


@dataclass(frozen=True)
class Formula:
    """True of a workload if for some part it has different requests of which all its literals are true."""

    parts: tuple[tuple[Literal, ...], ...]

    def holds(self, bound: Bound, workload: Workload) -> bool:
        """Tell whether it is true of a workload."""
        types = [bound.types[number] for number in workload]
        return any(
            all(
                literal.fact.holds(bound, *(chosen[p] for p in literal.places)) == literal.positive
                for literal in part
            )
            for part in self.parts
            for chosen in itertools.permutations(
                types, 1 + max(p for literal in part for p in literal.places)
            )
        )


def in_words(formula: Formula) -> str:
    """Return the formula as the end of a sentence that begins "exactly when"."""
    return ", or ".join(map(_part, formula.parts))


def _part(part: Sequence[Literal]) -> str:
    used = sorted({place for literal in part for place in literal.places})
    several = len(used) > 1 or any(literal.fact.words for literal in part)
    named = []
    for place in used:
        mine = [literal for literal in part if literal.places == (place,) and not literal.fact.words]
        noun = next((literal.fact.noun for literal in mine if literal.fact.noun), "request")
        adjectives = [
            literal.fact.adjective if literal.positive else literal.fact.opposite
            for literal in mine
            if not literal.fact.noun
        ]
        words = " ".join([*adjectives, noun])
        named.append(f"{_article(words)} {words}{f' {NAMES[place]}' if several else ''}")
    said = [
        (literal.fact.words if literal.positive else literal.fact.denial).format(
            **dict(zip("rq", (NAMES[place] for place in literal.places), strict=False))
        )
        for literal in part
        if literal.fact.words
    ]
    there = f"there is {_listed(named)}"
    return f"{there}: {_listed(said)}" if said else there


def _article(words: str) -> str:
    sounded = words[0] in "aeiou" or words.startswith("NBD")
    return "an" if sounded else "a"


def _listed(words: Sequence[str]) -> str:
    return f"{', '.join(words[:-1])} and {words[-1]}" if len(words) > 1 else words[0]
