"""Programs: where each owner is, as a variable whose values are places.

A place is declared beside the actions that use it: its name, what an owner does there in words, who may be
there, and the regions of the program that it belongs to. A region is a set of places that a claim or a
property speaks of ("past every wait for admission"), and that several parts of a design make up together.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from typing import Any

from cowpath.model.language.errors import fail
from cowpath.model.language.expression import Expr, Read, coerce
from cowpath.model.language.sorts import BOOL, Index, Places


@dataclass(frozen=True)
class Region:
    """A set of places, by its name; a program without any of them has an empty region."""

    name: str


@dataclass(frozen=True, eq=False)
class Group:
    """Owners of some kind: what they are called, and `holds(state, owner)`."""

    called: str
    holds: Callable[[Any, Expr], Expr]


@dataclass(frozen=True)
class Place:
    """A place of a program.

    `says` goes on from "the owner is"; "" if the name says it all. `of`: who alone may be there; None: all.
    """

    name: str
    says: str
    of: Group | None
    regions: frozenset[Region]


@dataclass(frozen=True, eq=False)
class Program:
    """Where an owner is: the variable of that name. It begins at `start`, and is over at one of `ends`."""

    variable: str
    owner: Index
    sort: Places
    start: str
    ends: tuple[str, ...]
    places: dict[str, Place] = field(default_factory=dict)

    def place(
        self, name: str, says: str = "", *, of: Group | None = None, within: tuple[Region, ...] = ()
    ) -> None:
        """Declare a place. Raises `ModelError` if there is one of that name."""
        if name in self.places:
            fail(f"'{name}' is declared twice, as a place of {self.variable}")
        self.places[name] = Place(name, says, of, frozenset(within))
        self.sort.add(name)

    def assign(self, name: str, *regions: Region) -> None:
        """Put a declared place into further regions."""
        place = self.places[name]
        self.places[name] = replace(place, regions=place.regions | {*regions})

    def here(self, r: Expr) -> Expr:
        """Return where the owner is, as an expression."""
        return Read(self.sort, self.variable, (r,))

    def at(self, r: Expr, *names: str) -> Expr:
        """Tell whether the owner is at one of the places."""
        return _any(self.here(r) == name for name in names)

    def within(self, r: Expr, *regions: Region) -> Expr:
        """Tell whether the owner is at a place of one of the regions."""
        wanted = frozenset(regions)
        return self.at(r, *(place.name for place in self.places.values() if place.regions & wanted))


def _any(conditions: Iterator[Expr]) -> Expr:
    found: Expr | None = None
    for condition in conditions:
        found = condition if found is None else found | condition
    return coerce(False, BOOL) if found is None else found
