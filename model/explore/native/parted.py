"""A native search that several processes share: each owns the states whose hash says so.

A process has the table and the layers of its own states alone. It expands its layer; successors of others go
to those, in batches, and what comes is looked up in the own table. So memory and work are parted, and the
layers are those of one search: all go on to the next depth together. Nothing is left out because it was sent
before, but for what a process's filter of recent states remembers, which begins empty with the table.
"""

from __future__ import annotations

import ctypes
import itertools
from collections import deque
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np

from cowpath.model.explore.codes import State
from cowpath.model.explore.native import saved
from cowpath.model.explore.native.kernel import OUT_IS_FULL, SIDE_IS_FULL
from cowpath.model.explore.native.program import Program, States
from cowpath.model.explore.native.search import Layer, Search, Worker, in_segments
from cowpath.model.explore.native.table import Table
from cowpath.model.explore.numpy_engine import Hit
from cowpath.model.explore.result import Limits, Report, Witness, enforce
from cowpath.model.kept.checkpoint import Checkpoint

_BATCH = 1 << 20  # states that wait to be sent, before they are
_CHUNK = 1 << 11  # states looked up between two looks at the table's size
_AWAY = 1 << 15  # states of others that a thread puts aside at once


class PartedWorker(Worker):
    """Puts the states of others aside, with whose they are."""

    def __init__(self, program: Program, free: list[States]) -> None:
        super().__init__(program, free)
        reserve = program.kernel.reserve
        self._aside_rows = np.empty((_AWAY + reserve + 1, program.kernel.words + 1), dtype=np.uint64)
        self.call[18:21] = self._aside_rows.ctypes.data, 0, _AWAY + reserve
        self.away: list[States] = []

    def expand(self, table: Table, segment: States, side_room: int) -> States:
        """See `Worker.expand`; what belongs to others is in `away`."""
        self.call[0:3] = segment.ctypes.data, 0, len(segment)
        self.call[9], self.call[13] = 0, side_room
        while (why := self.program.explore(table.address, self.call.ctypes.data)) == OUT_IS_FULL:
            self._put_away()
            if self._filled + self.program.kernel.reserve > self._room:
                self.out.append(self._new[: self._filled])
                self._renew()
        self._put_away()
        self._note()
        return segment[int(self.call[1]) if why == SIDE_IS_FULL else len(segment) :]

    def _put_away(self) -> None:
        if count := int(self.call[19]):
            self.away.append(self._aside_rows[:count].copy())
            self.call[19] = 0


class PartedSearch(Search):
    """This process's part of a search. `among`: the communicator; `sent`: bytes that went to others."""

    worker = PartedWorker

    def __init__(
        self,
        program: Program,
        threads: int,
        keep: int | None,
        patience: float,
        checkpoint: Checkpoint | None,
        among: Any,
    ) -> None:
        self.among = among
        self.sent = 0
        self._come: Layer = []
        pointer, number = ctypes.c_void_p, ctypes.c_uint64
        self._absorb = program.code.function("absorb", number, pointer, pointer, number, pointer)
        self._owner = program.code.function("owner", number, pointer)
        super().__init__(program, threads, keep, patience, None)
        self._generations = _generations(checkpoint, among)
        for worker in self._workers:
            worker.call[21] = among.rank

    @property
    def states(self) -> int:
        """States that are this process's own."""
        return super().states + sum(map(len, self._come))

    @property
    def totals(self) -> tuple[int, int, int]:
        """States and transitions of all processes together, and the depth."""
        states, transitions = self.among.allreduce(np.array([self.states, self.transitions]))
        return int(states), int(transitions), self.depth

    def shared(self, states: int) -> tuple[str, ...]:
        """Say how many there are, and what was sent."""
        sent = self.among.allreduce(self.sent) / max(states, 1)
        return (
            f"{self.among.size} processes searched it together; {sent:.1f} bytes a state were exchanged.",
        )

    def witness(self, layers: Sequence[Layer], state: State) -> Witness:
        """Return a shortest path to a state, which leads through states of all processes."""
        return self.program.witness(layers, state, self._least)

    def _least(self, ways: list[tuple[int, Hit]]) -> tuple[int, Hit]:
        everywhere: list[list[tuple[int, Hit]]] = self.among.allgather(ways)
        return min(itertools.chain.from_iterable(everywhere))

    def _own(self, rows: States) -> States:
        mine = [self._owner(row.ctypes.data) == self.among.rank for row in np.ascontiguousarray(rows)]
        own: States = rows[np.array(mine, dtype=bool)]
        return own

    def _full(self) -> bool:
        """Tell whether enough waits to be sent."""
        return sum(len(rows) for worker in self._parted for rows in worker.away) >= _BATCH

    @property
    def _parted(self) -> list[PartedWorker]:
        return [worker for worker in self._workers if isinstance(worker, PartedWorker)]

    def _work_off(
        self, pool: ThreadPoolExecutor, segments: deque[States], limits: Limits, report: Report
    ) -> None:
        """Expand the segments; all processes exchange what they found until none has any left."""
        more = True
        while more:
            while segments and not self._full():
                self._expand(pool, segments, limits, report)
            for rows in self._exchanged():
                self._take(pool, rows)
            more = bool(self.among.allreduce(len(segments)))

    def _exchanged(self) -> list[States]:
        """Send what belongs to others; return what has come."""
        rows = [rows for worker in self._parted for rows in worker.away]
        for worker in self._parted:
            worker.away = []
        words = self.program.kernel.words
        away = np.concatenate([np.empty((0, words + 1), dtype=np.uint64), *rows])
        owners = away[:, words].astype(np.intp)
        order = np.argsort(owners, kind="stable")
        sending = np.ascontiguousarray(away[order, :words])
        counts = np.bincount(owners, minlength=self.among.size)
        coming = np.empty_like(counts)
        self.among.Alltoall(counts, coming)
        come = np.empty((int(coming.sum()), words), dtype=np.uint64)
        self.among.Alltoallv([sending, counts * words], [come, coming * words])
        self.sent += sending.nbytes
        return in_segments(come)

    def _take(self, pool: ThreadPoolExecutor, rows: States) -> None:
        """Look up states that have come; those that are new are of the next layer."""
        new = np.empty_like(rows)
        filled = 0
        for at in range(0, len(rows), _CHUNK):
            part = rows[at : at + _CHUNK]
            if self.table.crowded(self.states + filled):
                self.table.grow(pool, len(self._workers))
            if self.table.aside + _CHUNK > self.table.side_places * 3 // 4:
                self.table.widen_side()
            to = new[filled:].ctypes.data
            filled += self._absorb(self.table.address, part.ctypes.data, len(part), to)
        if filled:
            self._come.append(new[:filled].copy())

    def _found(self) -> Layer:
        """Return the new layer: what was found here and what has come."""
        layer, self._come = super()._found() + self._come, []
        return layer

    def _take_answers(self) -> None:
        """Merge what all processes found in this layer."""
        least: dict[int, Hit] = {}
        mine = [hit for worker in self._workers for hit in worker.least.items()]
        for bit, state in itertools.chain.from_iterable(self.among.allgather(mine)):
            least[bit] = min(least.get(bit, state), state)
        for bit, state in least.items():
            self.found[self.program.names[bit]] = (self.depth, state)
        self.program.complain(self.found)

    def _settle(self, layer: Layer) -> bool:
        """Count a finished layer; tell whether any process has more to do."""
        self._count(layer)
        new, states = self.among.allreduce(np.array([sum(map(len, layer)), self._states]))
        if not new:
            return False
        self._deepen(layer, int(states))
        return True

    def _enforce(self, limits: Limits, seconds: float) -> None:
        """Enforce the limits between two layers alone: all processes stop at the same place."""

    def _begin(self, limits: Limits) -> None:
        states, _, depth = self.totals
        enforce(limits, states, 0.0, depth)

    def _save(self, layer: Layer) -> None:
        """Save all parts or none: of two generations the older is replaced, and all wait for all."""
        if self._generations and self.among.bcast(self._generations[0].due):
            saved.save(self, layer, self._generations[0])
            self.among.Barrier()
            self._generations.reverse()
            self._generations[0].wait_as(self._generations[1])

    def _restored(self) -> Layer | None:
        """Go on from the latest depth of which every process has its part."""
        found = [saved.load(self, each) for each in self._generations]
        depths = [None if each is None else int(each[0]["depth"]) for each in found]
        everywhere = set.intersection(*(set(each) for each in self.among.allgather(depths))) - {None}
        if not everywhere:
            return None
        latest = depths.index(max(depth for depth in everywhere if depth is not None))
        whole = found[latest]
        assert whole is not None
        if latest == 0:
            self._generations.reverse()  # the other one is replaced next
        return saved.restore(self, whole)

    def over(self) -> None:
        """Remove the checkpoints."""
        for each in self._generations:
            each.remove()


def _generations(checkpoint: Checkpoint | None, among: Any) -> list[Checkpoint]:
    """Return the two places of this process's part, that for the next checkpoint first."""
    if checkpoint is None:
        return []
    name = f"{checkpoint.path.stem}.{among.rank}-of-{among.size}"
    return [checkpoint.at(Path(f"{name}.{letter}.npz")) for letter in "ab"]
