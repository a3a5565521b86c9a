"""Errors of input, found wherever it is read; and those of a model's text, which say where in it they lie."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from difflib import get_close_matches
from pathlib import Path
from typing import NoReturn

_LANGUAGE = str(Path(__file__).parent)
_LONGEST_QUOTE = 60
_recording: list[str] = []


class InputError(ValueError):
    """What the user gave is at fault. The message is one line: what, where, what is accepted.

    The base of all such errors; the command line alone turns it into exit status 2.
    """


class ModelError(InputError):
    """A model's text is wrong. The message names the action being recorded, the file and the line."""


def shown(value: object) -> str:
    """Quote an input value for an error: always on one line, never long."""
    try:
        text = repr(value)
    except ValueError:  # Python refuses to print an integer of thousands of digits; TOML can write one in hex
        return "a number of thousands of digits"
    return text if len(text) <= _LONGEST_QUOTE else text[: _LONGEST_QUOTE - 3] + "..."


def hint(word: str, accepted: Iterable[str]) -> str:
    """Name the accepted word nearest to `word`, as " (did you mean 'x'?)"; empty when none is near."""
    near = get_close_matches(word, list(accepted), n=1)
    return f" (did you mean {near[0]!r}?)" if near else ""


class recording:
    """While open, errors are reported as lying in the action (or property) of this label."""

    def __init__(self, label: str) -> None:
        self.label = label

    def __enter__(self) -> None:
        _recording.append(self.label)

    def __exit__(self, *_: object) -> None:
        _recording.pop()


def fail(message: str) -> NoReturn:
    """Raise a `ModelError` that names the current action and the first line outside this package."""
    frame = sys._getframe(1)
    while frame.f_back is not None and frame.f_code.co_filename.startswith(_LANGUAGE):
        frame = frame.f_back
    place = f"{Path(frame.f_code.co_filename).name}:{frame.f_lineno}"
    where = f"{_recording[-1]} ({place})" if _recording else place
    raise ModelError(f"{where}: {message}")
