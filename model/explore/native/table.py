"""The memory of the visited set: grows in place, line by line in two, and the side table anew."""

from __future__ import annotations

import ctypes
import mmap
import os
from collections.abc import Mapping
from concurrent.futures import Executor
from typing import Any

import numpy as np
import numpy.typing as npt

from cowpath.model.explore.native.compiler import Compiled
from cowpath.model.explore.native.visited import Shape
from cowpath.model.explore.result import Stop

States = npt.NDArray[np.uint64]
_FULL = 0.88  # of all slots, before the lines become twice as many
_HUGE_PAGE = 1 << 21
_MAP_NORESERVE = 0x4000  # Linux; the module names it since Python 3.13
_SPLIT_AT_ONCE = 1 << 12  # lines


class Table:
    """A set of states, at first with room for some. `words` is what compiled code reads: see `visited`."""

    def __init__(self, shape: Shape, code: Compiled, side_places: int, states: int) -> None:
        self.shape = shape
        self.log_lines = shape.first_lines
        while self.crowded(states):
            self.log_lines += 1
        self.words = np.zeros(32, dtype=np.uint64)
        self._code = code  # its functions live as long as it does
        self._split = code.function("split", None, ctypes.c_void_p, ctypes.c_uint64, ctypes.c_uint64)
        self._insert_all = code.function(
            "insert_all", None, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_uint64
        )
        self._insert = code.function("insert_first", ctypes.c_uint64, ctypes.c_void_p, ctypes.c_void_p)
        self._memory, self._reserved_at = _reserved()
        self._start = self._reserved_at + -self._reserved_at % _HUGE_PAGE
        self._side(side_places)

    @property
    def address(self) -> int:
        """Where the words are."""
        return self.words.ctypes.data

    @property
    def memory(self) -> int:
        """Bytes in use."""
        return self._bytes + self._aside.nbytes

    @property
    def side_places(self) -> int:
        """Capacity of the side table."""
        return len(self._aside)

    @property
    def aside(self) -> int:
        """States in the side table."""
        return int(self.words[16])

    @classmethod
    def restored(cls, like: Table, log_lines: int, aside: int, arrays: Mapping[str, States]) -> Table:
        """Return a table of the same program with the `lines` and the `side` of one that was saved."""
        table = cls(like.shape, like._code, len(arrays["side"]), 0)
        table.log_lines = log_lines
        table._side(len(arrays["side"]))
        table.lines[:] = arrays["lines"]
        table.side[:] = arrays["side"]
        table.words[16] = aside
        return table

    @property
    def lines(self) -> np.ndarray[Any, Any]:
        """The bytes of all lines."""
        at = self._start - self._reserved_at
        return np.frombuffer(self._memory, np.uint8, self._bytes, at)

    @property
    def side(self) -> States:
        """The places of the side table, each with a mark behind the state."""
        return self._aside

    def crowded(self, states: int) -> bool:
        """Tell whether a set of so many states should have more lines."""
        return states > _FULL * self.shape.slots * (1 << self.log_lines)

    def add(self, state: np.ndarray[tuple[int], np.dtype[np.uint64]]) -> None:
        """Put a state into the set."""
        self._insert(self.address, state.ctypes.data)

    def grow(self, pool: Executor, threads: int) -> None:
        """Double the lines; what was aside and has room now goes to its line.

        The upper half of the lines goes to new memory, so threads can share it; then the upper half of what
        is left goes to where that was, and so on.
        """
        end = 1 << self.log_lines
        if self.log_lines + 1 >= self.shape.hashed or 2 * self._bytes > len(self._memory) - _HUGE_PAGE:
            raise Stop("the memory of this machine was used up")
        self.log_lines += 1
        while end > _SPLIT_AT_ONCE:
            cuts = [end // 2 + end * n // (2 * threads) for n in range(threads + 1)]
            list(pool.map(self._split, [self.address] * threads, cuts, cuts[1:]))
            end //= 2
        self._split(self.address, 0, end)
        self._renew_side(self.side_places)

    def widen_side(self) -> None:
        """Double the side table."""
        self._renew_side(2 * self.side_places)

    @property
    def _bytes(self) -> int:
        return self.shape.line << self.log_lines

    def _renew_side(self, places: int) -> None:
        before = self._aside
        self._side(places)
        self._insert_all(self.address, before.ctypes.data, len(before))

    def _side(self, places: int) -> None:
        self._aside = np.zeros((places, self.shape.words + 1), dtype=np.uint64)
        self.words[:4] = (
            self._start,
            self.shape.hashed - self.log_lines,
            self._aside.ctypes.data,
            places - 1,
        )
        self.words[16] = 0


def _reserved() -> tuple[mmap.mmap, int]:
    """Return as much address space as the machine has memory, and its address.

    Memory is given by the system as it is touched, in huge pages where it can; growing never moves anything.
    """
    size = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") + _HUGE_PAGE
    memory = mmap.mmap(-1, size, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS | _MAP_NORESERVE)
    memory.madvise(mmap.MADV_HUGEPAGE)
    return memory, ctypes.addressof(ctypes.c_char.from_buffer(memory))
