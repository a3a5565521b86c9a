"""One state for all its renamings: the least, in plain Python and in NumPy.

The group has no identity among its permutations, so the state itself is compared, too. Which of the renamings
is taken matters to partial-order reduction: owners go alone in one that do not in another. The engines that
know it compare components family by family.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

import numpy as np

from cowpath.model.explore.codes import Coding, Columns, families
from cowpath.model.explore.reductions import Permutation
from cowpath.model.finite.domains import Narrowed


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


def _bytes(parts: Iterable[str]) -> str:
    return f"bytes(({','.join(parts)},))"


def of_columns(coding: Coding, symmetry: Sequence[Permutation]) -> Callable[[Columns], Columns] | None:
    """Return the function for columns of words of codes."""
    if not symmetry:
        return None
    images = [_image(coding, permutation) for permutation in symmetry]

    def canonical(states: Columns) -> Columns:
        least = states
        for image_of in images:
            image = image_of(states)
            less = np.zeros(len(states[0]), dtype=bool)
            same = np.ones(len(states[0]), dtype=bool)
            for new, old in zip(image[::-1], least[::-1], strict=True):  # the most significant word first
                less |= same & (new < old)
                same &= new == old
            least = tuple(np.where(less, new, old) for new, old in zip(image, least, strict=True))
        return least

    return canonical


def _image(coding: Coding, permutation: Permutation) -> Callable[[Columns], Columns]:
    parts = []
    for number in range(len(coding.groups)):
        there, codes = moved(coding, permutation, number)
        word, shift = divmod(coding.shifts[there], coding.word)
        parts.append((number, word, np.array(codes, dtype=np.uint64) << np.uint64(shift)))

    def image(states: Columns) -> Columns:
        columns = tuple(np.zeros_like(column) for column in states)
        for number, word, table in parts:
            columns[word][...] |= table[coding.codes(states, number)]
        return columns

    return image


def moved(coding: Coding, permutation: Permutation, number: int) -> tuple[int, list[int]]:
    """Return the group that a group goes to, and for each of its codes the code of its image there."""
    source = coding.groups[number]
    there = coding.home[permutation.to[source.cells[0]]][0]
    target = coding.groups[there]
    places = [target.cells.index(permutation.to[cell]) for cell in source.cells]
    codes = []
    for valuation in source.valuations:
        image = [0] * len(places)
        for cell, place, value in zip(source.cells, places, valuation, strict=True):
            image[place] = permutation.values[cell][value]
        codes.append(target.code[tuple(image)])
    return there, codes
