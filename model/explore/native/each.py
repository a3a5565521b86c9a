"""The native search from many starts, which tells of each start what it found of it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from cowpath.model.explore.each import Counts, Tally
from cowpath.model.explore.native.program import OUTSIDE, Program, States
from cowpath.model.explore.native.search import Layer, Search, Worker
from cowpath.model.kept.checkpoint import Checkpoint


class EachWorker(Worker):
    """Keeps of the states that answer a question only from which starts they come."""

    tally: Tally

    def begin(self, wanted: int) -> None:
        """Begin a layer."""
        super().begin(wanted)
        self.noted: list[tuple[int, Counts]] = []

    def _note(self) -> None:
        count = int(self.call[9])
        if not count:
            return
        whose, answers = self.tally.origins(_columns(self._hits[:count])), self._answers[:count]
        for bit in range(int(np.bitwise_or.reduce(answers)).bit_length()):
            which = answers >> np.uint64(bit) & np.uint64(1) != 0
            if which.any():
                self.noted.append((bit, np.unique(whose[which])))
                if self.program.names[bit] == OUTSIDE:  # an error of the model: its state is wanted
                    super()._note()


class EachSearch(Search):
    """One search from all the starts; the tally is told depth by depth."""

    worker = EachWorker

    def __init__(
        self,
        program: Program,
        tally: Tally,
        threads: int,
        patience: float,
        checkpoint: Checkpoint | None = None,
    ) -> None:
        super().__init__(program, threads, 0, patience, checkpoint)
        self.tally = tally
        self.layers = None
        for worker in self._workers:
            assert isinstance(worker, EachWorker)
            worker.tally = tally

    def counted(self) -> dict[str, Any]:
        """Return the tally, for a checkpoint."""
        return self.tally.counted

    def count_on(self, counted: Mapping[str, Any]) -> None:
        """Let the tally go on from what `counted` returned."""
        for name, array in self.tally.counted.items():
            array[:] = counted[name]

    def _wanted(self, layer: Layer) -> int:
        """Count the layer; every question stays open, for there is a start that has not answered it."""
        self.tally.begin(self.depth, [_columns(segment) for segment in layer])
        return (1 << len(self.program.names)) - 1

    def _take_answers(self) -> None:
        for worker in self._workers:
            assert isinstance(worker, EachWorker)
            for bit, whose in worker.noted:
                name = self.program.names[bit]
                if name == OUTSIDE:
                    self.program.complain({OUTSIDE: (self.depth, worker.least[bit])})
                self.tally.answer(name, whose)


def _columns(rows: States) -> tuple[States, ...]:
    return tuple(np.ascontiguousarray(column) for column in rows.T)
