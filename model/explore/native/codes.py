"""Dense location codes: a state as a few small numbers, one for each group of components.

Components are grouped by what they belong to (a request, a cluster, a sector). A fixpoint over one group
alone, all others arbitrary, finds the valuations it can take; a state is their indices side by side. For the
bundled designs this takes a third of the bits that the components' own values would take.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from model.explore.renaming import families
from model.language.domains import Narrowed, members, possible_values, refine
from model.language.evaluate import Vector
from model.language.term import Term, cells_of

_MOST = 4096  # valuations of a group; one that can take more is split


@dataclass(frozen=True)
class Group:
    """Components that share a code, and the valuations it stands for, ascending; the code is the index."""

    cells: tuple[int, ...]
    valuations: tuple[Vector, ...]

    @cached_property
    def code(self) -> Mapping[Vector, int]:
        """The code of each valuation."""
        return {valuation: code for code, valuation in enumerate(self.valuations)}

    @property
    def width(self) -> int:
        """Bits of the code."""
        return (len(self.valuations) - 1).bit_length()


@dataclass(frozen=True)
class Coding:
    """All groups, and where the code of each lies in a state: the shift from the least significant bit.

    The first group is the most significant: states sort like their components, family by family (see
    `renaming`). No code straddles two 64-bit words.
    """

    groups: tuple[Group, ...]
    shifts: tuple[int, ...]
    bits: int
    initial: int

    @cached_property
    def home(self) -> Mapping[int, tuple[int, int]]:
        """Component -> its group and its place among the group's cells."""
        return {cell: (g, i) for g, group in enumerate(self.groups) for i, cell in enumerate(group.cells)}

    @staticmethod
    def of(narrowed: Narrowed) -> Coding:
        """Return the coding of a ground model."""
        groups = tuple(group for cells in families(narrowed) for group in _closed(narrowed, cells))
        shifts, at = [], 0
        for group in reversed(groups):
            if at // 64 != (at + group.width - 1) // 64:
                at += -at % 64
            shifts.append(at)
            at += group.width
        shifts.reverse()
        start = narrowed.model.initial
        initial = sum(
            group.code[tuple(start[c] for c in group.cells)] << shift
            for group, shift in zip(groups, shifts, strict=True)
        )
        return Coding(groups, tuple(shifts), max(at, 1), initial)

    @property
    def words(self) -> int:
        """64-bit words of a state."""
        return -(-self.bits // 64)


def _closed(narrowed: Narrowed, cells: tuple[int, ...]) -> Iterator[Group]:
    """Yield the cells as one group, or, where it could take too many valuations, each as its own."""
    valuations = _reachable(narrowed, cells)
    if valuations is not None:
        yield Group(cells, valuations)
    else:
        yield from (Group((cell,), tuple((v,) for v in narrowed.values[cell])) for cell in cells)


def _reachable(narrowed: Narrowed, cells: Sequence[int]) -> tuple[Vector, ...] | None:
    """Return what the cells can take together while all others are arbitrary; None if that is too much."""
    masks = [sum(1 << value for value in values) for values in narrowed.values]
    place = {cell: i for i, cell in enumerate(cells)}
    steps = [
        _Step(command.enabled, updates, place)
        for command in narrowed.model.commands
        if (updates := [(cell, value) for cell, value in command.updates if cell in place])
    ]
    start = tuple(narrowed.model.initial[cell] for cell in cells)
    seen, todo = {start}, [start]
    while todo:
        valuation = todo.pop()
        for step in steps:
            for after in step.successors(valuation, masks):
                if after not in seen:
                    if len(seen) == _MOST:
                        return None
                    seen.add(after)
                    todo.append(after)
    return tuple(sorted(seen))


class _Step:
    """What a command does to one group; remembered for the values of the cells it looks at."""

    def __init__(self, guard: Term, updates: list[tuple[int, Term]], place: Mapping[int, int]) -> None:
        self.guard = guard
        self.updates = [(cell, place[cell], value) for cell, value in updates]
        read = {*cells_of(guard), *(c for _, value in updates for c in cells_of(value))}
        self.reads = [(cell, place[cell]) for cell in sorted(read & place.keys())]
        self.known: dict[Vector, list[tuple[int, ...]]] = {}

    def successors(self, valuation: Vector, masks: list[int]) -> Iterator[Vector]:
        """Yield what the group can be after the step."""
        key = tuple(valuation[i] for _, i in self.reads)
        if key not in self.known:
            self.known[key] = self._choices(key, masks)
        for values in self.known[key]:
            after = list(valuation)
            for (_, i, _), value in zip(self.updates, values, strict=True):
                after[i] = value
            yield tuple(after)

    def _choices(self, key: Vector, masks: list[int]) -> list[tuple[int, ...]]:
        fixed = list(masks)
        for (cell, _), value in zip(self.reads, key, strict=True):
            fixed[cell] = 1 << value
        seen = refine(self.guard, fixed)
        if seen is None:
            return []
        values = (
            tuple(members(possible_values(value, seen, fixed) & masks[cell]))
            for cell, _, value in self.updates
        )
        return list(itertools.product(*values))
