"""Any model of the language as an oracle: the states that explain what was seen, worked out once and kept.

Nothing here knows what the model is of. Whoever moves is an element of the sort that the model's `terminal`
is about; a fact is the value of a component of the state; what is not told may be anything. An owner makes
steps while a call of its is under way; those that are not seen it may make at any time.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

from cowpath.conformance.own.events import Called, Facts, Rested, Returned, Seen, Stepped
from cowpath.model.explore.program import Program
from cowpath.model.finite.domains import narrow
from cowpath.model.finite.ground import ground
from cowpath.model.finite.instance import Instance
from cowpath.model.finite.reference import Reference
from cowpath.model.language.system import System

_COUNTED = 20_000  # states up to which the model's steps are counted


class Move(NamedTuple):
    """A step of the model: its command's number, its label, whose it is, where it leads."""

    command: int
    label: str
    owner: int
    after: bytes


@dataclass(eq=False)
class Node:
    """What may be after some events: the states that explain them, and whose calls are under way."""

    states: frozenset[bytes]
    open: frozenset[int]
    following: dict[Seen, Node | None] = field(default_factory=dict)


class Oracle:
    """A model on an instance. `seen` are the labels that are told of; with `calls`, owners begin and end.

    `edges` collects the steps (state, command) that runs have been seen to make.
    """

    def __init__(self, system: System, instance: Instance, seen: frozenset[str], calls: bool) -> None:
        narrowed = narrow(ground(system, instance))
        self.system, self.instance, self.model = system, instance, narrowed.model
        self.seen, self.calls = seen, calls
        self.program = Program(narrowed, ())
        self.reference = Reference(system, instance)
        self.owners = instance.names[system.owners.name]
        self.edges: set[tuple[bytes, int]] = set()
        self._moves: dict[bytes, tuple[Move, ...]] = {}
        self._unfinished: dict[bytes, frozenset[int]] = {}
        self._nodes: dict[tuple[frozenset[bytes], frozenset[int]], Node] = {}
        everybody = frozenset[int]() if calls else frozenset(range(len(self.owners)))
        self.first = self._node({self.program.initial}, everybody)

    # -- the model

    def moves(self, state: bytes) -> tuple[Move, ...]:
        """Return the steps that the model allows in the state."""
        if state not in self._moves:
            commands = self.model.commands
            self._moves[state] = tuple(
                Move(number, commands[number].action.label, commands[number].owner, after)
                for number, after in self.program.successors(state)
            )
        return self._moves[state]

    def finished(self, state: bytes, owner: int) -> bool:
        """Tell whether the owner has finished there."""
        if state not in self._unfinished:
            self._unfinished[state] = frozenset(self.reference.unfinished(self.program.vector(state)))
        return owner not in self._unfinished[state]

    def wrong(self, state: bytes, facts: Facts) -> Iterator[tuple[int, int, int]]:
        """Yield the facts that are not so in the state: component, what was told, what the model has."""
        vector = self.program.vector(state)
        return ((position, told, vector[position]) for position, told in facts if vector[position] != told)

    def free(self, state: bytes, open_: Iterable[int]) -> Iterator[Move]:
        """Yield what those with a call under way could do. A step that changes nothing is no way on."""
        owners = set(open_)
        return (move for move in self.moves(state) if move.owner in owners and move.after != state)

    def late(self, state: bytes, open_: Iterable[int]) -> list[int]:
        """Return who has finished in the model, and does not return."""
        return [owner for owner in sorted(open_) if self.finished(state, owner)] if self.calls else []

    def steps(self) -> int | None:
        """Return how many steps (state, command) the model has; None if those are too many to count."""
        found, rest, count = {self.program.initial}, [self.program.initial], 0
        while rest:
            if len(found) > _COUNTED:
                return None
            for move in self.moves(rest.pop()):
                count += move.label in self.seen
                if move.after not in found:
                    found.add(move.after)
                    rest.append(move.after)
        return count

    # -- what explains an event

    def follow(self, node: Node, event: Seen) -> Node | None:
        """Return what may be after the event, None if nothing explains it."""
        try:
            return node.following[event]
        except KeyError:
            pass
        found = {after for state in node.states for after in self._after(state, node, event)}
        after = self._node(found, _open(node, event)) if found else None
        node.following[event] = after
        return after

    def _after(self, state: bytes, node: Node, event: Seen) -> Iterator[bytes]:
        match event:
            case Called():
                yield state
            case Stepped(owner, label, facts) if owner in node.open:
                for move in self.moves(state):
                    if (move.label, move.owner) == (label, owner) and not any(self.wrong(move.after, facts)):
                        self.edges.add((state, move.command))
                        yield move.after
            case Returned(owner, last, facts) if owner in node.open:
                if (self.finished(state, owner) or not last) and not any(self.wrong(state, facts)):
                    yield state
            case Rested():
                if not self.late(state, node.open) and not any(self.free(state, node.open)):
                    yield state

    def _node(self, states: Iterable[bytes], open_: frozenset[int]) -> Node:
        """Return the states with all that unseen steps lead to from there."""
        found = set(states)
        rest = list(found)
        while rest:
            for move in self.moves(rest.pop()):
                if move.owner in open_ and move.label not in self.seen and move.after not in found:
                    found.add(move.after)
                    rest.append(move.after)
        key = (frozenset(found), open_)
        return self._nodes.setdefault(key, Node(*key))


def _open(node: Node, event: Seen) -> frozenset[int]:
    match event:
        case Called(owner):
            return node.open | {owner}
        case Returned(owner):
            return node.open - {owner}
    return node.open
