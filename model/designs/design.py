"""What a design is: a system with its history."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

from cowpath.model.language.claim import Argument
from cowpath.model.language.system import System
from cowpath.model.scenarios.scenario import Scenario


@dataclass(frozen=True)
class Design:
    """One way of keeping readers of the backup target and copy-before-write apart.

    `changes`: for a repair, each change it makes and what falls without it. `lacks`: kinds of request that
    it has no place for. `breaks_snapshot`: it has the option on-cbw-error. `argument`: what its proofs for
    any number of requests and clusters rest on.
    """

    name: str
    era: str
    explanation: str
    sources: tuple[str, ...]
    build: Callable[[], System]
    changes: tuple[tuple[str, str], ...] = ()
    lacks: tuple[str, ...] = ("client-discard",)
    breaks_snapshot: bool = False
    argument: Argument | None = None

    def unsupported(self, scenario: Scenario) -> str | None:
        """Return what of the scenario the design has no place for, in words; None if it fits."""
        kinds = {request.kind for request in scenario.requests}
        missing = [kind for kind in self.lacks if kind in kinds]
        if scenario.on_cbw_error == "break-snapshot" and not self.breaks_snapshot:
            missing.append("on_cbw_error")
        return ", ".join(missing) or None

    @cached_property
    def system(self) -> System:
        """The design's model, recorded once."""
        return self.build()
