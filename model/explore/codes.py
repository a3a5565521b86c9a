"""Dense location codes: a state as a few small numbers, one for each group of components.

Components are grouped by what they belong to (a request, a cluster, a sector). A fixpoint over one group
alone, all others arbitrary, finds the valuations it can take; a state is their indices side by side. For the
bundled designs this takes a third of the bits that the components' own values would take.
"""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from cowpath.model.explore.packing import Packing, Words
from cowpath.model.finite.domains import Guard, Narrowed, members, possible_values
from cowpath.model.finite.reference import Vector
from cowpath.model.finite.term import Term, cells_of

MOST = 4096  # valuations of a group; one that can take more is split
MOST_OF_BUFFER = 512  # the same, of a buffer where there are many starts
Columns = tuple[Words, ...]  # states: one array for each word
State = tuple[int, ...]  # one state: its words
Indices = npt.NDArray[np.intp]


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
    `renaming`). No code straddles two words, of `word` bits. `fixed`: what components without a code are.
    """

    groups: tuple[Group, ...]
    shifts: tuple[int, ...]
    bits: int
    fixed: Vector
    word: int

    @cached_property
    def home(self) -> Mapping[int, tuple[int, int]]:
        """Component -> its group and its place among the group's cells."""
        return {cell: (g, i) for g, group in enumerate(self.groups) for i, cell in enumerate(group.cells)}

    @staticmethod
    def of(narrowed: Narrowed, most: int = MOST, word: int = 64) -> Coding:
        """Return the coding of a ground model; a family that can take more valuations has a code for each."""
        groups = tuple(group for cells in families(narrowed) for group in _closed(narrowed, cells, most))
        shifts, at = [], 0
        for group in reversed(groups):
            if at // word != (at + group.width - 1) // word:
                at += -at % word
            shifts.append(at if group.width else 0)
            at += group.width
        return Coding(groups, tuple(reversed(shifts)), max(at, 1), narrowed.model.starts[0], word)

    @property
    def words(self) -> int:
        """Words of a state."""
        return -(-self.bits // self.word)

    @property
    def initial(self) -> int:
        """The initial state."""
        return self.number(self.fixed)

    def number(self, state: Vector) -> int:
        """Return the codes of a state side by side."""
        return sum(
            group.code[tuple(state[c] for c in group.cells)] << shift
            for group, shift in zip(self.groups, self.shifts, strict=True)
        )

    def pack(self, state: Vector) -> Words:
        """Return a state as a row of words, the least significant first."""
        number, mask = self.number(state), (1 << self.word) - 1
        words = [number >> self.word * n & mask for n in range(self.words)]
        return np.array([words], dtype=np.uint64)

    def unpack(self, row: Words) -> Vector:
        """Return the state of a row of words."""
        state = list(self.fixed)
        for group, shift in zip(self.groups, self.shifts, strict=True):
            code = int(row[shift // self.word]) >> shift % self.word & (1 << group.width) - 1
            for cell, value in zip(group.cells, group.valuations[code], strict=True):
                state[cell] = value
        return tuple(state)

    def codes(self, states: Columns, group: int) -> Indices:
        """Return the group's code in each of the states."""
        word, shift = divmod(self.shifts[group], self.word)
        mask = np.uint64((1 << self.groups[group].width) - 1)
        return (states[word] >> np.uint64(shift) & mask).view(np.int64)


class Packed:
    """Turns states into packed words (see `packing`), which sort like the states of the reference engine."""

    def __init__(self, narrowed: Narrowed, coding: Coding) -> None:
        self.coding = coding
        self.packing = Packing.of(narrowed.values)
        self._parts = [self._contribution(group) for group in coding.groups]

    def __call__(self, states: Columns) -> Columns:
        """Return the states' packed words."""
        columns = tuple(np.zeros(len(states[0]), dtype=np.uint64) for _ in range(self.packing.words))
        for number, parts in enumerate(self._parts):
            codes = self.coding.codes(states, number)
            for column, part in zip(columns, parts, strict=True):
                column |= part[codes]
        return columns

    def least(self, states: Columns) -> tuple[State, State]:
        """Return the least of the states, packed, and as it is."""
        packed = self(states)
        first = np.lexsort(packed[::-1])[0]
        return tuple(int(word[first]) for word in packed), tuple(int(word[first]) for word in states)

    def _contribution(self, group: Group) -> list[Words]:
        """Return for each packed word what each code of a group puts there."""
        parts = [np.zeros(len(group.valuations), dtype=np.uint64) for _ in range(self.packing.words)]
        for code, valuation in enumerate(group.valuations):
            for cell, value in zip(group.cells, valuation, strict=True):
                place = self.packing.fields[cell]
                parts[place.word][code] |= np.uint64(value << place.shift)
        return parts


def families(narrowed: Narrowed) -> list[tuple[int, ...]]:
    """Gather the live components by what they belong to: the first index of their variables.

    Where there are many starts what a family has in common is cut in three, or its valuations would multiply:
    what only tells starts apart, what has no second index (where it is), and each variable that has one.
    """
    layout = narrowed.model.layout
    rigid = set(narrowed.rigid)
    found: dict[object, list[int]] = {}
    for number, cell in enumerate(layout.cells):
        if len(narrowed.values[number]) > 1:
            indices = layout.system.variables[cell.variable].indices
            belongs = tuple(zip((i.name for i in indices), cell.indices, strict=True))[:1]
            part: object = None
            if rigid:
                part = "rigid" if number in rigid else cell.variable if len(indices) > 1 else "where"
            found.setdefault((belongs, part), []).append(number)
    return [tuple(cells) for cells in found.values()]


def _closed(narrowed: Narrowed, cells: tuple[int, ...], most: int) -> Iterator[Group]:
    """Yield the cells as one group, or, where it could take too many valuations, each as its own."""
    layout = narrowed.model.layout
    buffers = all(len(layout.cells[cell].indices) > 1 for cell in cells)
    if narrowed.rigid and buffers:  # one is copied to another by a table over both
        most = min(most, MOST_OF_BUFFER)
    valuations = _reachable(narrowed, cells, most)
    if valuations is not None:
        yield Group(cells, valuations)
    else:
        yield from (Group((cell,), tuple((v,) for v in narrowed.values[cell])) for cell in cells)


def _reachable(narrowed: Narrowed, cells: Sequence[int], most: int) -> tuple[Vector, ...] | None:
    """Return what the cells can take together while all others are arbitrary; None if that is too much.

    A step is tried only where the cell that most guards test has a value for which the guard can hold.
    """
    place = {cell: i for i, cell in enumerate(cells)}
    seen = {tuple([start[cell] for cell in cells]) for start in narrowed.model.starts}
    if len(seen) > most:
        return None
    masks = [sum(1 << value for value in values) for values in narrowed.values]
    steps: list[tuple[_Step, dict[int, int]]] = []
    for command in narrowed.model.commands:
        updates = [(cell, value) for cell, value in command.updates if cell in place]
        if updates:
            guard = Guard(command.enabled)
            tests = {cell: allowed for cell, allowed in guard.tests if cell in place}
            steps.append((_Step(guard, command.enabled, updates, place), tests))
    tested = Counter(cell for _, tests in steps for cell in tests)
    switch = tested.most_common(1)[0][0] if tested else cells[0]
    buckets = {
        value: [step for step, tests in steps if tests.get(switch, -1) >> value & 1]
        for value in narrowed.values[switch]
    }
    at, todo = place[switch], list(seen)
    while todo:
        valuation = todo.pop()
        for step in buckets[valuation[at]]:
            for after in step.successors(valuation, masks):
                if after not in seen:
                    if len(seen) >= most:
                        return None
                    seen.add(after)
                    todo.append(after)
    return tuple(sorted(seen))


class _Step:
    """What a command does to one group; remembered for the values of the cells it looks at."""

    def __init__(
        self, guard: Guard, enabled: Term, updates: list[tuple[int, Term]], place: Mapping[int, int]
    ) -> None:
        self.guard = guard
        self.updates = [(cell, place[cell], value) for cell, value in updates]
        read = {*cells_of(enabled), *(c for _, value in updates for c in cells_of(value))}
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
        seen = self.guard.refine(fixed)
        if seen is None:
            return []
        values = (
            tuple(members(possible_values(value, seen, fixed) & masks[cell]))
            for cell, _, value in self.updates
        )
        return list(itertools.product(*values))
