"""What one search from many starts finds, start by start (see `finite.instances`)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from cowpath.model.explore.codes import Coding, Columns
from cowpath.model.finite.domains import Narrowed

Counts = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Each:
    """What was found of each start, in their order; of each it is what a search of that one alone finds.

    `depths`: the least depth at which each question was answered, -1 where it was not. `transitions` is None
    where the engine does not count them by start. `complete` says of which starts every state was seen, which
    are all unless the search was `stopped`.
    """

    engine: str
    states: Counts
    transitions: Counts | None
    depth: Counts
    depths: Mapping[str, Counts]
    complete: npt.NDArray[np.bool_]
    seconds: float
    prepared: float
    stopped: str | None
    remarks: tuple[str, ...] = ()


class Origins:
    """Tells from which start a state comes, by the codes of what only tells starts apart."""

    def __init__(self, narrowed: Narrowed, coding: Coding) -> None:
        self.coding = coding
        rigid = set(narrowed.rigid)
        starts = narrowed.model.starts
        self._parts: list[tuple[int, Counts]] = []  # a group, and what each of its codes adds to the key
        keys, factor = [0] * len(starts), 1
        for number, group in enumerate(coding.groups):
            places = [place for place, cell in enumerate(group.cells) if cell in rigid]
            if not places:
                continue
            known: dict[tuple[int, ...], int] = {}
            codes = [known.setdefault(tuple([v[p] for p in places]), len(known)) for v in group.valuations]
            cells = [group.cells[place] for place in places]
            for start, state in enumerate(starts):
                keys[start] += factor * known[tuple([state[cell] for cell in cells])]
            if len(known) > 1:
                self._parts.append((number, np.array(codes, np.int64) * factor))
                factor *= len(known)
        assert factor < 1 << 62, "the starts differ in too many ways for one key"
        assert len({*keys}) == len(keys), "two starts cannot be told apart"
        self._order = np.argsort(np.array(keys, np.int64))
        self._keys = np.array(keys, np.int64)[self._order]

    def __call__(self, states: Columns) -> Counts:
        """Return the start that each of the states comes from."""
        key = np.zeros(len(states[0]), np.int64)
        for number, part in self._parts:
            key += part[self.coding.codes(states, number)]
        found: Counts = self._order[np.searchsorted(self._keys, key)]
        return found


class Tally:
    """Counts what is found of each start, a depth after the other."""

    def __init__(self, narrowed: Narrowed, coding: Coding, names: Sequence[str]) -> None:
        self.origins = Origins(narrowed, coding)
        self.many = len(narrowed.model.starts)
        self.states, self.transitions, self.depth = (np.zeros(self.many, np.int64) for _ in range(3))
        self.depths = {name: np.full(self.many, -1) for name in names}
        self.at = 0

    @property
    def counted(self) -> dict[str, Counts]:
        """All that is counted, by name."""
        own = {"tally.states": self.states, "tally.transitions": self.transitions, "tally.depth": self.depth}
        return own | {f"tally.{name}": depths for name, depths in self.depths.items()}

    def begin(self, at: int, layer: Sequence[Columns]) -> None:
        """Count the states of a depth, given in parts."""
        self.at = at
        for states in layer:
            whose = self.origins(states)
            self.states += np.bincount(whose, minlength=self.many)
            self.depth[whose] = at

    def answer(self, name: str, whose: Counts) -> None:
        """Note that states of these starts answer a question at this depth."""
        depths = self.depths[name]
        depths[whose[depths[whose] < 0]] = self.at

    def result(
        self,
        engine: str,
        seconds: float,
        prepared: float,
        stopped: str | None,
        transitions: bool,
    ) -> Each:
        """Return what was found. A start without states at the last depth is complete in any case."""
        complete = np.ones(self.many, np.bool_) if stopped is None else self.depth < self.at
        counted = self.transitions if transitions else None
        found = self.states, counted, self.depth, self.depths, complete
        return Each(engine, *found, seconds, prepared, stopped)
