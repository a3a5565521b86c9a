"""Symmetry: interchangeable elements of unordered indices, and what swapping them does to a state.

The text cannot tell elements of an unordered index apart but by its parameters, so a renaming of elements
that leaves every parameter's table as it is leaves the model as it is.
(C. N. Ip, D. L. Dill, Better verification through symmetry, Formal Methods in System Design 9, 1996.)
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Mapping, Sequence

from cowpath.model.explore.reductions import Permutation
from cowpath.model.finite.ground import GroundModel
from cowpath.model.finite.instance import Instance
from cowpath.model.language.sorts import Index, Maybe, Position, Sort
from cowpath.model.language.system import System

_MOST = 720  # permutations; of a larger group a subgroup is used, which is sound and merges fewer states

Renaming = Mapping[str, Sequence[int]]  # for each index the image of each element


Tree = tuple[int, ...]
"""An element, and those that a table of the instance names for it: its pieces, say. It moves with them."""


def classes(model: GroundModel) -> list[tuple[str, tuple[Tree, ...]]]:
    """Return the classes of two or more interchangeable elements, with their index.

    Elements of two trees of a class correspond by their places.
    """
    found = []
    for index in _unordered(model.system):
        rest = list(model.instance.elements(index))
        while rest:
            first, *others = rest
            swaps = {r: swap for r in others if (swap := _swap(model, index, first, r)) is not None}
            whole = next(iter(swaps.values()), {first: first})
            same = [tuple(whole), *(tuple(swap.values()) for swap in swaps.values())]
            rest = [r for r in rest if not any(r in tree for tree in same)]
            if len(same) > 1:
                found.append((index.name, tuple(same)))
    return found


def permutations(model: GroundModel) -> tuple[Permutation, ...]:
    """Return the permutations of the classes but the identity; of large classes those of parts of them."""
    parts, size = [], 1
    for index, members in classes(model):
        for start, stop in _stretches(len(members), _MOST // size):
            parts.append((index, members[start:stop]))
            size *= math.factorial(stop - start)
    found = []
    for images in itertools.product(*(itertools.permutations(members) for _, members in parts)):
        renaming = identity(model)
        for (index, members), image in zip(parts, images, strict=True):
            move(renaming[index], members, image)
        found.append(permutation(model, renaming))
    return tuple(found[1:])


def identity(model: GroundModel) -> dict[str, list[int]]:
    """Return the renaming that renames nobody."""
    return {name: list(range(size)) for name, size in model.instance.sizes.items()}


def move(renaming: list[int], trees: Sequence[Tree], images: Sequence[Tree]) -> None:
    """Put the images in the place of the trees."""
    for tree, image in zip(trees, images, strict=True):
        for element, other in zip(tree, image, strict=True):
            renaming[element] = other


def describe(model: GroundModel) -> str | None:
    """Return in words who is interchangeable; None if nobody is."""
    names = [
        "{" + ", ".join(model.instance.names[index][tree[0]] for tree in members) + "}"
        for index, members in classes(model)
    ]
    return None if not names else ", ".join(names)


def _unordered(system: System) -> list[Index]:
    indices = {i for v in system.variables.values() for i in v.indices}
    return sorted((i for i in indices if not i.ordered), key=lambda i: i.name)


def _swap(model: GroundModel, index: Index, one: int, two: int) -> dict[int, int] | None:
    """Return what takes the place of what when two elements change places; None if that changes a table."""
    swap = {one: two}
    for element, other in _partners(model, index, one, two):
        if swap.setdefault(element, other) != other:
            return None
    renaming = identity(model)
    for element, other in swap.items():
        renaming[index.name][element], renaming[index.name][other] = other, element
    parameters = model.system.parameters.values()
    kept = all(
        table[_image(p.indices, indices, renaming)] == _renamed(p.sort, model.instance, value, renaming)
        for p in parameters
        for table in [model.instance.tables[p.name]]
        for indices, value in table.items()
    )
    return swap if kept else None


def _partners(model: GroundModel, index: Index, one: int, two: int) -> Iterator[tuple[int, int]]:
    """Yield what tables name for one and for two, and for those in turn: they must change places, too.

    Tables that name who an element belongs to, by it alone, are no matter: it is there before.
    """
    queue, seen, nobody = [(one, two)], {(one, two)}, model.instance.sizes[index.name]
    naming = [
        model.instance.tables[p.name]
        for p in model.system.parameters.values()
        if p.sort == Maybe(index) and len(p.indices) > 1 and p.indices[0] == index
    ]
    for here, there in queue:  # which grows
        for table in naming:
            for (first, *others), value in table.items():
                pair = (value, table[(there, *others)])
                if first == here and value != nobody and pair[1] != nobody and pair not in seen:
                    seen.add(pair)
                    queue.append(pair)
                    yield pair


def _image(indices: Sequence[Index], elements: Sequence[int], renaming: Renaming) -> tuple[int, ...]:
    return tuple(renaming[index.name][element] for index, element in zip(indices, elements, strict=True))


def _renamed(sort: Sort, instance: Instance, value: int, renaming: Renaming) -> int:
    if isinstance(sort, Maybe | Position):
        sort = sort.index
    if isinstance(sort, Index) and value < instance.sizes[sort.name]:
        return renaming[sort.name][value]
    return value


def permutation(model: GroundModel, renaming: Renaming) -> Permutation:
    """Return what a renaming of elements does to components and their values."""
    cells, variables, sizes = model.layout.cells, model.system.variables, model.instance.sizes
    values = {
        name: tuple(_renamed(v.sort, model.instance, n, renaming) for n in range(v.sort.size(sizes)))
        for name, v in variables.items()
    }
    places = (_image(variables[cell.variable].indices, cell.indices, renaming) for cell in cells)
    to = (model.layout.position[cell.variable, place] for cell, place in zip(cells, places, strict=True))
    return Permutation(tuple(to), tuple(values[cell.variable] for cell in cells))


def _stretches(length: int, most: int) -> Iterator[tuple[int, int]]:
    """Yield parts of so many elements, each as long as its permutations and those before are few enough."""
    start = 0
    while start < length:
        stop = start + 1
        while stop < length and math.factorial(stop + 1 - start) <= most:
            stop += 1
        yield start, stop
        most //= math.factorial(stop - start)
        start = stop
