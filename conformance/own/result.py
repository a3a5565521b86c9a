"""What is asked of an exploration, and what comes of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from types import ModuleType
from typing import Protocol

from cowpath.conformance.own.explorer import Explorer, OwnRun, Watching, Way
from cowpath.conformance.strategies.portfolio import STRATEGIES as ALL
from cowpath.model.language.errors import InputError
from cowpath.model.language.verdict import Verdict

STRATEGIES = {name: ALL[name] for name in ("portfolio", "random", "pct", "pos", "urw", "dfs")}
"""Those that need not know what a step accesses: of code that is not ours, nobody does."""


@dataclass(frozen=True)
class Refused:
    """That a model does not explain a run: why, and where the model was, in words.

    `rows`: how many statements had begun by then; None if it was at the end.
    """

    reason: str
    states: Sequence[str]
    rows: int | None = None


class Model(Protocol):
    """What judges the runs: it watches them, and then says which it does not explain."""

    def watching(self) -> Watching:
        """Return what is to be seen of the runs."""

    def judge(self, run: OwnRun) -> Refused | None:
        """Return why the run is refused, None if it is explained."""

    def modules(self) -> Sequence[ModuleType]:
        """Return the modules of what is watched."""

    def coverage(self) -> str:
        """Return in words how much of the model the runs have been through."""


@dataclass(frozen=True)
class Plan:
    """What to run, and how often. `most`: runs that may go into making the schedule short."""

    schedules: int = 1000
    strategy: str = "portfolio"
    seed: int = 0
    most: int = 300
    way: Way = field(default_factory=Way)

    def __post_init__(self) -> None:
        if self.strategy not in STRATEGIES:
            raise InputError(f"strategy={self.strategy!r}; accepted: {', '.join(STRATEGIES)}")
        if self.schedules < 1:
            raise InputError(f"schedules={self.schedules}; accepted: 1 or more")


@dataclass(frozen=True)
class Found:
    """A run that fails. `kind` is the scheduler's word, or `refused` where it was the model.

    `number` counts the schedules up to it; `replays` what it took to make it short, which `minimal` says was
    done to the end. `fickle`: how the run differs when it is made again, which it should not.
    """

    kind: str
    reason: str
    run: OwnRun
    number: int
    refused: Refused | None = None
    replays: int = 0
    minimal: bool = False
    fickle: str = ""

    @property
    def token(self) -> str:
        """What replays it."""
        return str(self.run.schedule)

    @property
    def error(self) -> BaseException | None:
        """What was raised, if it was that."""
        return self.run.failure.error if self.run.failure else None


@dataclass(frozen=True)
class Explored:
    """What came of it. `exhausted`: the strategy has nothing left to try.

    `stuck`: schedules that end with nobody able to move, where a model says that it may be so.
    `coverage` is of the model that judged, in words; empty if none did. `text` is all of this, to be read.
    """

    plan: Plan
    found: Found | None
    schedules: int
    seconds: float
    stuck: int
    exhausted: bool
    interrupted: bool
    coverage: str
    explorer: Explorer = field(repr=False)
    text: str = field(default="", repr=False)

    @property
    def verdict(self) -> Verdict:
        """Violated if a schedule fails; holds, as far as was asked for, if all were run."""
        if self.found is not None:
            return Verdict.VIOLATED
        return Verdict.UNDETERMINED if self.interrupted or not self.schedules else Verdict.HOLDS

    def __str__(self) -> str:
        return self.text

    def check(self) -> Explored:
        """Raise ScheduleError, from what was raised in the run, if a schedule fails; return this if not."""
        if self.found is not None:
            raise ScheduleError(f"a schedule fails\n{self}") from self.found.error
        return self


class ScheduleError(AssertionError):
    """A schedule fails; the message has it."""
