"""Tours: runs of the threads that together make every step of the model, and try every step that it refuses.

A tour is a path through the model's state graph; the threads are made to follow it. On the way every request
that the model keeps waiting is tried at each state: it must make no step. What is counted is not the plan but
what the monitor has seen: edges are (state, command), refusals are (state, request).

The graph ends where a run does: at a deadlock, and at an assertion or a use after free that falls.
"""

from __future__ import annotations

import random
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

from conformance.monitor.monitor import Monitor, Refusal
from conformance.monitor.oracle import Move, Oracle
from conformance.scheduler.kernel import Task
from conformance.strategies.simple import Guided
from conformance.workload import Run, Workload
from impl.errors import Crash

Edge = tuple[bytes, int]


class Graph:
    """The states that a run can come to, with the steps between them; all but those beyond a run's end."""

    def __init__(self, oracle: Oracle) -> None:
        self.oracle = oracle
        program = oracle.program
        self.moves: dict[bytes, tuple[Move, ...]] = {}
        self.came: dict[bytes, list[bytes]] = {program.initial: []}
        states = deque([program.initial])
        while states:
            state = states.popleft()
            moves = oracle.moves(state)
            ends = program.answers(state) or program.deadlocked(state, [(m.command, m.after) for m in moves])
            self.moves[state] = () if ends else moves
            for move in self.moves[state]:
                if move.after not in self.came:
                    self.came[move.after] = []
                    states.append(move.after)
                self.came[move.after].append(state)

    @cached_property
    def edges(self) -> frozenset[Edge]:
        """All steps."""
        return frozenset((state, move.command) for state, moves in self.moves.items() for move in moves)

    @cached_property
    def refusals(self) -> frozenset[tuple[bytes, int]]:
        """Who can do nothing, and where: in every state where somebody else can."""
        owners = range(len(self.oracle.scenario.requests))
        return frozenset(
            (state, owner)
            for state, moves in self.moves.items()
            if moves
            for owner in owners
            if self.oracle.place(state, owner) not in ("done", "failed")
            and all(move.owner != owner for move in moves)
        )

    def distances(self, targets: set[bytes]) -> dict[bytes, int]:
        """Return how many steps each state is from the nearest of the targets, where there is a way."""
        found = dict.fromkeys(targets, 0)
        states = deque(targets)
        while states:
            state = states.popleft()
            for before in self.came[state]:
                if before not in found:
                    found[before] = found[state] + 1
                    states.append(before)
        return found


@dataclass(frozen=True)
class Tour:
    """A path of the model from its initial state: the states, and the step made at each."""

    states: Sequence[bytes]
    moves: Sequence[Move]


class Guide(Guided):
    """Follow a tour, and try at each of its states everybody whom the model keeps waiting there."""

    def __init__(self, tour: Tour, graph: Graph) -> None:
        names = [request.label for request in graph.oracle.scenario.requests]
        super().__init__([(move.label, names[move.owner]) for move in tour.moves])
        self.tour = tour
        self.graph = graph
        self.tried: set[tuple[int, int]] = set()

    def choose(self, n: int, label: str, tasks: Sequence[Task]) -> int:
        """Return somebody to try, else who makes the tour's next step, or the data that it makes it with."""
        if self.departed or self.at == len(self.path):
            return 0
        moves = self.graph.moves[self.tour.states[self.at]]
        if not tasks:
            return self._data(n, moves)
        movable = {move.owner for move in moves}
        for i, task in enumerate(tasks):
            if task.index not in movable and (self.at, task.index) not in self.tried:
                self.tried.add((self.at, task.index))
                return i
        return super().choose(n, label, tasks)

    def _data(self, n: int, moves: Sequence[Move]) -> int:
        """Return the place of the tour's step among those alike: the default, the widest, is the last."""
        wanted = self.tour.moves[self.at]
        alike = [move for move in moves if (move.label, move.owner) == (wanted.label, wanted.owner)]
        return min(len(alike) - 1 - alike.index(wanted), n - 1)


@dataclass(frozen=True)
class Alarm:
    """A run in which threads and model differ: what the monitor refused, or where a tour was left."""

    run: Run
    refusal: Refusal | None
    departed: str | None


@dataclass(frozen=True)
class Coverage:
    """What the tours reached, of all there is; `alarm` ended them early if it is given."""

    edges: tuple[int, int]
    refusals: tuple[int, int]
    missing: tuple[Edge, ...]
    untried: tuple[tuple[bytes, int], ...]
    tours: int
    alarm: Alarm | None

    @property
    def complete(self) -> bool:
        """Whether everything was reached, and nothing differed."""
        return self.alarm is None and not self.missing and not self.untried


class Tours:
    """Plans tours until all is covered, or what is left has been tried often enough in vain."""

    def __init__(self, graph: Graph, seed: int = 0, patience: int = 12) -> None:
        self.graph = graph
        self.random = random.Random(seed)
        self.patience = patience
        self.attempts: dict[Edge, int] = {}

    def left(self) -> set[Edge]:
        """Return the edges that no run has made, and that are worth another attempt."""
        edges = self.graph.edges - self.graph.oracle.edges
        return {edge for edge in edges if self.attempts.get(edge, 0) < self.patience}

    def plan(self) -> Tour | None:
        """Return a tour over edges that are left: at each state one of its own, else a step nearer to one."""
        left = self.left()
        distance = self.graph.distances({state for state, _ in left})
        state = self.graph.oracle.program.initial
        states, moves = [state], []
        while state in distance:
            steps = list(self.graph.moves[state])
            own = [move for move in steps if (state, move.command) in left]
            if own:
                steps = own
            else:
                nearer = distance[state] - 1
                steps = [move for move in steps if distance.get(move.after) == nearer]
            if not steps:
                break  # all that was left from here on is part of this tour already
            move = self.random.choice(steps)
            edge = (state, move.command)
            if edge in left:
                left.discard(edge)
                self.attempts[edge] = self.attempts.get(edge, 0) + 1
            moves.append(move)
            state = move.after
            states.append(state)
        return Tour(states, moves) if moves else None


def cover(workload: Workload, oracle: Oracle, *, seed: int = 0) -> Coverage:
    """Follow tours on the workload until the oracle, which sees all, has seen every edge and refusal.

    The step in which a run crashes never ends, and no label tells of it: it is the one that the crash is of.
    """
    graph = Graph(oracle)
    tours, count, alarm = Tours(graph, seed), 0, None
    while alarm is None and (tour := tours.plan()) is not None:
        guide = Guide(tour, graph)
        run = workload.run(guide)
        monitor = Monitor(oracle)
        refusal = next(filter(None, map(monitor.observe, run.log)), None)
        count += 1
        if refusal is not None:
            alarm = Alarm(run, refusal, guide.departed[1] if guide.departed else None)
        elif run.failure is not None and isinstance(run.failure.error, Crash):
            oracle.edges |= {
                (state, move.command)
                for state in monitor.states
                for move in graph.moves.get(state, ())
                if move.owner == oracle.number[run.failure.task]
                and run.failure.error.property in oracle.program.answers(move.after)
            }
    missing, untried = graph.edges - oracle.edges, graph.refusals - oracle.refusals
    return Coverage(
        (len(graph.edges) - len(missing), len(graph.edges)),
        (len(graph.refusals) - len(untried), len(graph.refusals)),
        tuple(sorted(missing)),
        tuple(sorted(untried)),
        count,
        alarm,
    )
