"""What makes tests quick: commands run in this process, and answers that the tests of one run share."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache

from cowpath.model.kept.answers import Answers, keeping, of_user


@dataclass(frozen=True)
class Ran:
    """What a command printed, and its exit status."""

    status: int
    out: str
    err: str

    @property
    def words(self) -> str:
        """The output without its line breaks."""
        return " ".join(self.out.split())


Command = Callable[..., Ran]

SHARED = "COWPATH_TESTS_KEPT"
"""The variable that names the folder of the answers that the tests of one run share; it begins empty."""


def shared() -> dict[str, str]:
    """Return the environment of a command that may be answered by what another test of this run asked."""
    return {"COWPATH_CACHE": os.environ.get(SHARED, "")}


@contextmanager
def sharing() -> Iterator[None]:
    """Look up what another test of this run asked. Not for tests of answers, nor of what finds them."""
    with keeping(_shared_answers()):
        yield


@cache
def _shared_answers() -> Answers | None:
    return of_user(False, shared())
