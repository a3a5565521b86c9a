"""The names that are replaced while an exploration is under way: some twenty, nearly all made in C.

`Condition`, `Event`, `Semaphore`, `Barrier`, `Timer`, `queue.Queue` and executors are Python on top of them
and stay what they are. Whoever calls and is no task of the run gets the real thing.
"""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future
from contextlib import contextmanager
from functools import partial
from types import ModuleType
from typing import Any

from cowpath.conformance.own import threads
from cowpath.conformance.own.kernel import inside
from cowpath.conformance.own.locks import ScheduledLock, ScheduledRLock

_EPOCH = 1_700_000_000.0  # what `time.time()` is when a run begins
_SECOND = 1_000_000_000  # nanoseconds


class _AsIf(type):
    """Makes `isinstance` ask for the real type: `threading.Lock` is a class from Python 3.13 on."""

    real: type

    def __instancecheck__(cls, instance: object) -> bool:
        return isinstance(instance, (cls.real, ScheduledLock))


class Lock(metaclass=_AsIf):
    """`threading.Lock`."""

    real = type(threading.Lock())

    def __new__(cls) -> Any:
        """Return a lock of the run's; the real one elsewhere."""
        return _real_lock() if inside() is None else ScheduledLock()


def make_rlock() -> Any:
    """Return a lock of the run's that may be taken again; the real one elsewhere."""
    return _real_rlock() if inside() is None else ScheduledRLock()


def allocate_lock() -> Any:
    """Return a lock for who waits at a condition; the real one elsewhere."""
    return _real_lock() if inside() is None else ScheduledLock(quiet=True)


def make_simple_queue() -> Any:
    """Return a `queue.SimpleQueue` written in Python; the real one elsewhere."""
    return _real_simple_queue() if inside() is None else vars(queue)["_PySimpleQueue"]()


def sleep(seconds: float) -> None:
    """Wait in the run's own time."""
    kernel = inside()
    if kernel is None:
        _real_sleep(seconds)
    elif seconds < 0:
        raise ValueError("sleep length must be non-negative")
    else:
        kernel.wait([], seconds)


def _clock(real: Callable[[], float], epoch: float = 0.0, unit: int | None = None) -> Callable[[], float]:
    """Return a clock that shows the run's own time, in whole nanoseconds where there is a unit."""

    def clock() -> float:
        kernel = inside()
        if kernel is None:
            return real()
        seconds = epoch + kernel.clock
        return seconds if unit is None else int(seconds * unit)

    return clock


_real_lock, _real_rlock, _real_simple_queue = threading.Lock, threading.RLock, queue.SimpleQueue
_real_sleep = time.sleep
_monotonic = _clock(time.monotonic)
_REPLACED: tuple[tuple[Any, str, Any], ...] = (
    (threading, "Lock", Lock),
    (threading, "RLock", make_rlock),
    (threading, "_allocate_lock", allocate_lock),
    (threading, "get_ident", threads.get_ident),
    (threading, "current_thread", threads.current_thread),
    (threading, "enumerate", threads.enumerate_threads),
    (threading, "active_count", threads.active_count),
    (threading, "local", threads.Local),
    (threading, "_time", _monotonic),
    (queue, "time", _monotonic),
    (queue, "SimpleQueue", make_simple_queue),
    (time, "sleep", sleep),
    (time, "monotonic", _monotonic),
    (time, "perf_counter", _clock(time.perf_counter)),
    (time, "time", _clock(time.time, _EPOCH)),
    (time, "monotonic_ns", _clock(time.monotonic_ns, unit=_SECOND)),
    (time, "perf_counter_ns", _clock(time.perf_counter_ns, unit=_SECOND)),
    (time, "time_ns", _clock(time.time_ns, _EPOCH, _SECOND)),
    (threading.Thread, "start", threads.start),
    (threading.Thread, "join", threads.join),
    (threading.Thread, "is_alive", threads.is_alive),
    (threading.Thread, "__hash__", threads.hash_of),
    (Future, "__hash__", threads.hash_of),
)
_BY_REAL = {id(getattr(where, name)): new for where, name, new in _REPLACED if isinstance(where, ModuleType)}


def put_into(copies: Mapping[ModuleType, ModuleType]) -> None:
    """Replace the names in copies of the modules, for good."""
    for where, name, value in _REPLACED:
        if where is threading.Thread:
            setattr(copies[threading].Thread, name, value)
        elif where in copies:
            setattr(copies[where], name, value)


@contextmanager
def replaced(modules: Sequence[ModuleType]) -> Iterator[None]:
    """Replace the names, in these modules also where they were imported `from` their own."""
    undo: list[Callable[[], None]] = []

    def put(where: Any, name: str, value: Any) -> None:
        if name in vars(where):
            undo.append(partial(setattr, where, name, vars(where)[name]))
        else:
            undo.append(partial(delattr, where, name))
        setattr(where, name, value)

    try:
        for each in _REPLACED:
            put(*each)
        for module in modules:
            for name, value in list(vars(module).items()):
                if id(value) in _BY_REAL:
                    put(module, name, _BY_REAL[id(value)])
        yield
    finally:
        for back in reversed(undo):
            back()
