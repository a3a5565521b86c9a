"""A kernel with time: it passes when nobody can move, and a little with every step.

No task runs for ever while others could, so who polls a variable comes to an end of it.
A wait that may end by itself is on a timer; the earliest goes off when nobody else is ready, so a run of
`sleep(100)` takes no time. With `hasty`, whether a timer goes off at once is a choice of the strategy's.
"""

from __future__ import annotations

import heapq
import itertools
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from cowpath.conformance.scheduler.kernel import Abandoned, Kernel, Task
from cowpath.conformance.scheduler.substrate import Greenlets, PooledThreads

Substrate = Greenlets | PooledThreads
STEP = 1e-6  # seconds that pass in a step, so that who polls a clock gets on
_FAIR = 200  # steps in a row after which another task goes on, whatever the strategy says
_SWALLOWED = 1_000  # times that a task may keep its unwinding from going on


@dataclass(eq=False)
class Waiter:
    """A task that waits, among others in `place`. `late`: it was its timer that ended the wait."""

    task: Task
    place: list[Waiter]
    late: bool = False
    over: bool = False


@dataclass
class _Timers:
    queue: list[tuple[float, int, Waiter]] = field(default_factory=list)
    count: int = 0

    def add(self, when: float, waiter: Waiter) -> None:
        self.count += 1  # of two that go off together, the one that was set first
        heapq.heappush(self.queue, (when, self.count, waiter))


class TimedKernel(Kernel):
    """Runs tasks that wait in places of their own, for as long as they say.

    `told` is called at the end of every step; `place` says in words where a task is. `threads` are those of
    the run, by their tasks' numbers. `entering`: the next lock is taken at a point where others could come;
    `atomic`: nobody may come, since what runs is no part of the code under test.
    """

    def __init__(self, substrate: Substrate, limit: int = 10_000, hasty: bool = False) -> None:
        super().__init__(substrate, limit)
        self.stacks = substrate
        self.hasty = hasty
        self.told: Callable[[], None] = lambda: None
        self.place: Callable[[Task], str] = lambda task: "waits"
        if isinstance(substrate, PooledThreads):
            substrate.beat = lambda: self.steps
        self.reset()

    def reset(self) -> None:
        """Prepare for a run: it is the beginning of time."""
        self.now = 0.0
        self.timers = _Timers()
        self.threads: dict[int, threading.Thread] = {}
        self.hashes = itertools.count()
        self.swallowed = 0
        self.entering = False
        self.atomic = False
        self.last: Task | None = None
        self.in_a_row = 0

    @property
    def clock(self) -> float:
        """Seconds since the run began."""
        return self.now + self.steps * STEP

    # -- called by the task that runs

    def switch_point(self) -> None:
        """End a step: another task may go on. Raises Abandoned when the run is over."""
        if self.ending:
            self.give_way()
        if self.atomic:
            return
        self.entering = False
        task = self.running()
        self.in_a_row = self.in_a_row + 1 if task is self.last else 0
        self.last = task
        if self.in_a_row < _FAIR or not self.ready:
            self.pause()
        else:
            self.in_a_row = 0
            self._stepped(task)
            following = self.ready.pop(0)
            self.ready.append(task)
            self._switch(following)

    def give_way(self) -> None:
        """Unwind the task that asks for it. One that swallows it again and again is left where it is."""
        self.swallowed += 1
        if self.swallowed > _SWALLOWED:
            self.swallowed = 0
            self.running_task().ended = True
            self.stacks.lose()
        raise Abandoned

    def running_task(self) -> Task:
        """Return the task that runs, in a run that is over, too."""
        assert self.current is not None
        return self.current

    def wait(self, place: list[Waiter], seconds: float | None = None) -> bool:
        """Wait until `wake_all` is called on the place, or for so long; return whether it was in time."""
        if self.ending:
            self.give_way()
        if self.atomic:
            raise RuntimeError("what a watch asks for must not wait, or take a lock that another thread has")
        waiter = Waiter(self.running(), place)
        place.append(waiter)
        if seconds is not None:
            if self.hasty and self.choose(2, "timeout"):
                self._ring(waiter)
            else:
                self.timers.add(self.now + max(seconds, 0), waiter)
        self.entering = False
        self.block()
        waiter.over = True
        return not waiter.late

    def wake_all(self, place: list[Waiter]) -> None:
        """Make all who wait in the place ready."""
        for waiter in place:
            waiter.over = True
            self.unblock(waiter.task)
        place.clear()

    # -- what the kernel asks

    def idle(self) -> bool:
        """Let time pass until a timer goes off."""
        while self.timers.queue:
            when, _, waiter = heapq.heappop(self.timers.queue)
            if not waiter.over:
                self.now = max(self.now, when)
                self._ring(waiter)
                return True
        return False

    def stuck(self, left: Sequence[Task]) -> str:
        """Return in words where each of them waits."""
        return "nobody can move: " + "; ".join(f"{task.name} {self.place(task)}" for task in left)

    def _ring(self, waiter: Waiter) -> None:
        waiter.late = waiter.over = True
        waiter.place.remove(waiter)
        self.unblock(waiter.task)

    def _stepped(self, task: Task) -> None:
        self.told()
        super()._stepped(task)


_under_way: list[TimedKernel] = []


def begin(kernel: TimedKernel) -> None:
    """Make it the kernel of the exploration under way. Raises RuntimeError if there is one already."""
    if _under_way:
        raise RuntimeError("an exploration is under way; one can be at a time, as `threading` is one for all")
    _under_way.append(kernel)


def end() -> None:
    """End the exploration under way."""
    _under_way.clear()


def under_way() -> bool:
    """Tell whether an exploration is under way."""
    return bool(_under_way)


def inside() -> TimedKernel | None:
    """Return the kernel of the exploration under way if it is one of its tasks that asks."""
    for kernel in _under_way:
        if kernel.current is not None and kernel.stacks.inside():
            return kernel
    return None
