"""What can go wrong with a QEMU that is no observation."""

from __future__ import annotations

from cowpath.model.language.errors import InputError


class Broken(Exception):
    """QEMU, or who stands for it, does not do its part: no answer, no such command; one line."""


class Died(Broken):
    """QEMU is no more. `said` are the last lines of its stderr, `status` is what it ended with."""

    def __init__(self, status: int | None, said: str) -> None:
        super().__init__(f"QEMU died, exit status {status}: {said or 'without a word'}")
        self.status = status
        self.said = said


class NoQemu(InputError):
    """There is no QEMU to run; the message is one line that says what to install."""
