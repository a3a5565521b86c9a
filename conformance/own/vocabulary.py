"""The words of a model: what its owners are called, and how the values of its variables are said."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from cowpath.conformance.own.events import Facts
from cowpath.model.finite.instance import Instance, Layout
from cowpath.model.language.errors import InputError
from cowpath.model.language.system import System


class WatchError(InputError):
    """What a watch says is not in the model's words; the message is one line."""


class Impossible(Exception):
    """The code has a value that a model's variable never has; the message is one line."""


class Vocabulary:
    """A system on an instance, by its words. Raises InputError if it does not say who moves."""

    def __init__(self, system: System, instance: Instance) -> None:
        if system.finished is None:
            raise InputError(
                f"the model {system.name} does not say when an owner has finished: system.terminal"
            )
        self.system, self.instance = system, instance
        self.layout = Layout(system, instance)
        self.owners = instance.names[system.owners.name]
        self._values: dict[int, dict[str, int]] = {}

    def owner(self, name: str, thread: str) -> int:
        """Return the owner of that name. Raises WatchError."""
        if name not in self.owners:
            raise WatchError(
                f"thread '{thread}' is to be '{name}', and the model has no such {self.system.owners.name};"
                f" it has: {', '.join(self.owners)}. Name the threads so, or say owner=, a function (thread,"
                " number)"
            )
        return self.owners.index(name)

    def facts(self, said: Mapping[Any, object], owner: int) -> Facts:
        """Return what is said as values of the state's components. Raises WatchError, or Impossible."""
        return tuple(self._fact(name, value, owner) for name, value in said.items())

    def _fact(self, name: Any, value: object, owner: int) -> tuple[int, int]:
        variable, *elements = name if isinstance(name, tuple) else (name,)
        declared = self.system.variables.get(variable)
        if declared is None:
            raise WatchError(
                f"the model has no variable '{variable}'; it has: {', '.join(self.system.variables)}"
            )
        if elements:
            names = [self.instance.names[index.name] for index in declared.indices]
            if len(names) != len(elements) or any(e not in n for e, n in zip(elements, names, strict=True)):
                raise WatchError(f"{variable} has nothing at {', '.join(map(str, elements))}")
            indices = tuple(n.index(e) for e, n in zip(elements, names, strict=True))
        elif declared.indices in ((), (self.system.owners,)):
            indices = (owner,) if declared.indices else ()
        else:
            sorts = ", ".join(index.name for index in declared.indices)
            raise WatchError(
                f"{variable} is of each {sorts}: say ('{variable}', ...) with those that are meant"
            )
        position = self.layout.position[variable, indices]
        return position, self._value(position, declared.unset if value is None else value)

    def _value(self, position: int, value: object) -> int:
        if position not in self._values:
            show, size = self.layout.show_value, self.layout.sizes[position]
            self._values[position] = {show(position, number): number for number in range(size)}
        word = {True: "yes", False: "no"}[value] if isinstance(value, bool) else str(value)
        if word not in self._values[position]:
            accepted = ", ".join(self._values[position])
            raise Impossible(
                f"{self.layout.show(position)} is never '{word}' in the model; it may be: {accepted}"
            )
        return self._values[position][word]
