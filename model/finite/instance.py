"""Instances: sizes, parameter tables and names that make a model finite; and the order of its state."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from cowpath.model.language.errors import InputError
from cowpath.model.language.expression import Local, index_of
from cowpath.model.language.sorts import Bool, Enum, Index, Maybe, Position, Sort
from cowpath.model.language.system import System

Table = Mapping[tuple[int, ...], int]


@dataclass(frozen=True)
class Instance:
    """Sizes of the index sorts, tables of the parameters, and what to call each element in a trace.

    `phrases[word][r]` replaces `{word}` in what a wait says of its holder r.
    """

    sizes: Mapping[str, int]
    tables: Mapping[str, Table]
    names: Mapping[str, tuple[str, ...]]
    phrases: Mapping[str, tuple[str, ...]]

    def elements(self, index: Index) -> range:
        """The elements of an index sort."""
        return range(self.sizes[index.name])

    def show(self, sort: Sort, value: int, unset: str = "nobody") -> str:
        """Return a value in words."""
        if isinstance(sort, Bool):
            return "yes" if value else "no"
        if isinstance(sort, Enum):
            return sort.values[value]
        if isinstance(sort, Maybe | Position):
            if value == self.sizes[sort.index.name]:
                return unset if isinstance(sort, Maybe) else "end"
            sort = sort.index
        if isinstance(sort, Index):
            return self.names[sort.name][value]
        return str(value)

    def arguments(self, params: Sequence[Local], words: Sequence[str]) -> tuple[int, ...]:
        """Return the elements that a step's words name. Raises ValueError if they are not an action's."""
        tables = [self.names[index_of(param).name] for param in params]
        return tuple(table.index(word) for table, word in zip(tables, words, strict=True))


def fit(system: System, instance: Instance) -> Instance:
    """Return the instance if it has a size of all the system's sorts and all its parameters.

    Raises `InputError`, which names what is missing.
    """
    sorts = [sort for declared in system.declarations for sort in (declared.sort, *declared.indices)]
    sorts += [param.sort for action in system.actions for param in action.params]
    for sort in sorts:
        index = sort.index if isinstance(sort, Maybe | Position) else sort
        if isinstance(index, Index) and index.name not in instance.sizes:
            raise InputError(
                f"{system.name}: the scenario says nothing of how many of '{index.name}' there are; "
                f"it does of: {', '.join(instance.sizes)}"
            )
    for name in system.parameters:
        if name not in instance.tables:
            raise InputError(
                f"{system.name}: the scenario gives no parameter '{name}'; "
                f"it gives: {', '.join(instance.tables)}"
            )
    return instance


@dataclass(frozen=True)
class Cell:
    """One component of the state vector: a variable at given indices."""

    variable: str
    indices: tuple[int, ...]


class Layout:
    """The order of the state vector's components: declared order, then index order."""

    def __init__(self, system: System, instance: Instance) -> None:
        self.system = system
        self.instance = instance
        self.cells = tuple(self._enumerate())
        # May be asked for indices that are no numbers: those are at no position.
        self.position: dict[tuple[str, tuple[object, ...]], int] = {
            (cell.variable, cell.indices): i for i, cell in enumerate(self.cells)
        }

    def _enumerate(self) -> Iterator[Cell]:
        for variable in self.system.variables.values():
            for indices in itertools.product(*(self.instance.elements(i) for i in variable.indices)):
                yield Cell(variable.name, indices)

    @cached_property
    def sizes(self) -> tuple[int, ...]:
        """How many values each component's sort has."""
        variables = self.system.variables
        return tuple(variables[c.variable].sort.size(self.instance.sizes) for c in self.cells)

    def show(self, position: int) -> str:
        """Return the component's name in words, such as `hidden [512, 1024)`."""
        cell = self.cells[position]
        indices = self.system.variables[cell.variable].indices
        names = (self.instance.show(index, i) for index, i in zip(indices, cell.indices, strict=True))
        return " ".join([cell.variable.replace("_", " "), *names])

    def show_value(self, position: int, value: int) -> str:
        """Return the component's value in words."""
        variable = self.system.variables[self.cells[position].variable]
        return self.instance.show(variable.sort, value, variable.unset)
