"""Errors of a model's text, found while it is being recorded, and where in the text they lie."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import NoReturn

_LANGUAGE = str(Path(__file__).parent)
_recording: list[str] = []


class ModelError(Exception):
    """A model's text is wrong. The message names the action being recorded, the file and the line."""


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
