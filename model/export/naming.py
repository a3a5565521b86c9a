"""Names for what is exported: identifiers that another language accepts, as near to the model's as may be."""

from __future__ import annotations

import itertools
import re
from collections.abc import Collection, Iterator

from cowpath.model.explore.result import Question
from cowpath.model.finite.ground import Command, GroundModel
from cowpath.model.finite.term import Term
from cowpath.model.language.sorts import BOOL, Bool, Enum, Index, Maybe
from cowpath.model.language.system import Variable

EXCLUDED = "the values that can occur at all do not violate it"
"""Said of a claim that narrowing has decided, for there is nothing to look for."""


def identifier(*words: str) -> str:
    """Return the words as one: letters, digits and underscores, a letter first."""
    joined = "_".join(part for word in words for part in re.findall(r"[A-Za-z0-9]+", word))
    return joined if joined[:1].isalpha() else f"x{joined}"


class Identifiers:
    """Hands out identifiers, none of them twice and none that is reserved."""

    def __init__(self, reserved: Collection[str] = ()) -> None:
        self._taken = set(reserved)

    def new(self, *words: str) -> str:
        """Return an identifier that reads as the words."""
        stem = identifier(*words)
        names = (stem if n == 1 else f"{stem}_{n}" for n in itertools.count(1))
        name = next(name for name in names if name not in self._taken)
        self._taken.add(name)
        return name


def values_of(model: GroundModel, *terms: Term) -> Variable | Bool | None:
    """Return a variable whose values the terms share, or that all are truths; None for other numbers.

    A truth may stand for the number, or the name, that it is: grounding folds "1 if x else 0" into x.
    """
    found = [each for term in terms for each in _leaves(model, term)]
    numbers = None in found
    return next((each for each in found if isinstance(each, Variable)), None if numbers else BOOL)


def _leaves(model: GroundModel, term: Term) -> Iterator[Variable | Bool | None]:
    if isinstance(term, int):
        yield from [None] if term > 1 else []
    elif term.kind == "cell":
        (cell,) = term.arguments
        assert isinstance(cell, int)
        variable = model.system.variables[model.layout.cells[cell].variable]
        yield BOOL if variable.sort == BOOL else variable
    elif term.kind == "if":
        for branch in term.arguments[1:]:
            yield from _leaves(model, branch)
    else:
        yield None if term.kind in ("add", "sum") else BOOL


def word_for(model: GroundModel, value: int, variable: Variable | Bool | None) -> str | None:
    """Return what a value of the variable is called; None where it is a truth or a number."""
    if not isinstance(variable, Variable):
        return None
    sort = Maybe(variable.sort) if isinstance(variable.sort, Index) else variable.sort
    named = isinstance(sort, Enum) or (isinstance(sort, Maybe) and not sort.index.ordered)
    return model.instance.show(sort, value, variable.unset) if named else None


def indices_of(model: GroundModel, cell: int) -> tuple[str, ...]:
    """Return what the cell's variable is indexed by, in words."""
    of = model.layout.cells[cell]
    indices = model.system.variables[of.variable].indices
    return tuple(model.instance.show(i, n) for i, n in zip(indices, of.indices, strict=True))


def arguments_of(model: GroundModel, command: Command) -> tuple[str, ...]:
    """Return the command's arguments, in words."""
    params = command.action.params
    return tuple(model.instance.show(p.sort, n) for p, n in zip(params, command.arguments, strict=True))


def told(model: GroundModel, command: Command) -> str:
    """Return what the command does, in its action's words."""
    action = command.action
    names = dict(zip((p.name for p in action.params), arguments_of(model, command), strict=True))
    says = action.says.format(**names).rstrip(".")
    return f"{action.label}: {says[:1].lower()}{says[1:]}".rstrip(": ")


def claim_of(model: GroundModel, question: Question) -> tuple[str, ...]:
    """Return what is claimed where the question's states are excluded."""
    return (question.name, "holds") if question.name in model.always else ("never", question.name)


def owners_of(model: GroundModel) -> tuple[str, ...]:
    """Return what the owners are called."""
    assert model.system.finished is not None
    sort = model.system.finished[0].sort
    return tuple(model.instance.show(sort, owner) for owner in range(len(model.finished)))
