"""An instance of a model from words: who there is, by name, and what the parameters are of each."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from cowpath.model.finite.instance import Instance, Table
from cowpath.model.language.errors import InputError, hint, shown
from cowpath.model.language.sorts import Index, Maybe, Position, Sort
from cowpath.model.language.system import Parameter, System

_WORDS = {True: "yes", False: "no", None: "nobody"}


def instance(system: System, **words: Any) -> Instance:
    """Return an instance: each index sort by its elements' names, each parameter by its values.

    `Call=("put 1", "get 1"), puts={"put 1": "item 1"}`. A parameter of several sorts has tuples of names, one
    of none its value alone; who is not mentioned has no, 0, nobody, or the first value.

    Raises InputError for what the system does not have.
    """
    sorts = {index.name: index for index in _sorts(system)}
    known = [*sorts, *system.parameters]
    for name in words:
        if name not in known:
            raise InputError(
                f"instance: '{system.name}' has no {name}{hint(name, known)}; it has: {', '.join(known)}"
            )
    names = {name: _names(name, words.get(name)) for name in sorts}
    sizes = {name: len(elements) for name, elements in names.items()}
    bare = Instance(sizes, {}, names, {})
    tables = {p.name: _table(p, words.get(p.name, {}), bare) for p in system.parameters.values()}
    return Instance(sizes, tables, names, {})


def _sorts(system: System) -> Iterator[Index]:
    """Yield all index sorts that the system speaks of."""
    for declared in system.declarations:
        yield from declared.indices
        if isinstance(declared.sort, Maybe | Position):
            yield declared.sort.index
        elif isinstance(declared.sort, Index):
            yield declared.sort
    for action in system.actions:
        yield from (p.sort for p in action.params if isinstance(p.sort, Index))


def _names(sort: str, given: object) -> tuple[str, ...]:
    if not isinstance(given, Sequence) or isinstance(given, str) or not given:
        raise InputError(f"instance: {sort}={shown(given)}; accepted: the names of its elements")
    names = tuple(map(str, given))
    if len(set(names)) < len(names):
        raise InputError(f"instance: {sort} has a name twice, among {', '.join(names)}")
    return names


def _table(parameter: Parameter, given: Any, bare: Instance) -> Table:
    values = _values(parameter.sort, bare)
    least = values.get("nobody", 0)
    elements = [bare.names[index.name] for index in parameter.indices]
    table = dict.fromkeys(itertools.product(*(range(len(names)) for names in elements)), least)
    items = given.items() if isinstance(given, Mapping) else [((), given)]
    for key, value in items:
        place = key if isinstance(key, tuple) else (key,)
        word = _WORDS.get(value, value) if value is None or isinstance(value, bool) else str(value)
        try:
            indices = tuple(names.index(e) for e, names in zip(place, elements, strict=True))
        except ValueError:
            raise InputError(f"instance: {parameter.name} has nothing at {shown(key)}") from None
        if word not in values:
            accepted = ", ".join(values)
            raise InputError(
                f"instance: {parameter.name} of {shown(key)} is {shown(value)}; accepted: {accepted}"
            )
        table[indices] = values[word]
    return table


def _values(sort: Sort, bare: Instance) -> dict[str, int]:
    """Return the values of a sort by their words."""
    return {bare.show(sort, number): number for number in range(sort.size(bare.sizes))}
