"""One state for all its renamings, as LLVM assembly: the least of them, as codes."""

from __future__ import annotations

from collections.abc import Sequence

from model.explore.native.text import Constants, Writer
from model.explore.reductions import Permutation
from model.explore.renaming import moved
from model.explore.semantics import Semantics


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
        there, codes = moved(coding, permutation, number)
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
