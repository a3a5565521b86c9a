"""Two ways to run tasks one at a time: greenlets, which switch fast, and threads, which are real.

Both keep their stacks from run to run, and neither decides anything: a schedule is the same on both.
The threads are made with the interpreter's own primitives, since `threading` may be what is scheduled.
"""

from __future__ import annotations

import sys
from _thread import LockType, allocate_lock, get_ident, start_new_thread
from collections.abc import Callable, Sequence
from types import FrameType

import greenlet

from cowpath.conformance.scheduler.kernel import Task

RunTask = Callable[[Task], Task | None]
_GLANCE = 0.2  # seconds between two looks at whether a task goes on
_PATIENCE = 10.0  # seconds that a task has to unwind, where nothing else is said


class HangError(Exception):
    """A task does not come back: it waits for something that the scheduler does not know, or loops.

    `frame` is where it is.
    """

    def __init__(self, frame: FrameType | None, says: str = "a task does not come back") -> None:
        super().__init__(says)
        self.frame = frame


class Greenlets:
    """Every task on a greenlet: a switch is little more than a function call. For search."""

    def __init__(self) -> None:
        self._workers: list[_Worker] = []
        self._tasks: dict[int, Task] = {}
        self._main = greenlet.getcurrent()

    def start(self, run: RunTask, tasks: Sequence[Task]) -> None:
        """Give every task a greenlet."""
        self._run = run
        self._tasks.update((task.index, task) for task in tasks)
        for task in tasks:
            if task.index == len(self._workers):
                self._workers.append(_Worker(self._work, self._main))
            elif self._workers[task.index].dead:  # an exception of the kernel's own went through it
                self._workers[task.index] = _Worker(self._work, self._main)

    def switch(self, task: Task | None) -> None:
        """Switch to the task's greenlet, or to the one that made this object."""
        if task is None:
            self._main.switch()
        else:
            self._workers[task.index].switch(task.index)

    def reclaim(self) -> bool:
        """Return True: an exception comes to whoever runs the kernel with control."""
        return True

    def inside(self) -> bool:
        """Tell whether it is one of the tasks that asks."""
        return greenlet.getcurrent() in self._workers

    def frame(self, task: Task) -> FrameType | None:
        """Return where the task is."""
        worker = self._workers[task.index]
        return sys._getframe() if worker is greenlet.getcurrent() else worker.gr_frame

    def lose(self) -> None:
        """Go back to whoever runs the kernel for good: the task that asks for it does not unwind."""
        now = greenlet.getcurrent()
        at = next(number for number, worker in enumerate(self._workers) if worker is now)
        _LOST.append(self._workers[at])
        self._workers[at] = _Worker(self._work, self._main)
        self._main.switch()

    def close(self) -> None:
        """Do nothing: greenlets go when they are not used any more."""

    def _work(self, index: int) -> None:
        while True:
            self.switch(self._run(self._tasks[index]))


class _Worker(greenlet.greenlet):
    """One of a pool's greenlets."""


_LOST: list[_Worker] = []
"""Greenlets that do not unwind; they are kept, as to end them would have them go on."""


class PooledThreads:
    """Every task on a thread of its own; whoever has the baton runs. For confirmation.

    With `patience`, so many seconds without a sign of life from `beat` raise HangError.
    """

    def __init__(self, patience: float | None = None) -> None:
        self.patience = patience
        self.beat: Callable[[], object] = lambda: self._holder
        self._batons: list[LockType] = []
        self._idents: list[int] = []
        self._tasks: dict[int, Task] = {}
        self._main = _taken()
        self._holder = self._main
        self._hangs = False

    def start(self, run: RunTask, tasks: Sequence[Task]) -> None:
        """Give every task a thread."""
        self._run = run
        self._tasks.update((task.index, task) for task in tasks)
        while len(self._batons) < len(self._tasks):
            index = len(self._batons)
            self._batons.append(_taken())
            self._idents.append(start_new_thread(self._work, (index, self._batons[index], self._batons)))

    def switch(self, task: Task | None) -> None:
        """Hand the baton over and wait until it is back. Raises HangError, for whoever runs the kernel."""
        mine = self._holder
        self._hand_to(task)
        if mine is not self._main or self.patience is None:
            mine.acquire()
            return
        beat, waited = self.beat(), 0.0
        while not mine.acquire(timeout=_GLANCE):
            waited += _GLANCE
            if beat != (beat := self.beat()):
                waited = 0.0
            elif waited >= self.patience:
                self._hangs = True
                raise HangError(sys._current_frames().get(self._idents[self._batons.index(self._holder)]))

    def reclaim(self) -> bool:
        """Wait until the task that runs gives the baton back; give the threads up if it does not."""
        waited, patience = 0.0, 0.0 if self._hangs else self.patience or _PATIENCE
        while self._holder is not self._main and waited < patience:
            self._main.acquire(timeout=_GLANCE)
            waited += _GLANCE
        if self._holder is self._main:
            self._main.acquire(timeout=_GLANCE)  # it may be on its way, or here already
            return True
        self._batons, self._idents, self._main = [], [], _taken()
        self._holder, self._hangs = self._main, False
        return False

    def inside(self) -> bool:
        """Tell whether it is one of the tasks that asks."""
        return get_ident() in self._idents

    def frame(self, task: Task) -> FrameType | None:
        """Return where the task is."""
        return sys._current_frames().get(self._idents[task.index])

    def lose(self) -> None:
        """Give the baton back for good: the task that asks for it does not unwind."""
        at = self._idents.index(get_ident())
        self._batons[at] = baton = _taken()
        self._idents[at] = start_new_thread(self._work, (at, baton, self._batons))
        self._hand_to(None)
        _taken().acquire()

    def close(self) -> None:
        """End the threads; no run may be under way."""
        batons, self._batons, self._idents = self._batons, [], []
        for baton in batons:
            baton.release()

    def _hand_to(self, task: Task | None) -> None:
        self._holder = self._main if task is None else self._batons[task.index]
        self._holder.release()

    def _work(self, index: int, mine: LockType, pool: list[LockType]) -> None:
        while True:
            mine.acquire()
            if pool is not self._batons:  # they have been closed
                return
            following = self._run(self._tasks[index])
            if pool is not self._batons:  # they were given up, since this one did not come back
                return
            self._hand_to(following)


def _taken() -> LockType:
    lock = allocate_lock()
    lock.acquire()
    return lock
