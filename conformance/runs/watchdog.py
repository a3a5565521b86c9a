"""A watchdog: code that goes on and on inside a step is interrupted within seconds, and the place is named.

The kernel counts steps, so a loop that never ends a step is nothing that it sees. Processor time is measured,
not time: a machine that is busy with others is no reason to interrupt anybody.
"""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Any

SECONDS = 3.0
"""Seconds of processor time that one run may take."""
_AGAIN = 1.0  # seconds until it is believed, and until who spins while it unwinds is interrupted, too
_OURS = str(Path(__file__).parents[1])


class Spin(BaseException):
    """The run does not come to an end; `place` says where it is."""

    def __init__(self, place: str) -> None:
        super().__init__(place)
        self.place = place


@contextmanager
def watchdog(seconds: float = SECONDS) -> Iterator[None]:
    """Raise `Spin` in whatever runs when the time is over; signals come to the main thread only.

    It is not believed at once: in a large process one collection of garbage takes seconds.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    armed, barks = True, 0

    def bark(number: int, frame: FrameType | None) -> None:
        nonlocal barks
        barks += 1
        if armed and barks > 1:
            raise Spin(_place(frame))

    before: Any = signal.signal(signal.SIGPROF, bark)
    signal.setitimer(signal.ITIMER_PROF, seconds, min(seconds, _AGAIN))
    try:
        yield
    finally:
        armed = False
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.signal(signal.SIGPROF, before)


def _place(frame: FrameType | None) -> str:
    """Return where the stack's own code is: the innermost frame that is not the harness's."""
    at = frame
    while at is not None and at.f_code.co_filename.startswith(_OURS):
        at = at.f_back
    at = at or frame
    if at is None:
        return "nowhere"
    return f"{Path(at.f_code.co_filename).name}:{at.f_lineno}, in {at.f_code.co_qualname}"
