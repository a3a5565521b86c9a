"""One state for all its renamings: the least, in plain Python and in NumPy.

The group has no identity among its permutations, so the state itself is compared, too. Which of the renamings
is taken matters to partial-order reduction: owners go alone in one that do not in another. The engines that
know it compare components family by family.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

import numpy as np

from model.explore.packing import Packing, Words
from model.explore.reductions import Permutation
from model.language.domains import Narrowed

Columns = tuple[Words, ...]


def of_bytes(narrowed: Narrowed, symmetry: Sequence[Permutation]) -> Callable[[bytes], bytes] | None:
    """Return the function for states with one byte for each component that has more than one value."""
    if not symmetry:
        return None
    place = {cell: i for i, cell in enumerate(c for family in families(narrowed) for c in family)}
    live = sorted(place)
    tables: list[tuple[int, ...]] = []
    images = [_bytes(f"s[{live.index(cell)}]" for cell in place)]
    for permutation in symmetry:
        parts = [""] * len(live)
        for i, cell in enumerate(live):
            table = permutation.values[cell]
            source = f"s[{i}]"
            if table != tuple(range(len(table))):
                source = f"t{len(tables)}[{source}]"
                tables.append(table)
            parts[place[permutation.to[cell]]] = source
        images.append(_bytes(parts))
    space: dict[str, object] = {f"t{n}": table for n, table in enumerate(tables)}
    least: Callable[[bytes], bytes] = eval(f"lambda s: min({', '.join(images)})", space)
    back: Callable[[bytes], bytes] = eval(f"lambda s: {_bytes(f's[{place[cell]}]' for cell in live)}")
    return lambda state: back(least(state))


def families(narrowed: Narrowed) -> list[tuple[int, ...]]:
    """Gather the live components by what they belong to: the first index of their variables."""
    layout = narrowed.model.layout
    found: dict[object, list[int]] = {}
    for number, cell in enumerate(layout.cells):
        if len(narrowed.values[number]) > 1:
            indices = layout.system.variables[cell.variable].indices
            belongs = tuple(zip((i.name for i in indices), cell.indices, strict=True))[:1]
            found.setdefault(belongs, []).append(number)
    return [tuple(cells) for cells in found.values()]


def _bytes(parts: Iterable[str]) -> str:
    return f"bytes(({','.join(parts)},))"


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
