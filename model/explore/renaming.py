"""One state for all its renamings: the least, in plain Python and in NumPy.

The group has no identity among its permutations, so the state itself is compared, too.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from model.explore.packing import Packing, Words
from model.explore.reductions import Permutation
from model.language.domains import Narrowed

Columns = tuple[Words, ...]


def of_bytes(narrowed: Narrowed, symmetry: Sequence[Permutation]) -> Callable[[bytes], bytes] | None:
    """Return the function for states with one byte for each component that has more than one value."""
    if not symmetry:
        return None
    live = [cell for cell, values in enumerate(narrowed.values) if len(values) > 1]
    place = {cell: i for i, cell in enumerate(live)}
    tables: list[tuple[int, ...]] = []
    images = []
    for permutation in symmetry:
        parts = [""] * len(live)
        for i, cell in enumerate(live):
            table = permutation.values[cell]
            source = f"s[{i}]"
            if table != tuple(range(len(table))):
                source = f"t{len(tables)}[{source}]"
                tables.append(table)
            parts[place[permutation.to[cell]]] = source
        images.append(f"bytes(({','.join(parts)},))")
    space = {f"t{n}": table for n, table in enumerate(tables)}
    made: Callable[[bytes], bytes] = eval(f"lambda s: min(s, {', '.join(images)})", space)
    return made


def of_columns(packing: Packing, symmetry: Sequence[Permutation]) -> Callable[[Columns], Columns] | None:
    """Return the function for columns of packed words."""
    if not symmetry:
        return None

    def canonical(states: Columns) -> Columns:
        least = states
        for permutation in symmetry:
            image = _image(packing, permutation, states)
            less = np.zeros(len(states[0]), dtype=bool)
            same = np.ones(len(states[0]), dtype=bool)
            for new, old in zip(image, least, strict=True):
                less |= same & (new < old)
                same &= new == old
            least = tuple(np.where(less, new, old) for new, old in zip(image, least, strict=True))
        return least

    return canonical


def _image(packing: Packing, permutation: Permutation, states: Columns) -> Columns:
    image = tuple(np.zeros_like(column) for column in states)
    for cell, field in packing.fields.items():
        there = packing.fields[permutation.to[cell]]
        value = states[field.word] >> np.uint64(field.shift) & np.uint64(field.mask)
        table = permutation.values[cell]
        if table != tuple(range(len(table))):
            value = np.array(table, dtype=np.uint64)[value]
        image[there.word][...] |= value << np.uint64(there.shift)
    return image
