"""The one verdict type: what may be said of a property."""

from __future__ import annotations

from collections.abc import Iterable
from enum import Enum


class Verdict(Enum):
    """What is known of a property.

    A refutation needs one witness, a proof needs the whole space. `UNDETERMINED` means that a limit was
    hit before either was had; it never counts as a pass.
    """

    HOLDS = "holds"
    VIOLATED = "violated"
    UNDETERMINED = "undetermined"

    @property
    def exit_status(self) -> int:
        """The exit status of a command whose overall verdict this is."""
        return {Verdict.HOLDS: 0, Verdict.VIOLATED: 1, Verdict.UNDETERMINED: 3}[self]


def worst(verdicts: Iterable[Verdict]) -> Verdict:
    """Return the verdict of a conjunction: one violation refutes it, one gap leaves it undetermined."""
    seen = set(verdicts)
    for verdict in (Verdict.VIOLATED, Verdict.UNDETERMINED):
        if verdict in seen:
            return verdict
    return Verdict.HOLDS
