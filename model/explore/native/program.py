"""What is made once for a model: its coding, its machine code, and the way back to packed states."""

from __future__ import annotations

import ctypes
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from functools import cached_property

import numpy as np
import numpy.typing as npt

from model.explore.native import kernel
from model.explore.native.codes import Coding
from model.explore.native.compiler import Compiled
from model.explore.native.visited import Shape
from model.explore.numpy_engine import shortest_path
from model.explore.packing import Packing, Words
from model.explore.program import Program as Reference
from model.explore.reductions import UNREDUCED, Reductions
from model.explore.result import DEADLOCK, Question, Witness
from model.explore.vector_program import Columns, VectorProgram
from model.language.domains import Narrowed

States = npt.NDArray[np.uint64]  # a row of words for each
PackedState = tuple[int, ...]
_OUTSIDE = "outside a sort"


class Program:
    """Machine code for one ground model. `names[n]` is the question behind bit n of an answer.

    The last one asks whether an enabled command would leave a sort.
    """

    def __init__(
        self, narrowed: Narrowed, questions: tuple[Question, ...], reductions: Reductions = UNREDUCED
    ) -> None:
        self.narrowed = narrowed
        self.questions = questions
        asked = (*questions, _outside(narrowed))
        self.names = [DEADLOCK, *(q.name for q in asked)]
        self.coding = Coding.of(narrowed)
        self.shape = Shape.of(self.coding.bits)
        self.kernel = kernel.write(narrowed.model, self.coding, self.shape, asked, reductions)
        self.code = Compiled(self.kernel.text, optimised=False)
        self._explore = _entry(self.code)
        self.proviso = bool(reductions.needs) and not reductions.terminates
        """Whether states must be judged before their layer is expanded."""
        self._better: Future[Compiled] | None = None
        self.packing = Packing.of(narrowed.values)
        self._packed = [self._contribution(number) for number in range(len(self.coding.groups))]

    def improve(self) -> None:
        """Begin to make better code in a thread; it takes effect when it is ready."""
        if self._better is None:
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

    @property
    def initial(self) -> States:
        """The initial state as one row."""
        most = (1 << 64) - 1
        words = [self.coding.initial >> 64 * n & most for n in range(self.coding.words)]
        return np.array([words], dtype=np.uint64)

    def packed(self, states: States) -> Columns:
        """Return the states as the columns of words that the NumPy engine uses."""
        columns = tuple(np.zeros(len(states), dtype=np.uint64) for _ in range(self.packing.words))
        for group, shift, parts in zip(self.coding.groups, self.coding.shifts, self._packed, strict=True):
            codes = states[:, shift // 64] >> np.uint64(shift % 64) & np.uint64((1 << group.width) - 1)
            for column, part in zip(columns, parts, strict=True):
                column |= part[codes]
        return columns

    def complain(self, found: Mapping[str, tuple[int, PackedState]]) -> None:
        """Raise `OutOfRange` if a state was found where a command would leave a sort."""
        if _OUTSIDE in found:
            reference = Reference(self.narrowed, ())
            state = self.packing.unpack(np.array(found[_OUTSIDE][1], dtype=np.uint64))
            reference.successors(bytes(state[cell] for cell in reference.live))
            raise AssertionError("the reference stays within the sorts")

    def witness(self, layers: Sequence[Sequence[States]], state: PackedState) -> Witness:
        """Return a shortest path to a packed state through the layers before its own."""
        columns = [self.packed(np.concatenate(segments)) for segments in layers]
        return Witness(shortest_path(self._vectors, columns, state))

    @cached_property
    def _vectors(self) -> VectorProgram:
        return VectorProgram(self.narrowed, self.questions)

    def _contribution(self, number: int) -> list[Words]:
        """Return for each packed word what each code of a group puts there."""
        group = self.coding.groups[number]
        parts = [np.zeros(len(group.valuations), dtype=np.uint64) for _ in range(self.packing.words)]
        for code, valuation in enumerate(group.valuations):
            for cell, value in zip(group.cells, valuation, strict=True):
                place = self.packing.fields[cell]
                parts[place.word][code] |= np.uint64(value << place.shift)
        return parts


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
    return Question(_OUTSIDE, terms.disjunction(found))
