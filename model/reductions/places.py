"""Where an owner can be in its program: an abstract interpretation of each owner alone, all others arbitrary.

An owner's *own* components are those that only its own commands change, of those that guards read, directly
or by way of others: while it does not move, they stay. A *place* is a valuation of them. What others change
of an owner (who it waits for, until somebody wakes it) is followed along with its places, as far as that
tells what it can be there.
"""

from __future__ import annotations

import itertools
import math
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from cowpath.model.finite.domains import Narrowed, members, possible_values, refine
from cowpath.model.finite.term import Node, Term, Terms, cells_of

Valuation = tuple[int, ...]
_MOST_CASES = 64


@dataclass(frozen=True)
class Move:
    """A command that may happen at a place (a number), and the places that it may lead to."""

    command: int
    start: int
    ends: frozenset[int]


@dataclass(frozen=True)
class Places:
    """The places of one owner.

    `group`: its own components and those of its others that guards read; `valuations` of the group are all
    that can be. `known[p]`: for each of the group the values (a bit mask) that it can have at place p.
    """

    own: tuple[int, ...]
    group: tuple[int, ...]
    valuations: frozenset[Valuation]
    places: tuple[Valuation, ...]
    known: tuple[Mapping[int, int], ...]
    moves: tuple[Move, ...]


class TooMany(Exception):
    """An owner has too many places to be worth looking at."""


def places_of(narrowed: Narrowed, most: int) -> list[Places]:
    """Return the places of each owner. Raises `TooMany` if one has more than `most` valuations."""
    model = narrowed.model
    writers: dict[int, set[int]] = defaultdict(set)
    for command in model.commands:
        for cell, _ in command.updates:
            writers[cell].add(command.owner)
    read = _control(narrowed)
    masks = [sum(1 << value for value in values) for values in narrowed.values]
    assert model.system.finished is not None
    sort = model.system.finished[0].sort
    found = []
    for owner in range(len(model.finished)):
        own = [cell for cell in sorted(read) if writers[cell] == {owner}]
        of_owner = (
            cell
            for cell in sorted(read)
            if len(writers[cell]) > 1
            and model.system.variables[model.layout.cells[cell].variable].indices == (sort,)
            and model.layout.cells[cell].indices == (owner,)
        )
        found.append(_Search(narrowed, masks, owner, own, [*own, *of_owner], most).result())
    return found


def _control(narrowed: Narrowed) -> set[int]:
    """Return the components that guards read, and those that these depend on."""
    commands = narrowed.model.commands
    depends: dict[int, set[int]] = defaultdict(set)
    for command in commands:
        for cell, value in command.updates:
            depends[cell].update(cells_of(value))
    todo = [cell for command in commands for cell in cells_of(command.enabled)]
    read: set[int] = set()
    while todo:
        cell = todo.pop()
        if cell not in read:
            read.add(cell)
            todo += depends[cell]
    return read


class _Search:
    def __init__(
        self, narrowed: Narrowed, masks: list[int], owner: int, own: list[int], group: list[int], most: int
    ) -> None:
        self.masks = masks
        self.own, self.group = own, group
        commands = narrowed.model.commands
        changed = set(group)
        relevant = [
            (number, command.owner == owner, command.enabled, dict(command.updates))
            for number, command in enumerate(commands)
            if command.owner == owner or any(cell in changed for cell, _ in command.updates)
        ]
        first = tuple(narrowed.model.initial[cell] for cell in group)
        self.seen = {first}
        self.arrows: dict[tuple[int, Valuation], set[Valuation]] = defaultdict(set)
        todo = [first]
        while todo:
            at = todo.pop()
            here = list(masks)
            for cell, value in zip(group, at, strict=True):
                here[cell] = 1 << value
            for number, moves, enabled, updates in relevant:
                for after in self._after(here, at, enabled, updates):
                    if moves:
                        self.arrows[number, self._own(at)].add(self._own(after))
                    if after not in self.seen:
                        self.seen.add(after)
                        todo.append(after)
            if len(self.seen) > most:
                raise TooMany

    def _own(self, valuation: Valuation) -> Valuation:
        return valuation[: len(self.own)]

    def _after(
        self, here: list[int], at: Valuation, enabled: Term, updates: Mapping[int, Term]
    ) -> Iterable[Valuation]:
        changed = [updates[cell] for cell in self.group if cell in updates]
        for case in self._cases(here, enabled, changed):
            seen = refine(enabled, case)
            if seen is not None:
                yield from itertools.product(
                    *(
                        members(possible_values(updates[cell], seen, case) & self.masks[cell])
                        if cell in updates
                        else (value,)
                        for cell, value in zip(self.group, at, strict=True)
                    )
                )

    def _cases(self, here: list[int], enabled: Term, changed: Iterable[Term]) -> Iterator[list[int]]:
        """Split by the values of what several changes depend on, so that they are seen together."""
        seen = refine(enabled, here)
        if seen is None:
            return
        cells = sorted({cell for term in changed for cell in cells_of(term)})
        choices = [tuple(members(seen.get(cell, here[cell]))) for cell in cells]
        if math.prod(map(len, choices)) > _MOST_CASES:
            yield here
            return
        for values in itertools.product(*choices):
            case = list(here)
            for cell, value in zip(cells, values, strict=True):
                case[cell] = 1 << value
            yield case

    def result(self) -> Places:
        """Return what was found."""
        places = sorted({self._own(valuation) for valuation in self.seen})
        number = {place: i for i, place in enumerate(places)}
        known: list[dict[int, int]] = [dict.fromkeys(self.group, 0) for _ in places]
        for valuation in self.seen:
            here = known[number[self._own(valuation)]]
            for cell, value in zip(self.group, valuation, strict=True):
                here[cell] |= 1 << value
        moves = tuple(
            Move(command, number[start], frozenset(number[end] for end in ends))
            for (command, start), ends in sorted(self.arrows.items())
        )
        return Places(
            tuple(self.own), tuple(self.group), frozenset(self.seen), tuple(places), tuple(known), moves
        )


def among(
    terms: Terms, cells: tuple[int, ...], chosen: Iterable[Valuation], of: Iterable[Valuation] | None = None
) -> Term:
    """Return a term that tells the chosen valuations from all others, or only from the others `of` those."""
    return _among(terms, cells, frozenset(chosen), None if of is None else frozenset(of))


def _among(
    terms: Terms, cells: tuple[int, ...], chosen: frozenset[Valuation], of: frozenset[Valuation] | None
) -> Term:
    if not chosen:
        return 0
    if chosen == of or not cells:
        return 1
    first, rest = cells[0], cells[1:]
    branches: dict[Term, list[int]] = defaultdict(list)
    for value in sorted({valuation[0] for valuation in (chosen if of is None else of)}):
        left = None if of is None else _tails(of, value)
        branches[_among(terms, rest, _tails(chosen, value), left)].append(value)
    if of is not None and len(branches) == 1:
        return next(iter(branches))
    return terms.disjunction(
        terms.conjunction([terms.disjunction(terms.equal(terms.cell(first), v) for v in values), below])
        for below, values in branches.items()
        if isinstance(below, Node) or below
    )


def _tails(valuations: frozenset[Valuation], value: int) -> frozenset[Valuation]:
    return frozenset(valuation[1:] for valuation in valuations if valuation[0] == value)
