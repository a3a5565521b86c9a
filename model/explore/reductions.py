"""What an engine may leave out of a search without changing a verdict."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from cowpath.model.finite.reference import Vector
from cowpath.model.finite.term import Term


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
class Need:
    """When a command must not go without the commands of the owner `other`.

    Where `enabled` is true and the command is enabled: some step to come of the other owner may clash with
    it. Where `disabled` is true and the command is not enabled: some step to come of the other may enable it.
    Both are terms over components that only the command's owner or the other changes.
    """

    other: int
    enabled: Term
    disabled: Term


@dataclass(frozen=True)
class Reductions:
    """Two of them, each possibly none.

    `symmetry`: a group of permutations without the identity; of states that are renamings of each other, one
    is enough.

    `needs[n]`: whom command n needs (empty: no partial-order reduction). A set of owners is closed in a state
    if it contains whom the commands of its members need there. The enabled commands of a closed set are
    enough (see `alone`) if there are any, if none of them is `visible`, and, unless the model `terminates`,
    if one of them leads to a state that is not expanded yet: breadth first, to a state of the next layer.
    """

    symmetry: tuple[Permutation, ...] = ()
    needs: tuple[tuple[Need, ...], ...] = ()
    visible: frozenset[int] = frozenset()
    terminates: bool = False


UNREDUCED = Reductions()


def alone(needed: Sequence[int], weight: Sequence[int], barred: int) -> int:
    """Return the closed set of owners (a bit mask) with the fewest enabled commands, but some; 0: none.

    `needed[r]`: whom the commands of r need (a bit mask); `weight[r]`: how many of them are enabled;
    `barred`: owners with an enabled command that is visible. Of several the one grown from the least owner
    is taken.
    """
    best, least = 0, sum(weight)
    for owner, enabled in enumerate(weight):
        if not enabled:
            continue
        closed, todo = 0, 1 << owner
        while todo:
            member = (todo & -todo).bit_length() - 1
            closed |= 1 << member
            todo = (todo | needed[member]) & ~closed
        total = sum(weight[r] for r in range(len(weight)) if closed >> r & 1)
        if total < least and not closed & barred:
            best, least = closed, total
    return best
