"""Runs under QEMU's wake-ups: who waited first is woken first, and runs before anybody new.

A pending owner that finds its way closed parks on one of those who stand in it (on any: QEMU takes the first
that it finds). When that one is out of the way the owner is woken. It runs after those woken before it and
before everybody else; only who woke it may not have yielded yet, and go on first. It looks again, and goes
on or parks anew. So no newcomer takes what a woken owner found free; but one may get in while somebody else
still stands in the owner's way, and be in it when that one leaves.
Source: util/qemu-coroutine-lock.c qemu_co_queue_do_restart; util/qemu-coroutine.c qemu_coroutine_enter (2.8).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from cowpath.model.explore.plain import Graph
from cowpath.model.explore.program import Program
from cowpath.model.liveness.graph import owed_bits


class Node(NamedTuple):
    """A state with its queues: `parked` (who, on whom) longest first; `woken` next first.

    `waker` has woken somebody and may not have yielded since.
    """

    state: bytes
    parked: tuple[tuple[int, int], ...] = ()
    woken: tuple[int, ...] = ()
    waker: int | None = None


Move = tuple[int, int | None, Node]
"""Who moves, by which command (None: it looks, finds its way closed and parks), to where."""


@dataclass(frozen=True)
class Sight:
    """A state seen: everybody's steps, who is pending, and who stands in the way of each of these."""

    steps: dict[int, list[tuple[int, bytes]]]
    pending: frozenset[int]
    ahead: dict[int, tuple[int, ...]]
    deadlocked: bool

    def closed(self, owner: int) -> tuple[int, ...]:
        """Return who stands in the owner's way, if it is pending and cannot move."""
        return () if owner in self.steps else self.ahead.get(owner, ())


class Queues:
    """The runs of a ground model under these wake-ups, a move at a time."""

    def __init__(self, program: Program, graph: Graph | None = None) -> None:
        """`program` asks who is pending (see `pending`); `graph` is what it has seen already, if it has."""
        self.program = program
        self.graph = graph
        self.first = Node(program.initial)
        self._owed = owed_bits(program.questions)
        self._sights: dict[bytes, Sight] = {}

    def sight(self, state: bytes) -> Sight:
        """See a state."""
        found = self._sights.get(state)
        if found is None:
            found = self._sights[state] = self._look(state)
        return found

    def _look(self, state: bytes) -> Sight:
        graph, program = self.graph, self.program
        if graph is None:
            successors, answers, unfinished = program.see(state)
            deadlocked = program.stuck(state, successors, unfinished)
        else:
            at = graph.number[state]
            successors, answers, deadlocked = graph.successors[at], graph.answers[at], graph.deadlocked[at]
        steps: dict[int, list[tuple[int, bytes]]] = {}
        for command, after in successors:
            steps.setdefault(program.owners[command], []).append((command, after))
        owed = frozenset([owner for owner, bit in self._owed.items() if answers & bit])
        ahead: dict[int, tuple[int, ...]] = {}
        for who, other in program.edges(state) if owed else ():
            if who in owed:
                ahead[who] = (*ahead.get(who, ()), other)
        return Sight(steps, owed, ahead, deadlocked)

    def after(self, path: Sequence[int]) -> Sight:
        """See the state at the end of a path of commands."""
        state = self.program.initial
        for command in path:
            state = dict(self.program.successors(state))[command]
        return self.sight(state)

    def runnable(self, node: Node) -> Iterator[int]:
        """Yield the pending owners that have something to do: take a step, or look and park."""
        sight = self.sight(node.state)
        parked = {who for who, _ in node.parked}
        for owner in sight.pending - parked:
            if owner in sight.steps or sight.closed(owner):
                yield owner

    def moves(self, node: Node) -> Iterator[Move]:
        """Yield every move that may come next."""
        if node.waker is not None:
            yield from self._steps(node, node.waker)
        sight = self.sight(node.state)
        for looked in self._looked_again(node):
            if looked.woken:
                head, *others = looked.woken
                yield from self._steps(looked._replace(woken=tuple(others)), head)
                continue
            parked = {who for who, _ in looked.parked}
            for owner in sight.steps.keys() - parked:
                yield from self._steps(looked, owner)
            for owner in sight.ahead.keys() - parked:
                for other in sight.closed(owner):
                    yield owner, None, Node(looked.state, (*looked.parked, (owner, other)))

    def _looked_again(self, node: Node) -> Iterator[Node]:
        """Yield the node with all parked anew who are next to run but find their way closed."""
        sight = self.sight(node.state)
        if not node.woken or node.woken[0] in sight.steps:
            yield node
            return
        head, *others = node.woken
        for parked in [(*node.parked, (head, other)) for other in sight.closed(head)] or [node.parked]:
            yield from self._looked_again(Node(node.state, parked, tuple(others)))

    def _steps(self, node: Node, owner: int) -> Iterator[Move]:
        for command, state in self.sight(node.state).steps.get(owner, ()):
            sight = self.sight(state)
            ahead = sight.closed(owner)
            if not (ahead or node.parked or node.woken):  # most moves
                yield owner, command, Node(state)
                continue
            for parked in [(*node.parked, (owner, other)) for other in ahead] or [node.parked]:
                still = tuple((who, on) for who, on in parked if on in sight.ahead.get(who, ()))
                woken = node.woken + tuple(who for who, on in parked if (who, on) not in still)
                running = woken and owner in sight.pending and not ahead
                yield owner, command, Node(state, still, woken, owner if running else None)
