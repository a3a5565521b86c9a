"""What came of a campaign's tasks depends on more than other answers do: on the stack and its harness."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any

from cowpath import impl
from cowpath.model.explore import ranks
from cowpath.model.kept import answers
from cowpath.model.kept.answers import digest
from cowpath.model.language.errors import InputError


def refuse_parts(why: str) -> None:
    """Raise `InputError` where parts are to be kept, or shared by several processes."""
    if resumed() or ranks.size() > 1:
        raise InputError(f"{why}; accepted: without --resume and mpiexec")


def resumed() -> bool:
    """Tell whether what comes of parts is kept for a command that goes on."""
    known = answers.current()
    return known is not None and known.resumed


def question(*what: Any) -> str:
    """Return the question of a task: what it is, as plain data, and all code that runs and judges it."""
    return json.dumps([_ours(), *what])


@cache
def _ours() -> str:
    folders = (Path(str(impl.__file__)).parent, Path(__file__).parents[1])
    return "".join(digest(folder).hex() for folder in folders)
