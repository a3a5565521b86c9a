"""What a bad scenario raises, and how its one line is worded."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches

_LONGEST_QUOTE = 60


class ScenarioError(ValueError):
    """Bad scenario input: one line that names the file, the key and what is accepted."""


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
