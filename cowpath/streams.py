"""Standard streams that may be closed, full, or cut short by their reader.

A stream that is closed, or whose reader has gone, is as good as /dev/null: who does not want the output may
still want the exit status. A stream that cannot be written to for another reason is an error of input.
"""

from __future__ import annotations

import io
import os
import sys
from typing import TYPE_CHECKING

from cowpath.model.language.errors import InputError

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer


class NoSpace(InputError):
    """The output cannot be written; the message says why."""


def open_streams() -> None:
    """Make sure that there are standard input, output and error, and that writing them is safe."""
    for number in (0, 1, 2):
        try:
            os.fstat(number)
        except OSError:  # it would become that of the first file opened
            os.set_inheritable(os.open(os.devnull, os.O_RDWR), True)  # the lowest number that is free
    sys.stdin = sys.stdin or open(0, closefd=False)  # noqa: SIM115
    sys.stdout = _text(1, line_buffering=os.isatty(1))
    sys.stderr = _text(2, line_buffering=True)


def _text(number: int, *, line_buffering: bool) -> io.TextIOWrapper:
    before = (sys.stdout, sys.stderr)[number - 1]
    encoding = before.encoding if before is not None else "utf-8"
    stream = io.BufferedWriter(_Descriptor(number, "w", closefd=False))
    return io.TextIOWrapper(
        stream, encoding=encoding, errors="backslashreplace", line_buffering=line_buffering
    )


class _Descriptor(io.FileIO):
    """A descriptor that is written to."""

    def write(self, data: ReadableBuffer, /) -> int:
        """Write what can be. Raises NoSpace if standard output is full; nothing more is written then."""
        try:
            return super().write(data)
        except OSError as error:
            nothing = os.open(os.devnull, os.O_WRONLY)
            os.dup2(nothing, self.fileno())
            os.close(nothing)
            if isinstance(error, BrokenPipeError) or self.fileno() == 2:
                return super().write(data)
            raise NoSpace(f"the output cannot be written: {error.strerror}") from None
