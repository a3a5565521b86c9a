"""Bit-packing: where each component of the state lies in one or more 64-bit words.

Components are packed in order from the most significant bit of the first word, and none straddles two
words: so packed states sort like the byte strings of the reference engine. What can take one value only
takes no bits.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from cowpath.model.finite.reference import Vector

WORD = 64
Words = npt.NDArray[np.uint64]


@dataclass(frozen=True)
class Field:
    """A component's place: word number, shift from the least significant bit, mask before shifting."""

    word: int
    shift: int
    mask: int


@dataclass(frozen=True)
class Packing:
    """Places of all components with more than one value, and the value of those with one."""

    fields: Mapping[int, Field]
    words: int
    bits: int
    fixed: Vector

    @staticmethod
    def of(values: Sequence[Sequence[int]]) -> Packing:
        """Return the packing for components that take these values (ascending)."""
        fields: dict[int, Field] = {}
        word, free, bits = 0, WORD, 0
        for cell, taken in enumerate(values):
            if len(taken) < 2:
                continue
            width = taken[-1].bit_length()
            if width > free:
                word, free = word + 1, WORD
            free -= width
            bits += width
            fields[cell] = Field(word, free, (1 << width) - 1)
        return Packing(fields, word + 1, bits, tuple(taken[0] for taken in values))

    def pack(self, state: Vector) -> Words:
        """Return the state as one row of words."""
        words = [0] * self.words
        for cell, field in self.fields.items():
            words[field.word] |= state[cell] << field.shift
        return np.array([words], dtype=np.uint64)

    def unpack(self, row: Words) -> Vector:
        """Return the state vector of one row."""
        state = list(self.fixed)
        for cell, field in self.fields.items():
            state[cell] = int(row[field.word]) >> field.shift & field.mask
        return tuple(state)
