"""Breadth-first search over the compiled kernel: layers of segments that threads take, a table that grows."""

from __future__ import annotations

import concurrent.futures
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor

import numpy as np

from cowpath.model.explore.codes import State
from cowpath.model.explore.native import saved
from cowpath.model.explore.native.kernel import OUT_IS_FULL, RECENT, SIDE_IS_FULL
from cowpath.model.explore.native.program import Program, States
from cowpath.model.explore.native.table import Table
from cowpath.model.explore.numpy_engine import Hit
from cowpath.model.explore.result import Limits, Progress, Report, Witness, enforce
from cowpath.model.kept.checkpoint import Checkpoint

_SEGMENT = 1 << 14  # states a thread takes at once, and puts out at once
Layer = list[States]


class Worker:
    """One thread's call of the kernel: where it reads, where it writes, what it found in this layer."""

    def __init__(self, program: Program, free: list[States]) -> None:
        kernel = program.kernel
        self._free = free  # memory of segments that nobody needs any more
        self.program = program
        self.call = np.zeros(32, dtype=np.uint64)  # see `kernel`; no cache line is shared between threads
        self._buffer = np.empty((kernel.buffer, kernel.words), dtype=np.uint64)
        self._hashes = np.empty(kernel.buffer, dtype=np.uint64)
        self._room = _SEGMENT + kernel.reserve  # of a segment: so many states at most are in one
        self._hits = np.empty((self._room, kernel.words), dtype=np.uint64)
        self._answers = np.empty(self._room, dtype=np.uint64)
        self.call[7:9] = self._hits.ctypes.data, self._answers.ctypes.data
        self.call[11:13] = self._buffer.ctypes.data, self._hashes.ctypes.data
        self._aside = np.empty((kernel.reserve, kernel.words), dtype=np.uint64)
        self._aside_hashes = np.empty(kernel.reserve, dtype=np.uint64)
        self.call[14:16] = self._aside.ctypes.data, self._aside_hashes.ctypes.data
        self._recent = np.tile(program.starts[0], (RECENT, 1))
        self.call[17] = self._recent.ctypes.data
        self._renew()
        self.begin(0)

    def choose(self, may: bool) -> None:
        """Let owners go alone, or not; it matters only to a reduced search."""
        self.call[16] = (1 << 64) - 1 if may else 0

    def begin(self, wanted: int) -> None:
        """Begin a layer; `wanted`: the questions still open, as bits."""
        self.out: Layer = []
        self.least: dict[int, Hit] = {}
        self.call[10] = wanted
        self.call[6] = 0

    def expand(self, table: Table, segment: States, side_room: int) -> States:
        """Expand a segment; return what is left of it because the side table must grow first."""
        self.call[0:3] = segment.ctypes.data, 0, len(segment)
        self.call[9], self.call[13] = 0, side_room
        while (why := self.program.explore(table.address, self.call.ctypes.data)) == OUT_IS_FULL:
            self.out.append(self._new[: self._filled])
            self._renew()
        self._note()
        return segment[int(self.call[1]) if why == SIDE_IS_FULL else len(segment) :]

    def judge(self, table: Table, segment: States) -> tuple[States, States]:
        """Part the states of a segment: those where owners may go alone, and those that must be whole."""
        whole = np.empty_like(segment)
        arrays = (segment.ctypes.data, len(segment), whole.ctypes.data, self._buffer.ctypes.data)
        others = self.program.judge(table.address, *arrays)
        return segment[:others], whole[: len(segment) - others]

    def finish(self) -> Layer:
        """Return the new states of the layer."""
        if self._filled:
            self.out.append(self._new[: self._filled].copy())
            self.call[4] = 0
        return self.out

    @property
    def states(self) -> int:
        """New states of the layer so far."""
        return sum(map(len, self.out)) + self._filled

    @property
    def transitions(self) -> int:
        """Transitions of the layer so far."""
        return int(self.call[6])

    def recycle(self, segment: States) -> None:
        """Use the memory of an expanded segment again, if it is such as `_renew` makes."""
        if isinstance(segment.base, np.ndarray) and len(segment.base) == self._room:
            self._free.append(segment.base)

    @property
    def _filled(self) -> int:
        return int(self.call[4])

    def _renew(self) -> None:
        try:
            self._new = self._free.pop()
        except IndexError:
            self._new = np.empty((self._room, self.program.kernel.words), dtype=np.uint64)
        self.call[3:6] = self._new.ctypes.data, 0, self._room

    def _note(self) -> None:
        """Keep the least state for each question that was answered."""
        count = int(self.call[9])
        if not count:
            return
        columns, answers = tuple(self._hits[:count].T), self._answers[:count]
        for bit in range(int(np.bitwise_or.reduce(answers)).bit_length()):
            which = np.flatnonzero(answers >> np.uint64(bit) & np.uint64(1))
            if len(which):
                state = self.program.packed.least(tuple(column[which] for column in columns))
                self.least[bit] = min(self.least.get(bit, state), state)


class Search:
    """One search. What is known so far is in its attributes, also after an interruption.

    `layers` are the states of each depth, or None once there were more than `keep` of them. With a checkpoint
    the search goes on where it was saved, from the depth `resumed`, and is saved now and then.
    """

    worker: type[Worker] = Worker

    def __init__(
        self,
        program: Program,
        threads: int,
        keep: int | None,
        patience: float,
        checkpoint: Checkpoint | None = None,
    ) -> None:
        self.program = program
        self._checkpoint = checkpoint
        self.resumed: int | None = None
        self.patience = patience
        self.keep = keep
        self.began = self._reported = time.perf_counter()
        self._margin = threads * program.kernel.reserve
        side_places = 1 << (16 * self._margin).bit_length()
        self.table = Table(program.shape, program.code, side_places, len(program.starts))
        starts = self._own(program.starts)
        for row in starts:
            self.table.add(row)
        self._free: list[States] = []
        self._workers = [self.worker(program, self._free) for _ in range(threads)]
        self.layers: list[Layer] | None = [[starts]]
        self.found: dict[str, tuple[int, Hit]] = {}
        self.depth = 0
        self._states = self._frontier = len(starts)
        self._before = 0  # transitions of the layers before

    @property
    def states(self) -> int:
        """States found."""
        return self._states + sum(worker.states for worker in self._workers)

    @property
    def transitions(self) -> int:
        """Transitions found."""
        return self._before + sum(worker.transitions for worker in self._workers)

    def run(self, limits: Limits, report: Report) -> None:
        """Search until nothing is new. Raises `Stop` when a limit is hit."""
        layer = self._first()
        with ThreadPoolExecutor(len(self._workers)) as pool:
            more = True
            while more:
                self._save(layer)
                wanted = self._wanted(layer)
                for worker in self._workers:
                    worker.begin(wanted)
                self._frontier = sum(map(len, layer))
                self._begin(limits)
                self._account(limits, report)
                whole = self._judge(pool, layer, limits, report) if self.program.proviso else []
                try:
                    for may, part in ((True, layer), (False, whole)):
                        for worker in self._workers:
                            worker.choose(may)
                        segments = deque(part)
                        part.clear()
                        self._work_off(pool, segments, limits, report)
                finally:
                    self._take_answers()
                layer += self._found()
                more = self._settle(layer)

    def _begin(self, limits: Limits) -> None:
        """Prepare for a layer."""

    def _work_off(
        self, pool: ThreadPoolExecutor, segments: deque[States], limits: Limits, report: Report
    ) -> None:
        """Expand the segments."""
        while segments:
            self._expand(pool, segments, limits, report)

    def _found(self) -> Layer:
        """Return the new layer."""
        return [segment for worker in self._workers for segment in worker.finish()]

    def _own(self, rows: States) -> States:
        """Return those of the states that this search is about."""
        return rows

    def _full(self) -> bool:
        """Tell whether there is something to do before more is expanded."""
        return False

    def _save(self, layer: Layer) -> None:
        """Save where the search is, now and then."""
        if self._checkpoint is not None and self._checkpoint.due:
            saved.save(self, layer, self._checkpoint)

    def _restored(self) -> Layer | None:
        """Go on from what is saved; return the next layer, None if nothing is."""
        if self._checkpoint is None or (found := saved.load(self, self._checkpoint)) is None:
            return None
        return saved.restore(self, found)

    def over(self) -> None:
        """Remove what was saved: the search is over."""
        if self._checkpoint is not None:
            self._checkpoint.remove()

    @property
    def totals(self) -> tuple[int, int, int]:
        """States, transitions, and the depth."""
        return self.states, self.transitions, self.depth

    def shared(self, states: int) -> tuple[str, ...]:
        """Say what processes that share the search had to tell each other about so many states."""
        return ()

    def witness(self, layers: Sequence[Layer], state: State) -> Witness:
        """Return a shortest path to a state through the layers before its own."""
        return self.program.witness(layers, state)

    def _first(self) -> Layer:
        """Return the layer to begin with, of which nothing is expanded yet: in segments."""
        rows = self._own(self.program.starts)
        if (layer := self._restored()) is not None:
            rows = np.concatenate(layer)
            self.resumed = self.depth
        self._frontier = len(rows)
        return [segment.copy() for segment in in_segments(rows)]

    def resume(self, states: int, transitions: int) -> None:
        """Go on from so many states and transitions."""
        self._states, self._before = states, transitions

    def counted(self) -> dict[str, States]:
        """Return what else is counted, for a checkpoint."""
        return {}

    def count_on(self, counted: Mapping[str, States]) -> None:
        """Count on from what `counted` returned."""

    def _wanted(self, layer: Layer) -> int:
        """Return the questions that are still open when a layer begins, as bits."""
        return sum(1 << n for n, name in enumerate(self.program.names) if name not in self.found)

    def _judge(self, pool: ThreadPoolExecutor, layer: Layer, limits: Limits, report: Report) -> Layer:
        """Leave in a layer the states where owners may go alone; return those that must be whole."""
        segments = deque(layer)
        layer.clear()
        whole: Layer = []

        def work(worker: Worker) -> bool:
            try:
                segment = segments.popleft()
            except IndexError:  # another thread has taken the last
                return False
            may, must = worker.judge(self.table, segment)
            layer.append(may)
            whole.append(must)
            return True

        self._share(pool, segments, work, limits, report)
        return whole

    def _expand(
        self, pool: ThreadPoolExecutor, segments: deque[States], limits: Limits, report: Report
    ) -> None:
        """Let the threads take segments until there are none, or the table must grow; then let it grow."""
        narrow = [False]

        def work(worker: Worker) -> bool:
            if narrow[0] or self._full() or self.table.crowded(self.states):
                return False
            try:
                segment = segments.popleft()
            except IndexError:
                return False
            room = self.table.side_places * 3 // 4 - self._margin
            left = worker.expand(self.table, segment, room)
            if len(left):
                segments.append(left)
                narrow[0] = True
            elif self.layers is None:
                worker.recycle(segment)
            return True

        self._share(pool, segments, work, limits, report)
        if self.table.crowded(self.states):
            self.table.grow(pool, len(self._workers))
        elif narrow[0]:
            self.table.widen_side()

    def _share(
        self,
        pool: ThreadPoolExecutor,
        segments: deque[States],
        work: Callable[[Worker], bool],
        limits: Limits,
        report: Report,
    ) -> None:
        """Let every worker do a piece of work after the other until it has none."""
        if len(segments) == 1 or len(self._workers) == 1:
            while work(self._workers[0]):
                if segments:
                    self._account(limits, report)
            return
        over = [False]

        def work_on(worker: Worker) -> None:
            while not over[0] and work(worker):
                pass

        calls = [pool.submit(work_on, worker) for worker in self._workers]
        try:
            while concurrent.futures.wait(calls, timeout=0.05).not_done:
                self._account(limits, report)
        finally:
            over[0] = True
            for call in calls:
                call.result()

    def _account(self, limits: Limits, report: Report) -> None:
        """Enforce the limits and report, between two segments."""
        now, states = time.perf_counter(), self.states
        if now - self.began > self.patience:
            self.program.improve()
        self._enforce(limits, now - self.began)
        if now - self._reported > 0.1:
            self._reported = now
            memory = self.table.memory + 8 * self.program.kernel.words * (
                self._frontier + states - self._states
            )
            report(Progress(states, self.transitions, now - self.began, self._frontier, self.depth, memory))

    def _enforce(self, limits: Limits, seconds: float) -> None:
        """Raise `Stop` if a limit is hit."""
        enforce(limits, self.states, seconds, self.depth)

    def _take_answers(self) -> None:
        """Merge what the threads found in this layer. Raises `OutOfRange` if a value left its sort."""
        for bit, name in enumerate(self.program.names):
            states = [worker.least[bit] for worker in self._workers if bit in worker.least]
            if states:
                self.found[name] = (self.depth, min(states))
        self.program.complain(self.found)

    def _settle(self, layer: Layer) -> bool:
        """Count a finished layer; tell whether it has states."""
        self._count(layer)
        if not layer:
            return False
        self._deepen(layer, self._states)
        return True

    def _count(self, layer: Layer) -> None:
        self._states += sum(map(len, layer))
        self._before = self.transitions
        for worker in self._workers:
            worker.begin(0)

    def _deepen(self, layer: Layer, states: int) -> None:
        """Go on to a layer, and keep it if past layers are still kept, of so many states in all."""
        self.depth += 1
        if self.layers is not None:
            self.layers.append(list(layer))
            if self.keep is not None and states > self.keep:
                self.layers = None


def in_segments(rows: States) -> Layer:
    """Return the states in segments, as many in each as a thread takes at once."""
    return [rows[at : at + _SEGMENT] for at in range(0, len(rows), _SEGMENT)]
