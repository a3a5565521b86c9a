"""What an exploration is asked for and what it answers."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from cowpath.model.explore.reductions import UNREDUCED, Reductions
from cowpath.model.finite.domains import Narrowed
from cowpath.model.finite.ground import GroundModel
from cowpath.model.finite.term import Term

if TYPE_CHECKING:
    from cowpath.model.explore.each import Each


@dataclass(frozen=True)
class Limits:
    """When to give up: number of states, seconds, steps from the start. None: never."""

    max_states: int | None = None
    max_seconds: float | None = None
    max_depth: int | None = None


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

    `seconds` is the search, `prepared` what it took before to generate and compile its code.
    `depths`: the least depth at which each question was answered; `witnesses` says how, and lacks what a
    reduced search has found. `remarks`: what a user should know of how the search was done.
    """

    engine: str
    states: int
    transitions: int
    depth: int
    seconds: float
    stopped: str | None
    depths: Mapping[str, int]
    witnesses: Mapping[str, Witness]
    remarks: tuple[str, ...] = ()
    prepared: float = 0.0

    @property
    def complete(self) -> bool:
        """Whether every reachable state was seen."""
        return self.stopped is None


@dataclass(frozen=True)
class Question:
    """States to look for: those where the term is true."""

    name: str
    term: Term


def questions(model: GroundModel, properties: Collection[str]) -> tuple[Question, ...]:
    """Return what decides the properties: the states that violate an `always`, or satisfy a `sometimes`.

    Names the model does not have, such as `DEADLOCK`, are passed over.
    """
    return tuple(
        Question(p.name, model.terms.negation(model.always[p.name]))
        if p.kind == "always"
        else Question(p.name, model.sometimes[p.name])
        for p in model.system.properties
        if p.name in properties
    )


DEADLOCK = "deadlock"


class Engine(Protocol):
    """Breadth-first search, exact: every state once, every witness at its least depth.

    Beside the questions, an engine looks for `DEADLOCK`: a wait cycle among owners that cannot move (even
    while others can), or a state where nobody can move and somebody is unfinished.
    Ties are broken alike by all engines (least state, then least command), so witnesses are equal.
    """

    name: str
    partial_order: bool
    """Whether it knows the partial-order reduction."""

    def explore(
        self,
        narrowed: Narrowed,
        questions: tuple[Question, ...],
        limits: Limits,
        report: Report,
        reductions: Reductions = UNREDUCED,
    ) -> Exploration:
        """Explore until nothing is new or a limit is hit; Ctrl-C counts as a limit.

        `reductions` has no needs if the engine does not know what to do with them.
        """
        ...

    def explore_each(
        self, narrowed: Narrowed, questions: tuple[Question, ...], limits: Limits, report: Report
    ) -> Each:
        """Explore a model from all its starts at once; of each it says what `explore` says of it alone.

        `limits` are for all of them together. There are no witnesses.
        """
        ...


class Stop(Exception):
    """Raised inside an engine when a limit is hit."""


def enforce(limits: Limits, states: int, seconds: float, depth: int = 0) -> None:
    """Raise `Stop` if a limit is hit."""
    if limits.max_depth is not None and depth > limits.max_depth:
        raise Stop(f"depth {limits.max_depth} was reached")
    if limits.max_states is not None and states > limits.max_states:
        raise Stop(f"--max-states {limits.max_states} was reached")
    if limits.max_seconds is not None and seconds > limits.max_seconds:
        raise Stop(f"--max-seconds {limits.max_seconds:g} was reached")
