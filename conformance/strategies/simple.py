"""The simplest strategies: the default, and chance."""

from __future__ import annotations

import random
from collections.abc import Sequence

from conformance.scheduler.kernel import Strategy, Task


class Sequential(Strategy):
    """Always the default: everyone runs until it has to wait. There is one such run."""

    def choose(self, n: int, label: str, tasks: Sequence[Task]) -> int:
        """Return 0."""
        self.exhausted = True
        return 0


class RandomWalk(Strategy):
    """Every candidate with the same probability, at every step."""

    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed).random

    def choose(self, n: int, label: str, tasks: Sequence[Task]) -> int:
        """Return any."""
        return int(self._random() * n)
