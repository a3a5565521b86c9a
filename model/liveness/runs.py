"""All runs under QEMU's wake-ups as a graph of nodes and moves, and the lassos on which somebody starves."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass

from cowpath.model.explore.result import Limits, Progress, Report, enforce
from cowpath.model.liveness.wakeups import Node, Queues


@dataclass(frozen=True)
class Lasso:
    """A path (commands by number), then a walk from its end back to there: for ever, and `owner` starves.

    The walk is empty where nobody need move any more.
    """

    owner: int
    stem: tuple[int, ...]
    loop: tuple[int, ...]


class Runs:
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
