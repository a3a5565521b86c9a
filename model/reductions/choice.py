"""The reductions a user can ask for, by name, and what came of them in words."""

from __future__ import annotations

from collections.abc import Collection

from cowpath.model.explore.reductions import Permutation, Reductions
from cowpath.model.explore.result import Question
from cowpath.model.finite.domains import Narrowed
from cowpath.model.reductions import symmetry

NAMES = ("symmetry", "partial-order")


def choose(
    narrowed: Narrowed, questions: tuple[Question, ...], names: Collection[str]
) -> tuple[Reductions, tuple[str, ...]]:
    """Return the reductions asked for, as far as the model allows them, and a line on each."""
    said = []
    permutations: tuple[Permutation, ...] = ()
    if "symmetry" in names:
        permutations = symmetry.permutations(narrowed.model)
        said.append(
            f"symmetry: {symmetry.describe(narrowed.model)}, {len(permutations) + 1} renamings"
            if permutations
            else "symmetry: refused, no two requests are interchangeable"
        )
    if "partial-order" not in names:
        return Reductions(permutations), tuple(said)
    from cowpath.model.reductions.certificate import certify

    found = certify(narrowed, questions)
    if found.needs:
        said.append("partial order: certified by z3")
    said += found.refused
    return Reductions(permutations, found.needs, found.visible, found.terminates), tuple(said)
