"""What the stack needs to synchronise, and nothing else: it is given a `Sync` and uses that alone.

`Threads` is the real thing. A test may hand in another one, which decides who runs.
"""

from __future__ import annotations

import random
import threading
import time
from _thread import LockType
from collections.abc import Callable
from typing import Any, Protocol, TypeVar

T = TypeVar("T")


class Lock(Protocol):
    """A mutual exclusion lock, not reentrant."""

    def acquire(self) -> object:
        """Wait until nobody has the lock, and take it."""

    def release(self) -> None:
        """Give the lock back."""


class Condition(Protocol):
    """A queue of waiters who have given up the lock that the condition belongs to."""

    def wait_for(self, predicate: Callable[[], bool], timeout: float | None = None) -> object:
        """Wait, without the lock, until the predicate holds; it is evaluated with the lock held.

        `timeout`: seconds after which it waits no more.
        """

    def notify_all(self) -> None:
        """Make every waiter evaluate its predicate again."""


class Thread(Protocol):
    """A thread that has been started."""

    def join(self) -> None:
        """Wait until it has ended."""


class Sync(Protocol):
    """The one source of locks, conditions, threads and time."""

    def lock(self) -> Lock:
        """Return a new lock."""

    def condition(self, lock: Lock) -> Condition:
        """Return a new condition that belongs to the lock."""

    def pause(self, lock: Lock) -> None:
        """Let others run between two atomic steps: give up the lock, which the caller has, for a moment."""

    def transfer(self, lock: Lock, operation: Callable[..., T], *arguments: Any) -> T:
        """Run a transfer without the lock, which the caller has, and return what comes of it."""

    def spawn(self, target: Callable[[], None], name: str) -> Thread:
        """Start a thread."""

    def clock(self) -> float:
        """Return seconds since some moment in the past."""


class Threads:
    """Python's own threads. With a `delay`, every step takes up to so many seconds, as on a slow disk."""

    def __init__(self, delay: float = 0.0) -> None:
        self.delay = delay

    def lock(self) -> Lock:
        """Return a `threading.Lock`."""
        return threading.Lock()

    def condition(self, lock: Lock) -> Condition:
        """Return a `threading.Condition`. Raises TypeError if the lock does not come from `lock`."""
        if not isinstance(lock, LockType):
            raise TypeError(f"{lock!r} is no lock of threading's")
        return threading.Condition(lock)

    def pause(self, lock: Lock) -> None:
        """Be without the lock for a random part of the delay."""
        lock.release()
        if self.delay:
            time.sleep(self.delay * random.random())
        lock.acquire()

    def transfer(self, lock: Lock, operation: Callable[..., T], *arguments: Any) -> T:
        """Run a transfer while others run, too."""
        lock.release()
        try:
            return operation(*arguments)
        finally:
            lock.acquire()

    def spawn(self, target: Callable[[], None], name: str) -> Thread:
        """Start a daemon thread, so that a deadlock cannot keep the process from ending."""
        thread = threading.Thread(target=target, name=name, daemon=True)
        thread.start()
        return thread

    def clock(self) -> float:
        """Return the monotonic clock."""
        return time.monotonic()
