"""Locks, conditions and threads that the kernel schedules, for a stack that is given them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar, cast

from cowpath.conformance.scheduler.kernel import Abandoned, Failure, Kernel, Task
from cowpath.impl.sync import Lock

T = TypeVar("T")


class ScheduledLock:
    """A lock. Taking a free one is a switch for who has just given it up: others may come in.

    Whoever else takes a free one has begun, or ended a step by other means.
    """

    __slots__ = ("kernel", "last", "owner", "queue")

    def __init__(self, kernel: Kernel) -> None:
        self.kernel = kernel
        self.owner: Task | None = None
        self.last: Task | None = None
        self.queue: list[Task] = []

    def acquire(self) -> None:
        """Take the lock; who waits longest gets it first."""
        if self.last is self.kernel.current and self.owner is None and not self.kernel.ending:
            self.kernel.pause()
        self.take()

    def take(self) -> None:
        """Take the lock, after a switch."""
        kernel = self.kernel
        if kernel.ending:
            return
        while self.owner is not None:
            task = kernel.running()
            if self.owner is task:
                kernel.give_up(Failure("lock", task.name, f"{task.name} takes a lock that it has"))
            self.queue.append(task)
            kernel.block()
        self.owner = kernel.current

    def release(self) -> None:
        """Give the lock back."""
        kernel = self.kernel
        if kernel.ending:
            return
        if self.owner is not kernel.current:
            task = kernel.running()
            kernel.give_up(Failure("lock", task.name, f"{task.name} gives up a lock that it does not have"))
        self.owner, self.last = None, kernel.current
        if self.queue:
            kernel.unblock(self.queue.pop(0))


class ScheduledCondition:
    """A condition: who is woken is ready, evaluates its predicate when it is chosen, and may park again."""

    __slots__ = ("lock", "waiters")

    def __init__(self, lock: ScheduledLock) -> None:
        self.lock = lock
        self.waiters: list[Task] = []

    def wait_for(self, predicate: Callable[[], bool], timeout: float | None = None) -> None:
        """Wait until the predicate holds. With a `timeout` the time is up when the task is chosen again."""
        kernel = self.lock.kernel
        if kernel.ending:
            raise Abandoned
        if timeout is not None:
            self.lock.release()
            kernel.give_way()
            self.lock.take()
            return
        while not predicate():
            self.lock.release()
            self.waiters.append(kernel.running())
            kernel.park(predicate)
            self.lock.take()

    def notify_all(self) -> None:
        """Make all waiters ready, first in, first out."""
        kernel = self.lock.kernel
        if self.waiters and not kernel.ending:
            task = kernel.running()
            if self.lock.owner is not task:
                kernel.give_up(Failure("lock", task.name, f"{task.name} notifies without the lock"))
            for waiter in self.waiters:
                kernel.wake(waiter)
            self.waiters = []


class ScheduledThread:
    """A task of the run, as a thread that can be joined."""

    def __init__(self, kernel: Kernel, task: Task) -> None:
        self.kernel = kernel
        self.task = task

    def join(self) -> None:
        """Let others run until the task has ended."""
        while not self.task.ended:
            self.kernel.pause()


class ScheduledSync:
    """What a stack needs to synchronise, scheduled by a kernel. Time is the number of steps."""

    def __init__(self, kernel: Kernel) -> None:
        self.kernel = kernel

    def pause(self, lock: Lock) -> None:
        """Give up the lock and let another task go on."""
        lock.release()
        self.kernel.pause()
        cast(ScheduledLock, lock).take()

    def transfer(self, lock: Lock, operation: Callable[..., T], *arguments: Any) -> T:
        """Run a transfer, which is a part of a step: nobody comes in."""
        return operation(*arguments)

    def lock(self) -> ScheduledLock:
        """Return a lock."""
        return ScheduledLock(self.kernel)

    def condition(self, lock: Lock) -> ScheduledCondition:
        """Return a condition of the lock, which must come from `lock`."""
        return ScheduledCondition(cast(ScheduledLock, lock))

    def spawn(self, target: Callable[[], None], name: str) -> ScheduledThread:
        """Start a thread."""
        return ScheduledThread(self.kernel, self.kernel.spawn(target, name))

    def clock(self) -> float:
        """Return the number of steps so far."""
        return float(self.kernel.steps)
