"""Locks that the kernel schedules, with the faces of `threading`'s; all else there is Python on top of them.

Whoever waits for a lock may be the next to get it, as with the real one, which promises no order.
"""

from __future__ import annotations

from cowpath.conformance.own.kernel import TimedKernel, Waiter, inside, under_way
from cowpath.conformance.scheduler.kernel import Task


class ScheduledLock:
    """As `threading.Lock()`. To take it is a point where others may come first, unless it is `quiet`.

    Conditions make quiet ones, for each waiter, so that to give up the lock and to wait is one step. When no
    exploration is under way the lock lets everybody through: there is one thread then that may ask.
    """

    def __init__(self, quiet: bool = False) -> None:
        self.quiet = quiet
        self.owner: Task | None = None
        self.waiters: list[Waiter] = []

    def acquire(self, blocking: bool = True, timeout: float = -1) -> bool:
        """Take the lock; return whether it was taken in time."""
        if not blocking and timeout != -1:
            raise ValueError("can't specify a timeout for a non-blocking call")
        if timeout < 0 and timeout != -1:
            raise ValueError("timeout value must be a non-negative number")
        kernel = _kernel()
        if kernel is None:
            return True
        if not self.quiet and not kernel.entering:
            kernel.switch_point()
        return self._take(kernel, blocking, timeout)

    def release(self) -> None:
        """Give the lock back; it need not be who has it that does so."""
        kernel = _kernel()
        if kernel is None or kernel.ending:
            return
        if self.owner is None:
            raise RuntimeError("release unlocked lock")
        self._give(kernel)

    def locked(self) -> bool:
        """Tell whether somebody has it."""
        return self.owner is not None

    def __enter__(self) -> bool:
        return self.acquire()

    def __exit__(self, *exception: object) -> None:
        self.release()

    def _take(self, kernel: TimedKernel, blocking: bool = True, timeout: float = -1) -> bool:
        if kernel.ending:
            kernel.give_way()
        kernel.entering = False
        deadline = None if timeout == -1 else kernel.now + timeout
        while self.owner is not None:
            if not blocking:
                return False
            if not kernel.wait(self.waiters, None if deadline is None else deadline - kernel.now):
                return False
        self.owner = kernel.running()
        return True

    def _give(self, kernel: TimedKernel) -> None:
        self.owner = None
        kernel.wake_all(self.waiters)

    # What a condition asks of its lock; with these, to wait ends one step and begins another, and no more.

    def _is_owned(self) -> bool:
        kernel = _kernel()
        return kernel is None or kernel.ending or self.owner is not None

    def _release_save(self) -> int:
        self.release()
        return 1

    def _acquire_restore(self, depth: int) -> None:
        if (kernel := _kernel()) is not None:
            self._take(kernel)

    def _at_fork_reinit(self) -> None:
        self.owner, self.waiters = None, []


class ScheduledRLock(ScheduledLock):
    """As `threading.RLock()`: who has it may take it again."""

    def __init__(self) -> None:
        super().__init__()
        self.depth = 0

    def acquire(self, blocking: bool = True, timeout: float = -1) -> bool:
        """Take the lock, or once more; return whether it was taken in time."""
        kernel = _kernel()
        if kernel is not None and self.owner is kernel.current and not kernel.ending:
            self.depth += 1
            return True
        taken = super().acquire(blocking, timeout)
        if taken:
            self.depth = 1
        return taken

    def release(self) -> None:
        """Give the lock back, if it is the last time. Raises RuntimeError if another task has it."""
        kernel = _kernel()
        if kernel is None or kernel.ending:
            return
        if self.owner is not kernel.current:
            raise RuntimeError("cannot release un-acquired lock")
        self.depth -= 1
        if not self.depth:
            self._give(kernel)

    def _is_owned(self) -> bool:
        kernel = _kernel()
        return kernel is None or kernel.ending or self.owner is kernel.current

    def _release_save(self) -> int:
        depth, self.depth = self.depth, 1
        self.release()
        return depth

    def _acquire_restore(self, depth: int) -> None:
        super()._acquire_restore(depth)
        self.depth = depth

    def _recursion_count(self) -> int:
        return self.depth if self._is_owned() else 0


def _kernel() -> TimedKernel | None:
    """Return the kernel that runs the task that asks, None when there is no exploration.

    Raises RuntimeError for whoever is no task while there is one.
    """
    kernel = inside()
    if kernel is None and under_way():
        raise RuntimeError("a lock made in a scheduled run is used by a thread that the run does not have")
    return kernel
