"""Progress: can an owner be passed over for ever?

Judged are the runs under first-come-first-served wake-ups (`queues`) that are weakly fair: who is pending
and all the time has something to do, goes on some time. I/O in flight thus completes; who is not pending may
stay where it is, for arrivals are never owed. An owner starves on such a run if it is pending for ever from
some point on; so it does where nobody pending can move, and it is only an arrival that could help. Runs on
which anybody is deadlocked are left to that property.

An infinite run over finitely many nodes stays, from some point on, in one strongly connected component of
those where the owner is pending, and passes each node and step of some set in it again and again. Weak
fairness asks of the set, for each owner, a node where that one has nothing to do, or a step of its own. What
a part of a component has the whole has too; and in a component one can walk through everything again and
again. So the owner starves iff some component has it all, and the component need not be taken apart.
Source: fairness as generalised Buechi conditions; O. Lichtenstein and A. Pnueli, "Checking that finite state
concurrent programs satisfy their linear specification", 1985; E. Clarke, O. Grumberg and D. Peled, "Model
Checking", 1999, section 6.3.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from cowpath.model.explore import plain
from cowpath.model.explore.codes import Indices
from cowpath.model.explore.plain import MOST, Graph, TooMany
from cowpath.model.explore.program import Program
from cowpath.model.explore.result import Limits, Progress, Report, Stop, enforce
from cowpath.model.finite.domains import Narrowed
from cowpath.model.liveness.components import acyclic, components, on_cycles
from cowpath.model.liveness.pending import pending, stranded
from cowpath.model.liveness.wakeups import Node, Queues

PROGRESS = "progress"


@dataclass(frozen=True)
class Lasso:
    """A path (commands by number), then a walk from its end back to there: for ever, and `owner` starves.

    The walk is empty where nobody need move any more.
    """

    owner: int
    stem: tuple[int, ...]
    loop: tuple[int, ...]


@dataclass(frozen=True)
class Starvation:
    """Who can starve, and a shortest lasso of one of them; `stopped` says why the search did not end, if so.

    `steps` are those of the state graph. `nodes` are states with their queues: none if no run is infinite.
    """

    steps: int
    nodes: int
    seconds: float
    stopped: str | None
    starved: tuple[int, ...]
    lasso: Lasso | None


def starve(narrowed: Narrowed, limits: Limits, report: Report, graph: Graph | None = None) -> Starvation:
    """Search all runs; Ctrl-C counts as a limit.

    `graph`: what a search has seen whose program asks who is pending; without it there is a search first.
    """
    began = time.perf_counter()
    runs = _Runs()
    lassos: list[Lasso] = []
    steps, stopped = 0, None
    try:
        seen = _seen(narrowed, limits, report, MOST) if graph is None else graph
        if seen is not None:
            steps, cyclic, alone = seen.steps, not acyclic(seen), stranded(seen)
        else:
            from cowpath.model.liveness import step_graph  # NumPy takes its time to load

            whole = step_graph.explore(narrowed, limits, report)
            steps, cyclic, alone = len(whole.source), bool(len(on_cycles(whole.source, whole.target))), None
            if whole.stranded:
                seen = _seen(narrowed, limits, report, None)
                assert seen is not None
                alone = stranded(seen)
        program = Program(narrowed, pending(narrowed)) if seen is None else seen.program
        if alone is not None:
            lassos = [Lasso(owner, alone, ()) for owner in Queues(program).after(alone).pending]
        elif cyclic:
            queues = Queues(program, seen)
            runs.explore(queues, limits, report)
            judged = _Judged(queues, runs)
            for owner in range(len(narrowed.model.pending)):
                lassos += [judged.lasso(owner, part) for part in judged.starving(owner)]
    except (Stop, KeyboardInterrupt) as stop:
        stopped, lassos = str(stop) or "interrupted", []
    shortest = min(lassos, key=lambda lasso: len(lasso.stem) + len(lasso.loop), default=None)
    starved = tuple(sorted({lasso.owner for lasso in lassos}))
    return Starvation(steps, len(runs.nodes), time.perf_counter() - began, stopped, starved, shortest)


def _seen(narrowed: Narrowed, limits: Limits, report: Report, most: int | None) -> Graph | None:
    """Return what a plain search sees; None if there are too many states. Raises `Stop` if a limit is hit."""
    try:
        found, graph = plain.explore(Program(narrowed, pending(narrowed)), limits, report, most)
    except TooMany:
        return None
    if graph is None:
        raise Stop(found.stopped)
    return graph


class _Runs:
    """All nodes, in the order of their distance from the first, and the moves between them, by number."""

    def __init__(self) -> None:
        self.nodes: list[Node] = []
        self.came: list[int] = []  # the move by which a node was first reached
        self.source: list[int] = []
        self.target: list[int] = []
        self.owner: list[int] = []
        self.command: list[int | None] = []

    def explore(self, queues: Queues, limits: Limits, report: Report) -> None:
        """Find them all; raises `Stop` if a limit is hit."""
        began = reported = time.perf_counter()
        number = {queues.first: 0}
        self.nodes.append(queues.first)
        self.came.append(-1)
        for at, node in enumerate(self.nodes):  # which grows meanwhile
            if at % 1024 == 0:
                now = time.perf_counter()
                enforce(limits, len(self.nodes), now - began)
                if now - reported > 0.1:
                    reported = now
                    waiting = len(self.nodes) - at
                    report(Progress(len(self.nodes), len(self.source), now - began, waiting, 0, 0))
            last = self.owner[self.came[at]] if at else None
            moves = sorted(queues.moves(node), key=lambda move: move[0] != last)  # reads better
            for owner, command, after in moves:
                if after not in number:
                    number[after] = len(self.nodes)
                    self.nodes.append(after)
                    self.came.append(len(self.source))
                self.source.append(at)
                self.target.append(number[after])
                self.owner.append(owner)
                self.command.append(command)

    def path(self, at: int) -> Iterator[int]:
        """Yield the moves of a shortest way to the node, last first."""
        while at:
            yield self.came[at]
            at = self.source[self.came[at]]


class _Judged:
    """The moves on cycles where nobody is deadlocked; who is pending at a node, and who has nothing to do."""

    def __init__(self, queues: Queues, runs: _Runs) -> None:
        self.runs = runs
        self.source, self.target = np.array(runs.source), np.array(runs.target)
        self.owner = np.array(runs.owner)
        owners, nodes = len(queues.program.model.pending), len(runs.nodes)
        self.pending = np.zeros((owners, nodes), dtype=bool)
        self.idle = np.ones((owners, nodes), dtype=bool)
        alive = np.zeros(nodes, dtype=bool)
        cyclic = on_cycles(self.source, self.target)
        for at in np.unique(self.source[cyclic]).tolist():
            sight = queues.sight(runs.nodes[at].state)
            alive[at] = not sight.deadlocked
            self.pending[list(sight.pending), at] = True
            self.idle[list(queues.runnable(runs.nodes[at])), at] = False
        self.cyclic = cyclic[alive[self.source[cyclic]] & alive[self.target[cyclic]]]

    def starving(self, owner: int) -> Iterator[Indices]:
        """Yield the moves of each component in which the owner starves."""
        pending = self.pending[owner]
        within = self.cyclic[pending[self.source[self.cyclic]] & pending[self.target[self.cyclic]]]
        for numbers in components(self.source[within], self.target[within]):
            part = within[numbers]
            idle = self.idle[:, np.unique(self.source[part])].any(axis=1)
            goes = np.isin(np.arange(len(self.idle)), self.owner[part])
            if np.all(idle | goes):
                yield part

    def lasso(self, owner: int, part: Indices) -> Lasso:
        """Return a shortest way into the component with a shortest fair loop from there."""
        start = int(self.source[part].min())
        moves = [*reversed(list(self.runs.path(start)))], self._loop(part, start)
        stem, loop = ([c for i in some if (c := self.runs.command[i]) is not None] for some in moves)
        return Lasso(owner, tuple(stem), tuple(loop))

    def _loop(self, part: Indices, start: int) -> list[int]:
        """Return the shortest walk in the component from the node back to it that serves everybody."""
        ahead: dict[int, list[int]] = {}
        for move in part.tolist():
            ahead.setdefault(self.runs.source[move], []).append(move)
        idle = {at: sum(1 << int(r) for r in np.flatnonzero(self.idle[:, at])) for at in ahead}
        first = (start, idle[start])  # a node, and who has been served on the way to it
        back = {first: (first, -1)}
        queue = deque([first])
        while True:  # there is such a walk
            here = queue.popleft()
            last = self.runs.owner[back[here][1]] if here != first else None
            for move in sorted(ahead[here[0]], key=lambda move: self.runs.owner[move] != last):
                at = self.runs.target[move]
                after = (at, here[1] | 1 << self.runs.owner[move] | idle[at])
                if after == (start, (1 << len(self.idle)) - 1):
                    walk = [move]
                    while here != first:
                        here, move = back[here]
                        walk.append(move)
                    return walk[::-1]
                if after not in back:
                    back[after] = (here, move)
                    queue.append(after)
