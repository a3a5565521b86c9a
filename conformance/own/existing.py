"""Locks that are there before a run begins: for one run, each is the run's own.

Found are those in globals of the modules, in attributes of their classes and of the objects that these lead
to, in `logging`, in executors and in `cached_property`. A lock in a closure or a container is not found;
whoever waits for it does not come back, which is reported.
"""

from __future__ import annotations

import concurrent.futures.thread
import functools
import itertools
import logging
import queue
import threading
import weakref
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from types import ModuleType
from typing import Any

from cowpath.conformance.own.locks import ScheduledLock, ScheduledRLock
from cowpath.conformance.own.threads import Local

_LOCK, _RLOCK = type(threading.Lock()), type(threading.RLock())
_LOCAL = threading.local
_HOLDERS = (functools.cached_property, threading.Event, threading.Semaphore, threading.Barrier, queue.Queue)
"""What has a lock, or conditions, of its own."""


class _Swap:
    """Puts scheduled locks in the place of real ones, the same for the same."""

    def __init__(self, modules: Sequence[ModuleType]) -> None:
        self.names = {module.__name__ for module in modules}
        self.undo: list[Callable[[], object]] = []
        self.seen: set[int] = set()
        self.fresh: dict[int, Any] = {}

    def look(self, where: Any) -> None:
        """Replace the locks among the attributes, and look on from there."""
        if id(where) in self.seen:
            return
        self.seen.add(id(where))
        for name, value in list(getattr(where, "__dict__", {}).items()):
            if isinstance(value, (_LOCK, _RLOCK)) or type(value) is _LOCAL:
                self.put(where, name, value)
            elif isinstance(value, threading.Condition):
                self.condition(value)
            elif (
                isinstance(value, _HOLDERS)
                or (value if isinstance(value, type) else type(value)).__module__ in self.names
            ):
                self.look(value)

    def own(self, value: Any) -> bool:
        """Tell whether it is a class of the modules, or an object of one."""
        return (value if isinstance(value, type) else type(value)).__module__ in self.names

    def condition(self, condition: threading.Condition) -> None:
        """Give a condition another lock, and that lock's methods, which it has as its own."""
        lock, before = vars(condition)["_lock"], dict(vars(condition))
        if isinstance(lock, (_LOCK, _RLOCK)):

            def back() -> None:
                vars(condition).clear()
                vars(condition).update(before)

            self.undo.append(back)
            vars(condition).update(vars(threading.Condition(self.scheduled(lock))))

    def put(self, where: Any, name: str, value: Any) -> None:
        """Replace one attribute, where that is possible."""
        try:
            setattr(where, name, self.scheduled(value))
        except (AttributeError, TypeError):
            return
        self.undo.append(lambda: setattr(where, name, value))

    def scheduled(self, value: Any) -> Any:
        """Return what stands for the lock, or the `threading.local`."""
        kinds = {_LOCK: ScheduledLock, _RLOCK: ScheduledRLock, _LOCAL: Local}
        return self.fresh.setdefault(id(value), kinds[type(value)]())


@contextmanager
def swapped(modules: Sequence[ModuleType], objects: Sequence[object]) -> Iterator[None]:
    """Have the locks that are there, in the modules and the objects, be the run's."""
    swap = _Swap(modules)
    try:
        for each in (*modules, *objects):
            swap.look(each)
        for handler in (reference() for reference in vars(logging)["_handlerList"]):
            if isinstance(lock := getattr(handler, "lock", None), (_LOCK, _RLOCK)):
                swap.put(handler, "lock", lock)
        swap.put(logging, "_lock", vars(logging)["_lock"])
        pool = concurrent.futures.thread
        queues = vars(pool)["_threads_queues"]  # of workers that Python waits for at exit
        swap.undo.append(lambda: setattr(pool, "_threads_queues", queues))
        vars(pool)["_threads_queues"] = weakref.WeakKeyDictionary()
        count = partial(setattr, pool.ThreadPoolExecutor, "_counter")  # its numbers are in threads' names
        swap.undo.append(partial(count, vars(pool.ThreadPoolExecutor)["_counter"]))
        count(itertools.count().__next__)
        swap.put(pool, "_global_shutdown_lock", vars(pool)["_global_shutdown_lock"])
        yield
    finally:
        for back in reversed(swap.undo):
            back()
