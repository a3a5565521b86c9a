"""Parts: what designs are made of. A part brings its state, places and lists, its actions, and its claims.

A design is a list of parts; another design is that list with some parts exchanged. What a part must know of
the others (is the copy made inside the write? does the target serialise?) it asks of the list.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import TypeVar

from cowpath.model.language.claim import Claim, Landmark, Level, Measure, Tier
from cowpath.model.language.expression import Expr
from cowpath.model.language.system import List, State, System
from cowpath.model.scenarios.scenario import Scenario

P = TypeVar("P", bound="Part")


@dataclass(frozen=True)
class Part:
    """One part of a design.

    `kinds`: the kinds of request that it gives a place; `options`: those of a scenario that it knows. A part
    takes the place of another of the same `slot`.
    """

    @property
    def slot(self) -> str:
        """What a design has one of."""
        return type(self).__name__

    @property
    def start(self) -> str | None:
        """Where every request begins, if not at `idle`, from which the stack's own steps go on."""
        return None

    @property
    def kinds(self) -> tuple[str, ...]:
        """Kinds of request that need this part."""
        return ()

    @property
    def faults(self) -> tuple[str, ...]:
        """Faults, of the part's own, that may strike its transfers."""
        return ()

    @property
    def options(self) -> tuple[str, ...]:
        """Options of a scenario that need this part."""
        return ()

    @property
    def splits(self) -> Mapping[str, int]:
        """Kinds of request that have pieces, and how deep: 2 is a piece of a piece."""
        return {}

    @property
    def calls(self) -> tuple[str, ...]:
        """Kinds of request that may have a call: a piece of all their clusters, to be cut instead."""
        return ()

    def unmet(self, scenario: Scenario) -> Iterator[str]:
        """Yield what of a scenario the part does not have, in words, beside kinds, faults and options."""
        yield from ()

    def declare(self, system: System, parts: Parts) -> None:
        """Declare state, places and lists."""

    def act(self, system: System, parts: Parts) -> None:
        """Add the actions; all parts have declared by now."""

    def drains(self, s: State, r: Expr) -> Iterator[tuple[str, Expr]]:
        """Yield the places at which this part begins drained sections, and whether r then begins one.

        Read where a design has sections; elsewhere whoever drains waits where it is.
        """
        yield from ()

    def given(self, parts: Parts) -> Iterator[Claim]:
        """Yield what the tables of every scenario satisfy."""
        yield from ()

    def claims(self, parts: Parts) -> Iterator[Claim]:
        """Yield the invariants that proofs rest on."""
        yield from ()

    def levels(self, parts: Parts) -> Iterator[Level]:
        """Yield who waits on a list of this part, for proofs that no wait cycle can close."""
        yield from ()

    def landmarks(self, parts: Parts) -> Iterator[Landmark]:
        """Yield the positions that a proof must look at to see that an owner can move."""
        yield from ()

    def measures(self, parts: Parts) -> Iterator[Measure]:
        """Yield what ends a loop that no place or cursor of a request ends."""
        yield from ()

    def tiers(self, parts: Parts) -> Iterator[Tier]:
        """Yield who starts whom, those who are started by nobody first."""
        yield from ()

    def asserts(self, s: State) -> Iterator[Expr]:
        """Yield what QEMU asserts of this part."""
        yield from ()

    def goes_on_without(self, s: State, r: Expr) -> Expr | None:
        """Tell whether nobody is kept waiting by r's waits: whom it works for goes on. None: nobody is so."""
        return None

    def keeps_apart(self, parts: Parts) -> Iterator[List]:
        """Yield the lists by which the design keeps readers and copies apart."""
        yield from ()


class Parts(tuple[Part, ...]):
    """The parts of a design, in the order in which they declare."""

    def the(self, kind: type[P]) -> P:
        """Return the part of this class. Raises `TypeError` if the design has none."""
        found = self.find(kind)
        if found is None:
            raise TypeError(f"the design has no part {kind.__name__}")
        return found

    def find(self, kind: type[P]) -> P | None:
        """Return the part of this class, None if there is none."""
        return next((part for part in self if isinstance(part, kind)), None)

    def has(self, kind: type[Part]) -> bool:
        """Tell whether there is a part of this class."""
        return self.find(kind) is not None

    def all(self, kind: type[P]) -> Iterator[P]:
        """Yield the parts of this class."""
        return (part for part in self if isinstance(part, kind))

    def changed(self, others: Iterable[Part], without: Iterable[type[Part]] = ()) -> Parts:
        """Return the parts with others in place of those of the same slot, or added, and without some."""
        kept = {part.slot: part for part in self if not isinstance(part, tuple(without))}
        return Parts((kept | {part.slot: part for part in others}).values())
