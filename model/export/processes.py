"""A ground model seen as processes: each owner with its locations, what it alone touches, and its steps.

The places of an owner's program become locations, and what guards and updates say of them folds away.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass

from cowpath.model.finite.domains import Narrowed
from cowpath.model.finite.ground import given
from cowpath.model.finite.term import Term, cells_of


@dataclass(frozen=True)
class Step:
    """A command at one location: its guard, what it assigns, where it goes."""

    number: int
    guard: Term
    updates: tuple[tuple[int, Term], ...]
    goes_to: int


Locations = Mapping[int, tuple[Step, ...]]


@dataclass(frozen=True)
class Process:
    """An owner.

    `counter`: the cell that is its program counter; None if it has none, and one location. `locations`: its
    steps by the counter's value, the initial one first. `resting`: where it may be finished. `private`: the
    cells that nothing else reads or writes; a private counter is not assigned, the location tells it.
    """

    owner: int
    counter: int | None
    locations: Locations
    resting: frozenset[int]
    private: frozenset[int]


def processes(narrowed: Narrowed, watched: Collection[int]) -> tuple[Process, ...]:
    """Return the owners as processes; `watched` cells are read by something beside them: never private."""
    model = narrowed.model
    touched: dict[int, set[int]] = {}
    written: dict[int, set[int]] = {}
    for command in model.commands:
        changed = [cell for cell, _ in command.updates]
        read = (*cells_of(command.enabled), *(c for _, value in command.updates for c in cells_of(value)))
        for cells, by in ((changed, written), ([*changed, *read], touched)):
            for cell in cells:
                by.setdefault(cell, set()).add(command.owner)
    made = []
    for owner, finished in enumerate(model.finished):
        private = {cell for cell, owners in touched.items() if owners == {owner} and cell not in watched}
        counter = next((cell for cell in model.counters(owner) if written.get(cell) == {owner}), None)
        locations = _locations(narrowed, owner, counter, counter in private)
        if locations is None:  # it may leave its program's places: an error of the model, for the checker
            counter, locations = None, _locations(narrowed, owner, None, False)
        assert locations is not None
        resting = {at for at in locations if given(model.terms, finished, counter, at) != 0}
        made.append(Process(owner, counter, locations, frozenset(resting), frozenset(private)))
    return tuple(made)


def _locations(narrowed: Narrowed, owner: int, counter: int | None, local: bool) -> Locations | None:
    """Return the owner's steps by the counter's value; None if a step may take it beyond its values."""
    model = narrowed.model
    commands = {n: command for n, command in enumerate(model.commands) if command.owner == owner}
    if any(cell == counter for n in commands for cell, _ in narrowed.unproved.get(n, ())):
        return None
    values: tuple[int, ...] = (0,)
    if counter is not None:
        first = model.initial[counter]
        values = (first, *(value for value in narrowed.values[counter] if value != first))
    locations: dict[int, list[Step]] = {at: [] for at in values}
    for number, command in commands.items():
        for at in values:
            enabled = given(model.terms, command.enabled, counter, at)
            after = {cell: given(model.terms, value, counter, at) for cell, value in command.updates}
            new: Term = at if counter is None else after.pop(counter, at)
            changed = [(cell, value) for cell, value in after.items() if value is not model.terms.cell(cell)]
            for goes_to in values:  # a step that may go here or there is several
                guard = model.terms.conjunction([enabled, model.terms.equal(new, goes_to)])
                if guard != 0:
                    moved = (
                        [(counter, goes_to)] if counter is not None and not local and goes_to != at else []
                    )
                    locations[at].append(Step(number, guard, (*moved, *changed), goes_to))
    return {at: tuple(steps) for at, steps in locations.items()}
