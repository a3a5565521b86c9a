"""What brings the process down: QEMU would abort, or touch memory that is gone."""

from __future__ import annotations


class Crash(Exception):
    """The stack found itself in a state that it must never be in; `property` says which claim fell."""

    property = ""


class AssertionFailed(Crash):
    """One of QEMU's own assertions does not hold."""

    property = "assertion"


class LifetimeError(Crash):
    """The job was used after it was freed, or looked for when it was gone."""

    property = "lifetime"


class CopyFailed(OSError):
    """A copy before a write has failed; `step` is the one in which its request learns so."""

    def __init__(self, error: OSError, step: str) -> None:
        super().__init__(error.errno, error.strerror)
        self.step = step
