"""A small system to record into, and what is said of what it refuses."""

from __future__ import annotations

import inspect
from collections.abc import Callable

import pytest

from cowpath.model.language.errors import ModelError
from cowpath.model.language.sorts import Enum, Index, Int, Maybe, Position
from cowpath.model.language.system import System

Request = Index("Request", ordered=False)
Cluster = Index("Cluster", ordered=True)
Place = Enum("Place", ("idle", "done"))

NO_TRUTH = "the truth value of an expression is not known while the model is recorded: use & | ~ If"

Body = Callable[..., None]


def declared() -> System:
    system = System("small")
    system.parameter("option")
    system.parameter("home", Request, sort=Cluster)
    system.variable("pc", Request, sort=Place, initial="idle")
    system.variable("flag", Request)
    system.variable("grid", Request, Cluster)
    system.variable("owner", Cluster, sort=Maybe(Request))
    system.variable("at", Request, sort=Position(Cluster), initial=0)
    system.variable("total", sort=Int(3), initial=0)
    system.variable("lamp")
    return system


def place_of(function: Body) -> str:
    """Return file and line of the statement marked `# !` in the function."""
    this_file = f"{function.__module__.rpartition('.')[2]}.py"
    lines, first = inspect.getsourcelines(function)
    (line,) = (number for number, text in enumerate(lines, first) if "# !" in text)
    return f"{this_file}:{line}"


def message_of(record: Callable[[], object]) -> str:
    with pytest.raises(ModelError) as caught:
        record()
    return str(caught.value)
