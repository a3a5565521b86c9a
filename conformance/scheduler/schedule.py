"""A schedule: the choices of a run that are not the default, and the token that replays it.

A token is printable: `12:1,40:2~Kf3aQ...`, the deviations (decision: value), then one character for every
decision, a digest of what could be chosen there; many of the same are written once, with their number:
`l.200.`. Replay compares all of them: a run that is not the one that was recorded is an error at the first
decision that differs, not another run.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from cowpath.conformance.scheduler.kernel import Failure, Strategy, Task
from cowpath.model.language.errors import InputError

_DIGITS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
_TOKEN = re.compile(r"((?:\d+:\d+)(?:,\d+:\d+)*)?~((?:[\w-](?:\.\d{1,6}\.)?)*)", re.ASCII)
_MANY = re.compile(r"([\w-])\1{8,}", re.ASCII)
_COUNTED = re.compile(r"([\w-])\.(\d+)\.", re.ASCII)


class ReplayError(InputError):
    """A token does not fit the run that it is used on; the message is one line."""


@dataclass(frozen=True)
class Schedule:
    """A run's deviations from the default, and a digest of every decision's alternatives."""

    deviations: Mapping[int, int]
    digests: str

    @classmethod
    def of(cls, values: Sequence[int], seen: Sequence[tuple[str, Sequence[Task | int]]]) -> Schedule:
        """Return the schedule of a run: the kernel's choices, and the alternatives that each of them had."""
        deviations = {i: value for i, value in enumerate(values) if value}
        return cls(deviations, "".join(_digest(*each) for each in seen))

    @classmethod
    def parse(cls, token: str) -> Schedule:
        """Read a token. Raises ReplayError."""
        match = _TOKEN.fullmatch(token)
        if match is None:
            raise ReplayError(
                f"'{token}' is no token; accepted: decision:value,... ~ and digests, as printed"
            )
        pairs = (pair.split(":") for pair in (match[1] or "").split(",") if pair)
        digests = _COUNTED.sub(lambda many: many[1] * int(many[2]), match[2])
        return cls({int(decision): int(value) for decision, value in pairs}, digests)

    def __str__(self) -> str:
        deviations = ",".join(f"{i}:{value}" for i, value in sorted(self.deviations.items()))
        return f"{deviations}~{_MANY.sub(lambda many: f'{many[1]}.{len(many[0])}.', self.digests)}"


class Replay(Strategy):
    """Choose as a schedule says, and check at each decision that there is the same choice."""

    def __init__(self, schedule: Schedule) -> None:
        self.schedule = schedule

    def begin(self, tasks: Sequence[Task]) -> None:
        """Start from the first decision."""
        self.decision = 0

    def choose(self, n: int, label: str, tasks: Sequence[Task]) -> int:
        """Return what the schedule has here. Raises ReplayError if the alternatives are others."""
        i, digests = self.decision, self.schedule.digests
        self.decision += 1
        value = self.schedule.deviations.get(i, 0)
        if i >= len(digests):
            raise ReplayError(f"decision {i}: the recorded run had ended here")
        if digests[i] != _digest(label, tasks or range(n)) or value >= n:
            names = ", ".join(task.name for task in tasks) or f"{label}, {n} values"
            raise ReplayError(f"decision {i}: the recorded run had another choice than this one: {names}")
        return value

    def end(self, failure: Failure | None) -> None:
        """Check that the run ended where the recorded one did. Raises ReplayError if it did not."""
        if self.decision < len(self.schedule.digests):
            raise ReplayError(f"decision {self.decision}: the recorded run had not ended here")


def _digest(label: str, among: Sequence[Task | int]) -> str:
    value = len(label)
    for each in among:
        value = (value * 31 + (each.index if isinstance(each, Task) else each) + 1) % 61_001
    return _DIGITS[value % 64]
