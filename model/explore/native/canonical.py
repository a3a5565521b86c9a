"""One state for all its renamings, as LLVM assembly: the least of them, as codes.

Renamings that change different groups of codes are tried apart from each other: what is least in the groups
that some change and in those that others change is the least of all.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

import numpy as np

from cowpath.model.explore.native.text import Constants, Writer
from cowpath.model.explore.reductions import Permutation
from cowpath.model.explore.renaming import moved
from cowpath.model.explore.semantics import Semantics

Image = list[tuple[int, list[int]]]
"""Of each group the group that it goes to, and for each of its codes the code of its image there."""


def text(symmetry: Sequence[Permutation], semantics: Semantics, constants: Constants) -> str:
    """Return the function `@canonical`."""
    writer = Writer(semantics, constants)
    state, groups = writer.state_type, range(len(semantics.coding.groups))
    images = [[moved(semantics.coding, permutation, group) for group in groups] for permutation in symmetry]
    parts = factors([_changed(image) for image in images])
    found = _kept(writer, set(groups).difference(*parts))
    for part, members in parts.items():
        least = _kept(writer, part)
        for member in members:
            image = _image(writer, part, images[member])
            less = writer.add(f"icmp ult {state} {image}, {least}")
            least = writer.add(f"select i1 {less}, {state} {image}, {state} {least}")
        found = writer.add(f"or {state} {found}, {least}")
    head = f"define internal {state} @canonical({state} %s) {{"
    return "\n".join([head, *writer.lines, f"  ret {state} {found}", "}"])


def factors(changed: Sequence[frozenset[int]]) -> dict[frozenset[int], list[int]]:
    """Return disjoint sets of which the renamings, a group but for the identity, change one each or several.

    With each set go the renamings (by number) that change nothing else; any other is a product of such.
    """
    parts: list[frozenset[int]] = []
    for each in sorted(changed, key=len):
        touched = [part for part in parts if part & each]
        if each != frozenset().union(*touched):
            parts = [part for part in parts if not part & each] + [each.union(*touched)]
    found = {part: [n for n, each in enumerate(changed) if each <= part] for part in parts}
    if math.prod(len(members) + 1 for members in found.values()) == len(changed) + 1:
        return found
    return {frozenset().union(*changed): list(range(len(changed)))}


def _changed(image: Image) -> frozenset[int]:
    return frozenset(n for n, (to, codes) in enumerate(image) if to != n or codes != list(range(len(codes))))


def _kept(writer: Writer, groups: Iterable[int]) -> str:
    """Write the state with nothing but these groups."""
    shifts, widths = writer.coding.shifts, [group.width for group in writer.coding.groups]
    mask = sum(((1 << widths[number]) - 1) << shifts[number] for number in groups)
    return writer.add(f"and {writer.state_type} %s, {mask}")


def _image(writer: Writer, part: Iterable[int], image: Image) -> str:
    """Write the images of these groups."""
    state, found = writer.state_type, "0"
    for number in sorted(part):
        there, codes = image[number]
        code = writer.code(number)
        if codes != list(range(len(codes))):
            code = writer.entry(np.array(codes, np.int64), code)
        if writer.coding.words > 1:
            code = writer.add(f"zext i64 {code} to {state}")
        if writer.coding.shifts[there]:
            code = writer.add(f"shl {state} {code}, {writer.coding.shifts[there]}")
        found = writer.add(f"or {state} {found}, {code}")
    return found
