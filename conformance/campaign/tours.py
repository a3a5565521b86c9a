"""Tours: runs of the threads that together make every step of the model, and try every step that it refuses.

A tour is a path through the model's state graph; the threads are made to follow it. On the way every request
that the model keeps waiting is tried at each state: it must make no step. What is counted is not the plan but
what the monitor has seen: edges are (state, command), waits are (state, request).

The graph ends where a run does: at a deadlock, and at an assertion or a use after free that falls.
"""

from __future__ import annotations

import random
from collections import Counter, deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from math import inf

from cowpath.conformance.campaign.alarm import Finding, examine
from cowpath.conformance.monitor.monitor import Monitor
from cowpath.conformance.monitor.oracle import Oracle
from cowpath.conformance.monitor.view import Move
from cowpath.conformance.runs.rigs import BLOCK_STATUS
from cowpath.conformance.runs.workload import Run, Workload
from cowpath.conformance.scheduler.kernel import Task
from cowpath.conformance.strategies.simple import Guided, Wanted
from cowpath.impl.errors import Crash

Edge = tuple[bytes, int]
Refused = tuple[bytes, int]


class Graph:
    """The states that a run can come to, with the steps between them; all but those beyond a run's end."""

    def __init__(self, oracle: Oracle) -> None:
        self.oracle = oracle
        program = oracle.program
        self.moves: dict[bytes, tuple[Move, ...]] = {}
        self.came: dict[bytes, list[Edge]] = {program.initial: []}
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
                self.came[move.after].append((state, move.command))

    @cached_property
    def edges(self) -> frozenset[Edge]:
        """All steps."""
        return frozenset((state, move.command) for state, moves in self.moves.items() for move in moves)

    @cached_property
    def waits(self) -> frozenset[Refused]:
        """Who can do nothing, and where: in every state where somebody else can.

        Of those whom nobody has asked for only who is not finished: there may be no thread of the others.
        """
        oracle, requests = self.oracle, {*self.oracle.roots}
        return frozenset(
            (state, owner)
            for state, moves in self.moves.items()
            if moves
            for owner in oracle.under_way(state, requests)
            if not oracle.is_over(state, owner)
            and all(move.owner != owner for move in moves)
            and not (owner in oracle.own and oracle.is_finished(state, owner))
        )

    def wanted(self, move: Move) -> Wanted:
        """Return the step as a strategy is told to make it."""
        oracle = self.oracle
        name = oracle.model.instance.names["Request"][move.owner]
        return Wanted(move.action.label, name, oracle.waited_for(move), *oracle.bounds(move))

    def distances(self, targets: set[bytes], without: set[Edge]) -> dict[bytes, int]:
        """Return how many steps each state is from the nearest of the targets, where there is such a way."""
        found = dict.fromkeys(targets, 0)
        states = deque(targets)
        while states:
            state = states.popleft()
            for edge in self.came[state]:
                if edge[0] not in found and edge not in without:
                    found[edge[0]] = found[state] + 1
                    states.append(edge[0])
        return found


@dataclass(frozen=True)
class Tour:
    """A path of the model from its initial state: the states, and the step made at each."""

    states: Sequence[bytes]
    moves: Sequence[Move]


class Guide(Guided):
    """Follow a tour, and try at each of its states everybody whom the model keeps waiting there."""

    def __init__(self, tour: Tour, graph: Graph) -> None:
        super().__init__([graph.wanted(move) for move in tour.moves])
        self.tour = tour
        self.graph = graph
        self.tried: set[tuple[int, int]] = set()

    def choose(self, n: int, label: str, tasks: Sequence[Task]) -> int:
        """Return somebody to try, else who makes the tour's next step, or the data that it makes it with."""
        if self.departed or self.at == len(self.path):
            return 0
        moves = self.graph.moves[self.tour.states[self.at]]
        if label == BLOCK_STATUS:
            return self._less(n, moves)
        movable = {move.owner for move in moves}
        number = self.graph.oracle.number
        for i, task in enumerate(tasks):
            owner = number[task.name]
            if owner not in movable and (self.at, owner) not in self.tried:
                self.tried.add((self.at, owner))
                return i
        return super().choose(n, label, tasks)

    def _less(self, n: int, moves: Sequence[Move]) -> int:
        """Return how much less of an extent to take than the widest."""
        state, wanted = self.tour.states[self.at], self.tour.moves[self.at]

        def end(move: Move) -> int:
            span = self.graph.oracle.span(state, move)
            assert span is not None, f"{move.action.label} is on no extent"
            return span[1]

        ends = sorted(end(move) for move in moves if move.owner == wanted.owner)
        return min(len(ends) - 1 - ends.index(end(wanted)), n - 1)


@dataclass(frozen=True)
class Coverage:
    """What the tours reached, of all there is, and what not, from the initial state on; `last`: the last run.

    `alarm` ended them early if it is given; `over` says that the budget did.
    """

    edges: tuple[int, int]
    waits: tuple[int, int]
    missing: tuple[Edge, ...]
    untried: tuple[Refused, ...]
    tours: int
    alarm: Finding | None
    over: bool = False
    last: Run | None = field(default=None, compare=False, repr=False)

    @property
    def complete(self) -> bool:
        """Whether all was reached, and nothing differed."""
        return self.alarm is None and not self.missing and not self.untried


class Tours:
    """Plans tours until all is covered; a step that fails with all `patience` is left out."""

    def __init__(self, graph: Graph, seed: int, patience: int = 8) -> None:
        self.graph = graph
        self.random = random.Random(seed)
        self.patience = patience
        self.failed: Counter[Edge] = Counter()
        self.visited: Counter[bytes] = Counter()

    def plan(self) -> Tour | None:
        """Return a tour: at each state a step that nobody has made yet, else one nearer to what is left."""
        oracle, moves_of = self.graph.oracle, self.graph.moves
        hopeless = {edge for edge, failures in self.failed.items() if failures >= self.patience}
        left = {*(self.graph.edges - oracle.edges - hopeless)}
        untried = {
            state
            for state, _ in self.graph.waits - oracle.kept_waiting
            if self.visited[state] < self.patience
        }
        distance = self.graph.distances({state for state, _ in left} | untried, hopeless)
        state = oracle.program.initial
        states, moves = [state], []
        while state in distance:
            own = [move for move in moves_of[state] if (state, move.command) in left]
            nearer = [
                move
                for move in moves_of[state]
                if distance.get(move.after, inf) < distance[state] and (state, move.command) not in hopeless
            ]
            if not own and not nearer:
                break  # what was left from here on is part of this tour already
            move = self.random.choice(own or nearer)
            left.discard((state, move.command))
            moves.append(move)
            state = move.after
            states.append(state)
        return Tour(states, moves) if moves else None

    def learn(self, tour: Tour, made: int) -> None:
        """Take note that the tour was followed for so many steps."""
        self.visited.update(tour.states[: made + 1])
        if made < len(tour.moves):
            self.failed[tour.states[made], tour.moves[made].command] += 1


def cover(workload: Workload, oracle: Oracle, *, seed: int = 0, most: float = inf) -> Coverage:
    """Follow tours on the workload until the oracle, which sees all, has seen every edge and refusal.

    `most` is how many tours there may be. The step in which a run crashes never ends, and no label tells of
    it: it is the one that the crash is of.
    """
    graph = Graph(oracle)
    tours, count, alarm, run = Tours(graph, seed), 0, None, None
    while alarm is None and (tour := tours.plan()) is not None and count < most:
        run = workload.run(Guide(tour, graph))
        monitor, made, steps = Monitor(oracle), 0, 0
        count += 1
        for event in run.log:
            if monitor.observe(event) is not None:
                break
            steps += event.kind == "step"
            if steps == made + 1 < len(tour.states) and tour.states[steps] in monitor.states:
                made = steps
        alarm = examine(oracle, run)
        if run.failure is not None and isinstance(run.failure.error, Crash):
            oracle.edges |= {
                (state, move.command)
                for state in monitor.states
                for move in graph.moves.get(state, ())
                if move.owner == oracle.number[run.failure.task]
                and run.failure.error.property in oracle.program.answers(move.after)
            }
        tours.learn(tour, made)
    missing, untried = graph.edges - oracle.edges, graph.waits - oracle.kept_waiting
    return Coverage(
        (len(graph.edges) - len(missing), len(graph.edges)),
        (len(graph.waits) - len(untried), len(graph.waits)),
        tuple((s, m.command) for s, moves in graph.moves.items() for m in moves if (s, m.command) in missing),
        tuple(sorted(untried, key=lambda each: [*graph.moves].index(each[0]))),
        count,
        alarm,
        alarm is None and tour is not None,
        run,
    )


def missed(coverage: Coverage, oracle: Oracle) -> Finding | None:
    """Return what tours never reached, as what is wrong with the stack; None if only the budget ended."""
    if coverage.complete or coverage.over or coverage.last is None:
        return None
    names = oracle.model.instance.names[oracle.model.system.owners.name]
    if coverage.missing:
        state, command = coverage.missing[0]
        move = next(move for move in oracle.moves(state) if move.command == command)
        what = f"no run makes {move.action.label} of {names[move.owner]}, which the model has where"
    else:
        state, owner = coverage.untried[0]
        what = f"no run finds {names[owner]} waiting, as the model has it, where"
    others = [f"{name} is at {oracle.place(state, number)}" for number, name in enumerate(names[:-1])]
    left = len(coverage.missing) + len(coverage.untried) - 1
    more = f"; {left} more are missed" if left else ""
    return Finding("tours", coverage.last, None, f"{what} {', '.join(others)}{more}")
