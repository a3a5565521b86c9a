"""What an exploration is asked for and what it answers."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Protocol

from model.language.domains import Narrowed
from model.language.term import Term


@dataclass(frozen=True)
class Limits:
    """When to give up: number of states, seconds. None: never."""

    max_states: int | None = None
    max_seconds: float | None = None


UNLIMITED = Limits()


@dataclass(frozen=True)
class Progress:
    """How far an exploration is; memory is of the state store, in bytes."""

    states: int
    transitions: int
    seconds: float
    frontier: int
    depth: int
    memory: int


Report = Callable[[Progress], None]


@dataclass(frozen=True)
class Witness:
    """A state of the sought kind at the least depth: the commands (by number) of a shortest path to it."""

    path: tuple[int, ...]

    @property
    def depth(self) -> int:
        """Number of steps."""
        return len(self.path)


@dataclass(frozen=True)
class Exploration:
    """The outcome. `stopped` is None when every reachable state was seen, else why not.

    `remarks`: what a user should know of how the search was done.
    """

    engine: str
    states: int
    transitions: int
    depth: int
    seconds: float
    stopped: str | None
    witnesses: Mapping[str, Witness]
    remarks: tuple[str, ...] = ()

    @property
    def complete(self) -> bool:
        """Whether every reachable state was seen."""
        return self.stopped is None


@dataclass(frozen=True)
class Question:
    """States to look for: those where the term is true."""

    name: str
    term: Term


DEADLOCK = "deadlock"


class Engine(Protocol):
    """Breadth-first search, exact: every state once, every witness at its least depth.

    Beside the questions, an engine looks for `DEADLOCK`: a wait cycle among owners that cannot move (even
    while others can), or a state where nobody can move and somebody is unfinished.
    Ties are broken alike by all engines (least state, then least command), so witnesses are equal.
    """

    name: str

    def explore(
        self, narrowed: Narrowed, questions: tuple[Question, ...], limits: Limits, report: Report
    ) -> Exploration:
        """Explore until nothing is new or a limit is hit; Ctrl-C counts as a limit."""
        ...


class Stop(Exception):
    """Raised inside an engine when a limit is hit."""


def enforce(limits: Limits, states: int, seconds: float) -> None:
    """Raise `Stop` if a limit is hit."""
    if limits.max_states is not None and states > limits.max_states:
        raise Stop(f"--max-states {limits.max_states} was reached")
    if limits.max_seconds is not None and seconds > limits.max_seconds:
        raise Stop(f"--max-seconds {limits.max_seconds:g} was reached")
