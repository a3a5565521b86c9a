"""How much is drawn: all of it with `--everything`, a part in a run that somebody waits for."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import pytest

EVERYTHING = "everything"
_asked: set[str] = set()


def draw_everything() -> None:
    """Called once, before the tests are imported."""
    _asked.add(EVERYTHING)


def first(names: Iterable[str], *those: str) -> list[Any]:
    """Return the names as parameters of a test; all but `those` are lengthy."""
    return [name if name in those else pytest.param(name, marks=pytest.mark.lengthy) for name in names]


def everything() -> bool:
    """Tell whether all is asked for."""
    return EVERYTHING in _asked


def some(number: int, part: int = 3) -> int:
    """Return how many examples to draw of those named: one in `part`, unless all are asked for."""
    return number if everything() else -(-number // part)
