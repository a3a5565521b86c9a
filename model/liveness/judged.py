"""Which of the runs are fair and pass somebody over for ever: the components in which an owner starves."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator

import numpy as np

from cowpath.model.explore.codes import Indices
from cowpath.model.liveness.components import components, on_cycles
from cowpath.model.liveness.runs import Lasso, Runs
from cowpath.model.liveness.wakeups import Queues


def fair_loops(queues: Queues, runs: Runs) -> list[Lasso]:
    """Return a shortest lasso into each component in which an owner starves."""
    judged = _Judged(queues, runs)
    owners = range(len(queues.program.model.pending))
    return [judged.lasso(owner, part) for owner in owners for part in judged.starving(owner)]


class _Judged:
    """The moves on cycles where nobody is deadlocked; who is pending at a node, and who has nothing to do."""

    def __init__(self, queues: Queues, runs: Runs) -> None:
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
