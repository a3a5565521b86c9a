"""Two ways to run tasks one at a time: greenlets, which switch fast, and threads, which are real.

Both keep their stacks from run to run, and neither decides anything: a schedule is the same on both.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence

import greenlet

from cowpath.conformance.scheduler.kernel import Task

RunTask = Callable[[Task], Task | None]


class Greenlets:
    """Every task on a greenlet: a switch is little more than a function call. For search."""

    def __init__(self) -> None:
        self._workers: list[greenlet.greenlet] = []
        self._tasks: dict[int, Task] = {}
        self._main = greenlet.getcurrent()

    def start(self, run: RunTask, tasks: Sequence[Task]) -> None:
        """Give every task a greenlet."""
        self._run = run
        self._tasks.update((task.index, task) for task in tasks)
        while len(self._workers) < len(self._tasks):
            self._workers.append(greenlet.greenlet(self._work, self._main))

    def switch(self, task: Task | None) -> None:
        """Switch to the task's greenlet, or to the one that made this object."""
        if task is None:
            self._main.switch()
        else:
            self._workers[task.index].switch(task.index)

    def _work(self, index: int) -> None:
        while True:
            self.switch(self._run(self._tasks[index]))


class PooledThreads:
    """Every task on a thread of its own; whoever has the baton runs. For confirmation."""

    def __init__(self) -> None:
        self._batons: list[threading.Lock] = []
        self._tasks: dict[int, Task] = {}
        self._main = _taken()
        self._holder = self._main

    def start(self, run: RunTask, tasks: Sequence[Task]) -> None:
        """Give every task a thread."""
        self._run = run
        self._tasks.update((task.index, task) for task in tasks)
        while len(self._batons) < len(self._tasks):
            index = len(self._batons)
            self._batons.append(_taken())
            threading.Thread(target=self._work, args=(index,), name=f"task {index}", daemon=True).start()

    def switch(self, task: Task | None) -> None:
        """Hand the baton over and wait until it is back."""
        mine = self._holder
        self._hand_to(task)
        mine.acquire()

    def close(self) -> None:
        """End the threads; no run may be under way."""
        self._tasks.clear()
        for baton in self._batons:
            baton.release()
        self._batons = []

    def _hand_to(self, task: Task | None) -> None:
        self._holder = self._main if task is None else self._batons[task.index]
        self._holder.release()

    def _work(self, index: int) -> None:
        mine = self._batons[index]
        while True:
            mine.acquire()
            if not self._tasks:
                return
            self._hand_to(self._run(self._tasks[index]))


def _taken() -> threading.Lock:
    lock = threading.Lock()
    lock.acquire()
    return lock
