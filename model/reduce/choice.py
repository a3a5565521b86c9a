"""The reductions a user can ask for, by name, and what came of them in words."""

from __future__ import annotations

from collections.abc import Collection

from model.explore.reductions import Permutation, Reductions
from model.language.domains import Narrowed
from model.reduce import symmetry

NAMES = ("symmetry",)


def choose(narrowed: Narrowed, names: Collection[str]) -> tuple[Reductions, tuple[str, ...]]:
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
    return Reductions(permutations), tuple(said)
