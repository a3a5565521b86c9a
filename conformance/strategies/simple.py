"""The simplest strategies: the default, chance, and a path that somebody gives."""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import NamedTuple

from cowpath.conformance.scheduler.kernel import Failure, Strategy, Task

NOT_FROM, NOT_UP_TO = "not from", "not up to"
"""What a mirror's background asks of a part of the disk: not to begin there, not to go as far."""
ZEROES = "zeroes from cluster "
"""What the secondary disk asks: whether it says of the clusters from that one on that they are zeroes."""


class Sequential(Strategy):
    """Always the default: everyone runs until it has to wait. There is one such run."""

    def choose(self, n: int, label: str, tasks: Sequence[Task]) -> int:
        """Return 0."""
        return 0

    def end(self, failure: Failure | None) -> None:
        """There is no second run."""
        self.exhausted = True


class RandomWalk(Strategy):
    """Every alternative with the same probability, at every decision."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)

    def choose(self, n: int, label: str, tasks: Sequence[Task]) -> int:
        """Return any."""
        return int(self.random.random() * n)


class Wanted(NamedTuple):
    """A step to make: its label, whose it is, and for whom that one waits then if it parks.

    `first` and `last`: the clusters that it is on, where it names them, as "[start, end)" in bytes.
    """

    label: str
    name: str
    waits_for: str = ""
    first: str = ""
    last: str = ""

    def choice(self, label: str) -> int:
        """Return what to choose, asked whether to do otherwise than is made by default."""
        if label.startswith(NOT_FROM):
            return int(bool(self.first) and label != f"{NOT_FROM} {self.first}")
        if label.startswith(NOT_UP_TO):
            return int(bool(self.last) and label != f"{NOT_UP_TO} {self.last}")
        return int(bool(self.waits_for) and label != f"look past {self.waits_for}")


class Guided(Strategy):
    """Follow a path, as a model's trace gives it, then go on by default.

    `departed` tells at which step of the path, counted from 1, the run left it, and how; None if it did not.
    """

    def __init__(self, path: Sequence[Wanted]) -> None:
        self.path = path
        self.departed: tuple[int, str] | None = None

    def begin(self, tasks: Sequence[Task]) -> None:
        """Start at the first step."""
        self.at = 0
        self.departed = None

    def choose(self, n: int, label: str, tasks: Sequence[Task]) -> int:
        """Return the task whose step is next on the path, and look past whom it does not wait for."""
        if self.departed or self.at == len(self.path):
            return 0
        wanted = self.path[self.at].name
        if not tasks:
            if label.startswith(ZEROES):
                return self._zeroes(label.removeprefix(ZEROES))
            return self.path[self.at].choice(label)
        names = [task.name for task in tasks]
        if wanted not in names:
            self._depart(f"{wanted} cannot run; {', '.join(names)} can")
            return 0
        return names.index(wanted)

    def _zeroes(self, cluster: str) -> int:
        """Return whether the copy from the cluster on, the request's own or its piece's, is one of zeroes."""
        name = self.path[self.at].name
        copies = (step for step in self.path[self.at :] if step.name in (name, f"{name}.{cluster}"))
        how = (step.label for step in copies if step.label in ("cow.enter", "cow.enter.park", "cow.zeroes"))
        return int(next(how, "") == "cow.zeroes")

    def labelled(self, label: str, name: str) -> None:
        """Check the step against the path."""
        if self.departed or self.at == len(self.path):
            return
        if (label, name) == self.path[self.at][:2]:
            self.at += 1
        else:
            self._depart(f"{name} makes the step {label}")

    def _depart(self, how: str) -> None:
        label, name, *_ = self.path[self.at]
        self.departed = (self.at + 1, f"step {self.at + 1} is {label} of {name}, but {how}")
