"""What a watch sees of a run, in the words of a model."""

from __future__ import annotations

from dataclasses import dataclass

Facts = tuple[tuple[int, int], ...]
"""(component of the model's state, the value that it has): what is told beside an event."""


@dataclass(frozen=True)
class Called:
    """An owner begins a call: from here on it may make steps."""

    owner: int


@dataclass(frozen=True)
class Stepped:
    """An owner has made the step of that label."""

    owner: int
    label: str
    facts: Facts


@dataclass(frozen=True)
class Returned:
    """An owner's call is over; with `last` it has finished."""

    owner: int
    last: bool
    facts: Facts


@dataclass(frozen=True)
class Rested:
    """Nobody can move."""


Seen = Called | Stepped | Returned | Rested
