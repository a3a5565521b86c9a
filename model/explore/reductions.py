"""What an engine may leave out of a search without changing a verdict."""

from __future__ import annotations

from dataclasses import dataclass

from model.language.evaluate import Vector
from model.language.term import Term


@dataclass(frozen=True)
class Permutation:
    """A renaming under which the model is the same: value v of component i becomes values[i][v] of to[i]."""

    to: tuple[int, ...]
    values: tuple[tuple[int, ...], ...]

    def of(self, state: Vector) -> Vector:
        """Return the renamed state."""
        renamed = list(state)
        for cell, value in enumerate(state):
            renamed[self.to[cell]] = self.values[cell][value]
        return tuple(renamed)


@dataclass(frozen=True)
class Reductions:
    """Two of them, each possibly none.

    `symmetry`: a group of permutations without the identity; of states that are renamings of each other, one
    is enough. `safe[r]`: a term over components that only owner r changes; where it holds and r can move, r's
    commands alone are enough (a persistent set: P. Godefroid, Partial-order methods for the verification of
    concurrent systems, LNCS 1032, 1996).
    """

    symmetry: tuple[Permutation, ...] = ()
    safe: tuple[Term, ...] = ()


UNREDUCED = Reductions()
