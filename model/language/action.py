"""Actions as they are recorded: guards, waits on lists, updates, transfers, and what a step sees."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from cowpath.model.language.expression import Expr, Local

HANGS = "hangs"
"""The fault by which none of an owner's transfers ever completes."""


def hanging(fault: str) -> str:
    """Return the fault by which the transfer never completes that `fault` makes fail."""
    return f"{fault}-{HANGS}"


@dataclass(frozen=True)
class Guard:
    """A named condition without which the action is disabled; `location` marks mere program order."""

    name: str
    condition: Expr
    location: bool


@dataclass(frozen=True)
class List:
    """What is waited on: a list of owners who keep others waiting.

    `held`: what such an owner holds, in words; `{word}` stands for the instance's phrase about it.
    `member(state, owner)`: the owner is on the list; without it, who is waited for is on it.
    `leaving(state, owner)`: nothing but to leave is left for it to do: no wait, and no transfer.
    """

    name: str
    held: str
    member: Callable[[Any, Expr], Expr] | None = None
    leaving: Callable[[Any, Expr], Expr] | None = None


@dataclass(frozen=True)
class Wait:
    """The action is disabled while some element (`bound`) satisfies the condition: a wait-for edge to it."""

    bound: Local
    condition: Expr
    list: List

    @property
    def on(self) -> str:
        """The name of what is waited on."""
        return self.list.name

    @property
    def held(self) -> str:
        """What the other holds that stands in the way."""
        return self.list.held


@dataclass(frozen=True)
class Update:
    """`variable[indices] := value`, for all values of the locals `bound`."""

    variable: str
    indices: tuple[Expr, ...]
    bound: tuple[Local, ...]
    value: Expr


@dataclass(frozen=True)
class Observation:
    """What a step sees, for traces only: `value` for each element `bound` that satisfies the condition."""

    label: str
    bound: Local
    condition: Expr
    value: Expr
    unset: str


@dataclass(frozen=True)
class Transfer:
    """The step reads or writes a disk, a variable, at each element `bound` that satisfies the condition.

    `fault`: what strikes the request if this transfer is to fail; None if nothing can. A step that reads at
    no element transfers nothing. `completes` is the guard that lets no fault strike, `hangs` the condition
    under which one strikes that never lets it complete.
    """

    disk: str
    writes: bool
    bound: Local
    condition: Expr
    fault: str | None
    completes: str = ""
    hangs: Expr | None = None


@dataclass(frozen=True)
class Action:
    """One atomic step. The first parameter is the owner: who moves, and who waits.

    `parks_on`: the parameter for whom the owner waits from this step on, if it is one that parks.
    """

    label: str
    says: str
    source: str
    params: tuple[Local, ...]
    guards: tuple[Guard, ...]
    waits: tuple[Wait, ...]
    updates: tuple[Update, ...]
    observations: tuple[Observation, ...]
    transfer: Transfer | None = None
    parks_on: Local | None = None

    @property
    def guard_names(self) -> tuple[str, ...]:
        """Names of everything that can disable the action."""
        return tuple(g.name for g in self.guards) + tuple(f"wait on {w.on}" for w in self.waits)

    @property
    def location(self) -> tuple[Expr, ...]:
        """What must hold for the owner to have come to this action: program order alone."""
        return tuple(guard.condition for guard in self.guards if guard.location)

    @property
    def hangs(self) -> tuple[Expr, ...]:
        """What must hold for the owner to be in this action's transfer for ever; nothing if none can hang."""
        transfer = self.transfer
        if transfer is None or transfer.hangs is None:
            return ()
        others = [guard.condition for guard in self.guards if guard.name != transfer.completes]
        return (transfer.hangs, *others)

    def without(self, guard: str) -> Action:
        """Return the action with the guard or wait of that name deleted."""
        if guard not in self.guard_names:
            raise KeyError(f"{self.label} has no guard '{guard}'; it has: {', '.join(self.guard_names)}")
        return replace(
            self,
            guards=tuple(g for g in self.guards if g.name != guard),
            waits=tuple(w for w in self.waits if f"wait on {w.on}" != guard),
        )
