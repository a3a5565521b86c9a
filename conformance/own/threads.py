"""Threads of the code under test as tasks: what `threading` says of threads, for those of a run.

Outside of a run's tasks each of these is the real thing.
"""

from __future__ import annotations

import _thread
import contextvars
import threading
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import Any

from cowpath.conformance.own.kernel import TimedKernel, Waiter, inside
from cowpath.conformance.scheduler.kernel import Task

_real_ident = _thread.get_ident
_real_current = threading.current_thread
_real_enumerate = threading.enumerate
_real_start, _real_join = threading.Thread.start, threading.Thread.join
_real_is_alive = threading.Thread.is_alive
_OURS = "_cowpath_task"
_HASH = "_cowpath_hash"


@dataclass(eq=False)
class _Started:
    """What becomes of a thread that a run has started. `joining`: who waits for its end."""

    task: Task
    joining: list[Waiter] = field(default_factory=list)
    ended: bool = False


def start(thread: threading.Thread) -> None:
    """Start a thread as a task."""
    kernel = inside()
    if kernel is None:
        _real_start(thread)
        return
    if _OURS in thread.__dict__ or vars(thread)["_started"].is_set():
        raise RuntimeError("threads can only be started once")
    kernel.switch_point()
    task = kernel.spawn(lambda: _run(thread, kernel), _unique(kernel, _name(thread)), daemon=thread.daemon)
    thread.__dict__[_OURS] = _Started(task)
    kernel.threads[task.index] = thread
    # `threading` has no public way to make a thread look started: `ident` and `is_alive` read these two.
    vars(thread)["_ident"] = _ident_of(task)
    vars(vars(thread)["_started"])["_flag"] = True


def _run(thread: threading.Thread, kernel: TimedKernel) -> None:
    record: _Started = thread.__dict__[_OURS]
    try:
        contextvars.Context().run(thread.run)
    except SystemExit:
        pass  # as in any thread: it ends, and nobody else
    finally:
        record.ended = True
        retire(thread)
        if not kernel.ending:
            kernel.wake_all(record.joining)


def retire(thread: threading.Thread) -> None:
    """Have a thread of a run count as ended for the real `threading`, too, which waits for some at exit."""
    make_handle = getattr(threading, "_make_thread_handle", None)
    if make_handle is not None:  # Python 3.13 and later
        handle = make_handle(thread.ident)
        handle._set_done()
        vars(thread)["_handle"] = handle
    else:
        vars(thread)["_is_stopped"] = True


def _name(thread: threading.Thread) -> str:
    """Return the thread's name; one that has only a number is called after what it runs."""
    target = getattr(thread, "_target", None)
    if thread.name.startswith("Thread-"):
        return str(getattr(target, "__name__", type(thread).__name__)).strip("<>")
    return thread.name


def _unique(kernel: TimedKernel, name: str) -> str:
    names = {task.name for task in kernel.tasks}
    return (
        name if name not in names else next(n for i in range(2, 10**6) if (n := f"{name} {i}") not in names)
    )


def join(thread: threading.Thread, timeout: float | None = None) -> None:
    """Wait until the thread has ended, or for so long."""
    kernel, record = inside(), thread.__dict__.get(_OURS)
    if kernel is None or record is None:
        _real_join(thread, timeout)
        return
    if record.task is kernel.current:
        raise RuntimeError("cannot join current thread")
    kernel.switch_point()
    if not record.ended:
        kernel.wait(record.joining, timeout)


def is_alive(thread: threading.Thread) -> bool:
    """Tell whether the thread has not ended yet."""
    record = thread.__dict__.get(_OURS)
    return _real_is_alive(thread) if record is None else not record.ended


def hash_of(thing: threading.Thread | Future[Any]) -> int:
    """Return a hash by which a set of what a run has made has the same order in every run.

    Executors join a set of threads, and `as_completed` goes through one of futures.
    """
    if _HASH not in thing.__dict__:
        kernel = inside()
        thing.__dict__[_HASH] = object.__hash__(thing) if kernel is None else next(kernel.hashes)
    return int(thing.__dict__[_HASH])


def get_ident() -> int:
    """Return a number that is the running thread's alone, and the same in every run."""
    kernel = inside()
    return _real_ident() if kernel is None or kernel.current is None else _ident_of(kernel.current)


def current_thread() -> threading.Thread:
    """Return the running thread; the test itself is on the main one."""
    kernel = inside()
    if kernel is None or kernel.current is None:
        return _real_current()
    return kernel.threads.get(kernel.current.index) or threading.main_thread()


def enumerate_threads() -> list[threading.Thread]:
    """Return the run's threads that are alive."""
    kernel = inside()
    if kernel is None:
        return _real_enumerate()
    return [threading.main_thread(), *(thread for thread in kernel.threads.values() if is_alive(thread))]


def active_count() -> int:
    """Return how many threads of the run are alive."""
    return len(enumerate_threads())


def _ident_of(task: Task) -> int:
    return task.index + 1


class Local:
    """As `threading.local`: attributes that each thread has for itself, made anew for each by `__init__`."""

    def __new__(cls, *arguments: Any, **options: Any) -> Local:
        """Make it, with the attributes of the thread that does so."""
        local = super().__new__(cls)
        object.__setattr__(local, "_of", {get_ident(): {}})
        object.__setattr__(local, "_made_with", (arguments, options))
        return local

    def __init__(self, *arguments: Any, **options: Any) -> None:
        """Do nothing; a subclass may."""

    def __getattribute__(self, name: str) -> Any:
        own = _own(self)
        if name == "__dict__":
            return own
        return own[name] if name in own else object.__getattribute__(self, name)

    def __setattr__(self, name: str, value: object) -> None:
        _own(self)[name] = value

    def __delattr__(self, name: str) -> None:
        try:
            del _own(self)[name]
        except KeyError:
            raise AttributeError(name) from None


def _own(local: Local) -> dict[str, Any]:
    of: dict[int, dict[str, Any]] = object.__getattribute__(local, "_of")
    ident = get_ident()
    if ident not in of:
        of[ident] = {}
        arguments, options = object.__getattribute__(local, "_made_with")
        type(local).__init__(local, *arguments, **options)
    return of[ident]
