"""Ctrl-C while others are at work: it is noted, and the work ends by itself; a second one breaks in.

Python raises KeyboardInterrupt wherever the main thread is, between two pieces of work as well, and drops it
in a finaliser: with a thousand runs a second that is not seldom. SIGTERM and SIGHUP are the same where the
command line has made them so.
"""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

SIGNALS = [getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name)]
"""What tells a program to end, as far as the platform has it."""


@contextmanager
def interrupts(stop: Callable[[], None]) -> Iterator[None]:
    """Have the first interrupt call `stop`; elsewhere than on the main thread nothing is changed."""
    noted = False

    def note(number: int, frame: FrameType | None) -> None:
        nonlocal noted
        if noted:
            raise KeyboardInterrupt
        noted = True
        stop()

    ours: list[int] = []
    try:
        for number in SIGNALS:
            if signal.getsignal(number) is signal.default_int_handler:
                signal.signal(number, note)
                ours.append(number)
    except ValueError:  # this is not the main thread
        pass
    try:
        yield
    finally:
        for number in ours:
            signal.signal(number, signal.default_int_handler)
