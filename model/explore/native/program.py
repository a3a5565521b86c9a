"""What is made once for a model: its coding, its machine code, and the way back to packed states."""

from __future__ import annotations

import ctypes
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from functools import cached_property

import numpy as np
import numpy.typing as npt

from cowpath.model.explore.codes import Coding, Columns, Packed, State
from cowpath.model.explore.native import kernel
from cowpath.model.explore.native.compiler import Compiled
from cowpath.model.explore.native.visited import Shape
from cowpath.model.explore.numpy_engine import Hit, Ways, shortest_path
from cowpath.model.explore.program import Program as Reference
from cowpath.model.explore.reductions import UNREDUCED, Reductions
from cowpath.model.explore.result import DEADLOCK, Question, Witness
from cowpath.model.explore.vector_program import VectorProgram
from cowpath.model.finite.domains import Narrowed

States = npt.NDArray[np.uint64]  # a row of words for each
OUTSIDE = "outside a sort"
"""The question whether an enabled command would leave a sort."""


class Program:
    """Machine code for one ground model. `names[n]` is the question behind bit n of an answer.

    The last one asks whether an enabled command would leave a sort. `ranks`: so many share the search.
    """

    def __init__(
        self,
        narrowed: Narrowed,
        questions: tuple[Question, ...],
        reductions: Reductions = UNREDUCED,
        *,
        optimised: bool,
        ranks: int = 1,
    ) -> None:
        self.narrowed = narrowed
        self.questions = questions
        asked = (*questions, _outside(narrowed))
        self.names = [DEADLOCK, *(q.name for q in asked)]
        self.coding = Coding.of(narrowed)
        self.shape = Shape.of(self.coding.bits)
        self.kernel = kernel.write(narrowed.model, self.coding, self.shape, asked, reductions, ranks)
        self.code = Compiled(self.kernel.text, optimised=optimised)
        self._explore = _entry(self.code)
        self.proviso = bool(reductions.needs) and not reductions.terminates
        """Whether states must be judged before their layer is expanded."""
        self._improvable = not optimised
        self._better: Future[Compiled] | None = None
        self.packed = Packed(narrowed, self.coding)

    def improve(self) -> None:
        """Begin to make better code in a thread; it takes effect when it is ready."""
        if self._improvable and self._better is None:
            pool = ThreadPoolExecutor(1)
            self._better = pool.submit(Compiled, self.kernel.text, optimised=True)
            pool.shutdown(wait=False)

    def explore(self, table: int, call: int) -> int:
        """Call the kernel; return why it stopped. Both arguments are addresses."""
        better = self._better
        if better is not None and better.done():
            self._explore = _entry(better.result())
        return self._explore(table, call)

    def judge(self, table: int, states: int, count: int, whole: int, room: int) -> int:
        """See `alone`; the arguments but `count` are addresses."""
        return self._judge(table, states, count, whole, room)

    @cached_property
    def _judge(self) -> Callable[[int, int, int, int, int], int]:
        pointer, number = ctypes.c_void_p, ctypes.c_uint64
        return self.code.function("judge", number, pointer, pointer, number, pointer, pointer)

    @cached_property
    def starts(self) -> States:
        """The initial states, a row for each."""
        return np.concatenate([self.coding.pack(start) for start in self.narrowed.model.starts])

    def complain(self, found: Mapping[str, tuple[int, Hit]]) -> None:
        """Raise `OutOfRange` if a state was found where a command would leave a sort."""
        if OUTSIDE in found:
            state = self.coding.unpack(np.array(found[OUTSIDE][1][1], dtype=np.uint64))
            reference = Reference(self.narrowed, ()).started(state)
            reference.successors(reference.initial)
            raise AssertionError("the reference stays within the sorts")

    def witness(
        self,
        layers: Sequence[Sequence[States]],
        state: State,
        least: Callable[[Ways], tuple[int, Hit]] = min,
    ) -> Witness:
        """Return a shortest path to a state through the layers before its own; see `shortest_path`."""
        nothing = np.empty((0, self.kernel.words), dtype=np.uint64)
        columns = [self._recoded(np.concatenate([nothing, *segments])) for segments in layers]
        target = self._recoded(np.array([state], dtype=np.uint64))
        end = tuple(int(column[0]) for column in target)
        return Witness(shortest_path(self._vectors, columns, end, least))

    def _recoded(self, states: States) -> Columns:
        """Return states as the NumPy engine has them: it codes some models, with huge tables, otherwise."""
        if self._vectors.coding == self.coding:
            return tuple(states.T)
        rows = [self._vectors.coding.pack(self.coding.unpack(row)) for row in states]
        return tuple(np.concatenate(rows).T)

    @cached_property
    def _vectors(self) -> VectorProgram:
        return VectorProgram(self.narrowed, self.questions)


def _entry(code: Compiled) -> Callable[[int, int], int]:
    return code.function("explore", ctypes.c_uint64, ctypes.c_void_p, ctypes.c_void_p)


def _outside(narrowed: Narrowed) -> Question:
    """Return the question whether an enabled command would leave a sort."""
    terms = narrowed.model.terms
    found = [
        terms.conjunction(
            [
                narrowed.model.commands[number].enabled,
                terms.negation(terms.less(value, narrowed.model.layout.sizes[cell])),
            ]
        )
        for number, updates in narrowed.unproved.items()
        for cell, value in updates
    ]
    return Question(OUTSIDE, terms.disjunction(found))
