"""Packing: every state there and back, in the same order, no component across two words."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cowpath.model.explore.packing import Field, Packing
from cowpath.model.finite.reference import Vector

fixed = settings(derandomize=True, deadline=None, database=None)

component = st.lists(st.integers(0, 7) | st.integers(0, 2**20), min_size=1, max_size=4, unique=True).map(
    sorted
)
components = st.lists(component, min_size=1, max_size=30)


@st.composite
def with_states(draw: st.DrawFn) -> tuple[list[list[int]], list[Vector]]:
    """Components, and states over them."""
    values = draw(components)
    state = st.tuples(*(st.sampled_from(taken) for taken in values))
    return values, draw(st.lists(state, min_size=1, max_size=20))


@fixed
@given(with_states())
def test_packed_states_come_back(case: tuple[list[list[int]], list[Vector]]) -> None:
    values, states = case
    packing = Packing.of(values)
    for state in states:
        row = packing.pack(state)
        assert row.shape == (1, packing.words)
        assert row.dtype == np.uint64
        assert packing.unpack(row[0]) == state


@fixed
@given(with_states())
def test_packed_states_sort_like_vectors(case: tuple[list[list[int]], list[Vector]]) -> None:
    values, states = case
    packing = Packing.of(values)
    rows = [tuple(map(int, packing.pack(state)[0])) for state in states]
    assert [packing.unpack(np.array(row, dtype=np.uint64)) for row in sorted(rows)] == sorted(states)


@fixed
@given(components)
def test_fields_are_apart_and_straddle_no_word(values: list[list[int]]) -> None:
    packing = Packing.of(values)
    taken = set()
    for cell, field in packing.fields.items():
        width = field.mask.bit_length()
        assert field.mask == (1 << width) - 1
        assert field.mask >= values[cell][-1] > field.mask >> 1  # wide enough and no wider
        assert field.shift >= 0
        assert field.shift + width <= 64
        assert field.word < packing.words
        taken |= {(field.word, bit) for bit in range(field.shift, field.shift + width)}
    assert len(taken) == packing.bits == sum(f.mask.bit_length() for f in packing.fields.values())
    assert packing.fields.keys() == {cell for cell, some in enumerate(values) if len(some) > 1}


@pytest.mark.parametrize(("cells", "words"), [(21, 1), (22, 2), (42, 2), (43, 3)])
def test_a_word_holds_21_components_of_three_bits(cells: int, words: int) -> None:
    packing = Packing.of([(0, 5)] * cells)
    assert packing.words == words
    assert packing.bits == 3 * cells
    assert packing.fields[0] == Field(0, 61, 7)
    assert packing.fields[20] == Field(0, 1, 7)
    if cells > 21:
        assert packing.fields[21] == Field(1, 61, 7)


def test_what_has_one_value_takes_no_bits() -> None:
    packing = Packing.of([(3,), (0, 1), (9,), (0, 2)])
    assert packing.fields == {1: Field(0, 63, 1), 3: Field(0, 61, 3)}
    assert int(packing.pack((3, 1, 9, 2))[0, 0]) == 0b110 << 61
    assert packing.unpack(np.array([0b001 << 61], dtype=np.uint64)) == (3, 0, 9, 1)


def test_nothing_to_pack_is_one_empty_word() -> None:
    packing = Packing.of([(3,), (4,)])
    assert (packing.words, packing.bits) == (1, 0)
    assert packing.unpack(packing.pack((3, 4))[0]) == (3, 4)
