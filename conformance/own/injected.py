"""Copies of `threading`, `queue` and `time`, for code that is handed what it synchronises with.

In a run they are the scheduler's, elsewhere they do what the real ones do; the real ones stay as they are.
"""

from __future__ import annotations

import importlib.util
import queue as real_queue
import threading as real_threading
import time as real_time
from types import ModuleType

from cowpath.conformance.own import names


def _copy(module: ModuleType) -> ModuleType:
    """Return the module made once more from its source, under a name of its own."""
    spec = importlib.util.spec_from_file_location(f"cowpath injected {module.__name__}", module.__file__)
    assert spec is not None
    assert spec.loader is not None
    copy = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(copy)
    return copy


def _time() -> ModuleType:
    copy = ModuleType("cowpath injected time", real_time.__doc__)
    vars(copy).update((name, value) for name, value in vars(real_time).items() if not name.startswith("__"))
    return copy


_REGISTRIES = (
    "_active", "_limbo", "_active_limbo_lock", "_dangling", "_main_thread", "_shutdown_locks",
    "_shutdown_locks_lock", "_shutdown_handles",
)  # fmt: skip
"""Of the threads of the process, which has them once."""

threading, queue, time = _copy(real_threading), _copy(real_queue), _time()
vars(queue)["threading"] = threading
vars(threading).update(
    (name, vars(real_threading)[name]) for name in _REGISTRIES if hasattr(real_threading, name)
)
names.put_into({real_threading: threading, real_queue: queue, real_time: time})
