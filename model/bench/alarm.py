"""A limit of time that holds everywhere: not in searches alone, but while models and code are made, too."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

from cowpath.model.explore.result import Stop


@contextmanager
def alarm(seconds: float | None, reason: str) -> Iterator[None]:
    """Raise `Stop` with the reason inside, wherever it is by then, once the time is up; None: never.

    Python notices between two of its own steps: a call of z3 or LLVM ends first. Only a process's main thread
    can be stopped so; in another one only searches look at the clock.
    """
    if seconds is None or threading.current_thread() is not threading.main_thread():
        yield
        return
    armed = True

    def ring(number: int, frame: FrameType | None) -> None:
        if armed:
            raise Stop(reason)

    before = signal.signal(signal.SIGALRM, ring)
    signal.setitimer(signal.ITIMER_REAL, max(seconds, 1e-3))
    try:
        yield
    finally:
        armed = False
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
