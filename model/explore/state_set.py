"""An exact set of packed states: sorted runs that are merged as they grow (a log-structured merge).

One-word states are their own sort key. Wider ones are sorted by a 64-bit hash of the words, and states are
compared whole wherever hashes agree, so a collision costs time and never an answer.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

from cowpath.model.explore.codes import Columns, Indices
from cowpath.model.explore.packing import Words

_MERGE_RATIO = 4
_RECENT = 17  # binary logarithm of the places


@dataclass(frozen=True)
class Run:
    """Distinct states in ascending order of their keys."""

    keys: Words
    states: Columns

    def __len__(self) -> int:
        return len(self.keys)

    @property
    def memory(self) -> int:
        """Bytes held."""
        columns = self.states if len(self.states) > 1 else ()
        return self.keys.nbytes + sum(column.nbytes for column in columns)


def distinct(states: Columns) -> Run:
    """Return the states as a run, each once."""
    return _sorted(states, None)


def merged(runs: Sequence[Run]) -> Run:
    """Return the states of some runs, one at least, as one run: a stable sort merges what is sorted."""
    if len(runs) == 1:
        return runs[0]
    parts = zip(*(run.states for run in runs), strict=True)
    return _sorted(tuple(np.concatenate(part) for part in parts), "stable")


def _sorted(states: Columns, kind: Literal["stable"] | None) -> Run:
    if len(states) == 1:
        keys = np.sort(states[0], kind=kind)
        keys = keys[_first_of_its_kind((keys,))]
        return Run(keys, (keys,))
    keys = _hash(states)
    order = np.argsort(keys, kind=kind)
    keys, ordered = keys[order], tuple(column[order] for column in states)
    new = _first_of_its_kind(ordered)
    if (new[1:] & (keys[1:] == keys[:-1])).any():  # a collision may have parted equal states
        order = np.lexsort((*ordered[::-1], keys))
        keys, ordered = keys[order], tuple(column[order] for column in ordered)
        new = _first_of_its_kind(ordered)
    return Run(keys[new], tuple(column[new] for column in ordered))


class StateSet:
    """All states seen so far."""

    def __init__(self) -> None:
        self.runs: list[Run] = []

    def __len__(self) -> int:
        return sum(len(run) for run in self.runs)

    @property
    def memory(self) -> int:
        """Bytes held by the set."""
        return sum(run.memory for run in self.runs)

    def add(self, run: Run) -> None:
        """Add states that are not in the set yet."""
        self.runs.append(run)
        while len(self.runs) > 1 and len(self.runs[-2]) < _MERGE_RATIO * len(self.runs[-1]):
            self.runs[-2:] = [merged(self.runs[-2:])]  # in one step: an interrupt finds the set whole

    def without_known(self, run: Run) -> Run:
        """Return those of the run's states that are not in the set."""
        for known in self.runs:
            if not len(run):
                break
            new = locate(known, run.keys, run.states) == len(known)
            run = Run(run.keys[new], tuple(column[new] for column in run.states))
        return run


def locate(known: Run, keys: Words, states: Columns) -> Indices:
    """Return where in the run each of the states is; the run's length for one that is not in it."""
    at = np.searchsorted(known.keys, keys)
    found = np.full(len(keys), len(known))
    pending = np.arange(len(keys))
    while len(pending):  # more than one round only where hashes collide
        pending = pending[at[pending] < len(known)]
        pending = pending[known.keys[at[pending]] == keys[pending]]
        same = np.ones(len(pending), dtype=bool)
        for have, want in zip(known.states, states, strict=True):
            same &= have[at[pending]] == want[pending]
        found[pending[same]] = at[pending[same]]
        pending = pending[~same]
        at[pending] += 1
    return found


class Recent:
    """States seen lately, one in each place: most of what a search finds is among them.

    `first` is a state that is in every set.
    """

    def __init__(self, first: Columns) -> None:
        self._states = tuple(np.full(1 << _RECENT, column[0]) for column in first)
        self._last = np.zeros(1 << _RECENT, dtype=np.intp)

    def others(self, states: Columns) -> Columns:
        """Return the states but most of those that were given before, or more than once."""
        at = (keys_of(states) * np.uint64(0x9E3779B97F4A7C15) >> np.uint64(64 - _RECENT)).view(np.int64)
        states, at = _but(states, at, _same(states, self._states, at))
        numbers = np.arange(len(at))
        self._last[at] = numbers
        last = self._last[at]
        states, at = _but(states, at, _same(states, states, last) & (last != numbers))
        for column, kept in zip(states, self._states, strict=True):
            kept[at] = column
        return states


def _same(states: Columns, others: Columns, at: Indices) -> npt.NDArray[np.bool_]:
    same = np.ones(len(at), dtype=bool)
    for column, other in zip(states, others, strict=True):
        same &= column == other[at]
    return same


def _but(states: Columns, at: Indices, dropped: npt.NDArray[np.bool_]) -> tuple[Columns, Indices]:
    kept = np.flatnonzero(~dropped)
    return tuple(column[kept] for column in states), at[kept]


def keys_of(states: Columns) -> Words:
    """Return the keys by which a run orders the states."""
    return states[0] if len(states) == 1 else _hash(states)


def _first_of_its_kind(ordered: Columns) -> npt.NDArray[np.bool_]:
    new = np.zeros(len(ordered[0]), dtype=bool)
    new[:1] = True
    for column in ordered:
        new[1:] |= column[1:] != column[:-1]
    return new


def _hash(states: Columns) -> Words:
    """Mix the words (the finaliser of splitmix64, chained)."""
    mixed = np.zeros_like(states[0])
    for column in states:
        mixed = (mixed ^ column) * np.uint64(0x9E3779B97F4A7C15)
        mixed ^= mixed >> np.uint64(30)
        mixed *= np.uint64(0xBF58476D1CE4E5B9)
        mixed ^= mixed >> np.uint64(27)
    return mixed
