"""All that a system says as one text, the same in every process: what two of the same text do is the same."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Iterator, Mapping, Sequence

from cowpath.model.language.action import List
from cowpath.model.language.claim import Claim, ProofOutline
from cowpath.model.language.expression import Expr, Local, local
from cowpath.model.language.program import Group
from cowpath.model.language.sorts import Enum
from cowpath.model.language.state import State
from cowpath.model.language.system import System


def system_text(system: System) -> str:
    """Return the text of a system: declarations, actions, properties, and when an owner is finished."""
    text = _Text()
    text.add({field.name: getattr(system, field.name) for field in dataclasses.fields(system)})
    state = State(system, None)
    for each in system.lists.values():
        for condition in (each.member, each.leaving):
            recorded = condition is not None and system.finished is not None
            text.add(condition(state, local(system.owners, "owner")) if recorded and condition else None)
    return str(text)


def argument_text(system: System, argument: ProofOutline) -> str:
    """Return the text of what a proof rests on beside the system."""
    text, state = _Text(), State(system, None)
    claims: Iterator[Sequence[Claim]] = iter(
        (argument.given, argument.scope, argument.invariants, argument.runs)
    )
    for some in claims:
        text.add([(each.name, each.formula(system)) for each in some])
    for level in argument.levels:
        text.add((level.name, level.says, level.here(state, local(system.owners, "owner"))))
    for mark in argument.landmarks:
        owner, position = local(system.owners, "owner"), local(mark.index, "position")
        text.add((mark.name, mark.index, mark.here(state, owner, position)))
    for measure in argument.measures:
        bound = [local(index, "element") for index in measure.indices]
        text.add((measure.name, measure.indices, measure.height(state, *bound)))
    text.add(argument.theorems)
    return str(text)


class _Text:
    """Writes values down. Locals are numbered as they come: their own numbers are of this process."""

    def __init__(self) -> None:
        self._pieces: list[str] = []
        self._locals: dict[int, int] = {}
        self._seen: dict[int, int] = {}
        self._alive: list[object] = []  # so that no other object has the same id

    def __str__(self) -> str:
        return "".join(self._pieces)

    def add(self, value: object) -> None:
        """Write a value: plain data, what is declared, an expression."""
        write = self._pieces.append
        if isinstance(value, Expr):
            if isinstance(value, Local):
                number = self._locals.setdefault(value.number, len(self._locals))
                write(f"%{number}:")
                self.add(value.sort)
                return
            known = self._seen.setdefault(id(value), len(self._seen))
            if known < len(self._alive):
                write(f"#{known} ")
                return
            self._alive.append(value)
        if value is None or isinstance(value, str | int | float):
            write(f"{value!r} ")
        elif isinstance(value, Mapping):
            self._all("{", value.items(), "}")
        elif isinstance(value, frozenset | set):
            self._all("<", sorted(value, key=repr), ">")
        elif isinstance(value, list | tuple | dict):
            self._all("[", value, "]")
        elif isinstance(value, Enum):
            self._all("enum(", (value.name, value.values), ")")
        elif isinstance(value, List):  # its functions are recorded by `system_text`
            self._all("list(", (value.name, value.held), ")")
        elif isinstance(value, Group):  # whose function is part of the claims that it makes
            self._all("group(", (value.called,), ")")
        else:
            if not dataclasses.is_dataclass(value) or isinstance(value, type):
                raise TypeError(f"{type(value).__name__} has no text of its own")
            parts = (getattr(value, field.name) for field in dataclasses.fields(value))
            self._all(f"{type(value).__name__}(", parts, ")")

    def _all(self, opening: str, values: Iterable[object], closing: str) -> None:
        self._pieces.append(opening)
        for value in values:
            self.add(value)
        self._pieces.append(closing)
