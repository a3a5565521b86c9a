"""One state for all its renamings, as LLVM assembly: the least of them, as codes."""

from __future__ import annotations

from collections.abc import Sequence

from model.explore.native.text import Constants, Semantics, Writer
from model.explore.reductions import Permutation


def text(symmetry: Sequence[Permutation], semantics: Semantics, constants: Constants) -> str:
    """Return the function `@canonical`."""
    writer = Writer(semantics, constants)
    state, least = writer.state_type, "%s"
    for permutation in symmetry:
        image = _image(permutation, writer)
        less = writer.add(f"icmp ult {state} {image}, {least}")
        least = writer.add(f"select i1 {less}, {state} {image}, {state} {least}")
    head = f"define internal {state} @canonical({state} %s) {{"
    return "\n".join([head, *writer.lines, f"  ret {state} {least}", "}"])


def _image(permutation: Permutation, writer: Writer) -> str:
    coding, state = writer.coding, writer.state_type
    still = 0  # bits of the groups that stay as they are
    image = "0"
    for number, group in enumerate(coding.groups):
        there = coding.home[permutation.to[group.cells[0]]][0]
        codes = _codes(permutation, writer, number, there)
        if there == number and codes == list(range(len(codes))):
            still |= ((1 << group.width) - 1) << coding.shifts[number]
            continue
        code = writer.code(number)
        if codes != list(range(len(codes))):
            code = writer.entry(codes, code)
        if coding.words > 1:
            code = writer.add(f"zext i64 {code} to {state}")
        if coding.shifts[there]:
            code = writer.add(f"shl {state} {code}, {coding.shifts[there]}")
        image = writer.add(f"or {state} {image}, {code}")
    if still:
        same = writer.add(f"and {state} %s, {still}")
        image = writer.add(f"or {state} {image}, {same}")
    return image


def _codes(permutation: Permutation, writer: Writer, here: int, there: int) -> list[int]:
    """Return for each code of a group the code that its image has in the group it goes to."""
    source, target = writer.coding.groups[here], writer.coding.groups[there]
    places = [target.cells.index(permutation.to[cell]) for cell in source.cells]
    codes = []
    for valuation in source.valuations:
        image = [0] * len(places)
        for cell, place, value in zip(source.cells, places, valuation, strict=True):
            image[place] = permutation.values[cell][value]
        codes.append(target.code[tuple(image)])
    return codes
