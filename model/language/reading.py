"""Text that the user gives by a name: of a file, of a pipe, or '-' for standard input."""

from __future__ import annotations

import io
import sys
from pathlib import Path

from cowpath.model.language.errors import InputError

STDIN = "-"
MOST = 64 << 20
"""Bytes: what is longer was not meant, or never ends."""


def called(name: str) -> str:
    """Return what errors call the source of this name."""
    return "stdin" if name == STDIN else name


def read_text(name: str, what: str, error: type[InputError] = InputError, most: int = MOST) -> str:
    """Return the text, which is `what` in words. Raises the error, which says what is wrong with it."""
    try:
        if name == STDIN:
            # A test's stdin may have no bytes beneath.
            data = getattr(sys.stdin, "buffer", None) or io.BytesIO(sys.stdin.read().encode())
            found = data.read(most + 1)
        else:
            with Path(name).open("rb") as file:
                found = file.read(most + 1)
        if len(found) > most:
            raise error(f"{called(name)}: longer than {most:,} bytes; accepted: {what}")
        return found.decode("utf-8")
    except UnicodeDecodeError as bad:
        raise error(
            f"{called(name)}: byte {bad.start} is not UTF-8; accepted: {what}, as text in UTF-8"
        ) from None
    except (OSError, MemoryError) as bad:
        reason = getattr(bad, "strerror", None) or "too long"
        raise error(f"{called(name)}: cannot read {what}: {reason}") from None
    except ValueError as bad:  # a path with a null byte
        if isinstance(bad, InputError):
            raise
        raise error(f"{called(name)}: cannot read {what}: {bad}") from None
