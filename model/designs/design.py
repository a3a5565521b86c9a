"""What a design is: a system with its history."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

from model.language.system import System


@dataclass(frozen=True)
class Design:
    """One way of keeping readers of the backup target and copy-before-write apart.

    `changes`: for a repair, each change it makes and what falls without it.
    """

    name: str
    era: str
    explanation: str
    sources: tuple[str, ...]
    build: Callable[[], System]
    changes: tuple[tuple[str, str], ...] = ()

    @cached_property
    def system(self) -> System:
        """The design's model, recorded once."""
        return self.build()
