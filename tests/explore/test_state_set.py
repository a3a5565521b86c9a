"""The set of packed states against Python's sets, also where all hashes collide."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cowpath.model.explore import state_set
from cowpath.model.explore.codes import Columns
from cowpath.model.explore.packing import Words
from cowpath.model.explore.state_set import Recent, Run, StateSet, distinct

Row = tuple[int, ...]
Hash = Callable[[Columns], Words]

word = st.integers(0, 2) | st.integers(0, 2**64 - 1) | st.sampled_from([2**63 - 1, 2**63, 2**64 - 1])
fixed = settings(derandomize=True, deadline=None, database=None, max_examples=60)


def all_alike(states: Columns) -> Words:
    return np.full(len(states[0]), 7, dtype=np.uint64)


def one_of_two(states: Columns) -> Words:
    return states[-1] & np.uint64(1)


any_width = pytest.mark.parametrize("words", [1, 2, 3])
any_hash = pytest.mark.parametrize(  # one word is its own key, without a hash
    ("words", "collide"),
    [
        pytest.param(words, collide, id=f"{words}-{collide.__name__ if collide else 'hash'}")
        for words in (1, 2, 3)
        for collide in ((None, all_alike, one_of_two) if words > 1 else (None,))
    ],
)


def batches(words: int) -> st.SearchStrategy[list[list[Row]]]:
    row = st.tuples(*[st.integers(0, 2)] * words) | st.tuples(*[word] * words)
    return st.lists(st.lists(row, max_size=40), max_size=12)


def columns(rows: Sequence[Row], words: int) -> Columns:
    return tuple(np.array([row[i] for row in rows], dtype=np.uint64) for i in range(words))


def rows_of(run: Run) -> list[Row]:
    return [tuple(map(int, row)) for row in zip(*run.states, strict=True)]


@any_hash
def test_it_holds_what_a_set_of_tuples_would(words: int, collide: Hash | None) -> None:
    @fixed
    @given(batches(words))
    def compare(given_batches: list[list[Row]]) -> None:
        known: set[Row] = set()
        states = StateSet()
        for batch in given_batches:
            run = distinct(columns(batch, words))
            assert len(run) == len(set(batch))
            assert set(rows_of(run)) == set(batch)
            new = states.without_known(run)
            assert len(new) == len(rows_of(new))
            assert set(rows_of(new)) == set(batch) - known
            assert len(new) == len(set(batch) - known)
            known |= set(batch)
            states.add(new)
            assert len(states) == len(known)
            assert not len(states.without_known(run))
        assert {row for run in states.runs for row in rows_of(run)} == known

    with pytest.MonkeyPatch.context() as patch:
        if collide:
            patch.setattr(state_set, "_hash", collide)
        compare()


@any_hash
def test_runs_are_ascending_in_their_keys(words: int, collide: Hash | None) -> None:
    @fixed
    @given(batches(words))
    def compare(given_batches: list[list[Row]]) -> None:
        for batch in given_batches:
            run = distinct(columns(batch, words))
            assert list(run.keys) == sorted(run.keys)
            assert len(run.keys) == len(run)

    with pytest.MonkeyPatch.context() as patch:
        if collide:
            patch.setattr(state_set, "_hash", collide)
        compare()


@any_hash
def test_recent_states_are_left_out_and_no_other(words: int, collide: Hash | None) -> None:
    @fixed
    @given(batches(words))
    def compare(given_batches: list[list[Row]]) -> None:
        first = (0,) * words
        known, recent = {first}, Recent(columns([first], words))
        assert not len(recent.others(columns([first], words))[0])
        for batch in given_batches:
            left = list(zip(*(map(int, word) for word in recent.others(columns(batch, words))), strict=True))
            assert set(batch) - known <= set(left) <= set(batch)
            assert len(left) <= len(batch)
            assert not len(recent.others(columns(left[-1:], words))[0])
            known |= set(batch)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(state_set, "_RECENT", 2)
        if collide:
            patch.setattr(state_set, "_hash", collide)
        compare()


def test_one_word_is_its_own_key() -> None:
    run = distinct(columns([(5,), (2**64 - 1,), (5,), (0,)], 1))
    assert list(run.keys) == [0, 5, 2**64 - 1]
    assert rows_of(run) == [(0,), (5,), (2**64 - 1,)]


def test_the_hash_looks_at_every_word() -> None:
    rows = [(a, b, c) for a in range(8) for b in range(8) for c in range(8)]
    assert len(set(state_set._hash(columns(rows, 3)))) == len(rows)


@any_width
def test_runs_are_merged_as_they_grow(words: int) -> None:
    """A thousand states, added one at a time, are in a few runs, each far longer than the next."""
    states = StateSet()
    for i in range(1000):
        states.add(distinct(columns([(i * 0x9E3779B97F4A7C15 % 2**64,) * words], words)))
        assert all(len(a) >= 4 * len(b) for a, b in zip(states.runs, states.runs[1:], strict=False))
    assert len(states) == 1000
    assert len(states.runs) <= 6
    assert 8000 * words <= states.memory <= 8000 * (words + 1)
