"""Instances of systems that are no block stack: sizes, tables and names as a scenario says them."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence

from cowpath.model.finite.instance import Instance, Table
from cowpath.model.language.errors import InputError, hint, shown
from cowpath.model.language.sorts import Bool, Enum, Index, Int, Maybe, Position, Sort
from cowpath.model.language.system import Parameter, System


def instance_of(
    system: System,
    sizes: Mapping[str, int],
    parameters: Mapping[str, object],
    names: Mapping[str, Sequence[str]],
) -> Instance:
    """Return the instance of these sizes, with a value for every parameter; what has no name gets one.

    Raises `InputError`: a sort without a size or a size without a sort, a parameter without values, a value
    that is none of its sort.
    """
    indices = {index.name: index for index in _indices(system)}
    for what, given in (("sizes", sizes), ("names", names)):
        for name in given:
            if name not in indices:
                raise InputError(
                    f"{what}: {system.name} has no sort {shown(name)}{hint(name, indices)}; "
                    f"accepted: {', '.join(indices)}"
                )
    if missing := [name for name in indices if name not in sizes]:
        raise InputError(
            f"sizes: {system.name} has a sort {missing[0]} of no size; accepted: {missing[0]} = N in [sizes]"
        )
    for name in parameters:
        if name not in system.parameters:
            known = ", ".join(system.parameters) or "none"
            raise InputError(f"parameters: {system.name} has no {shown(name)}; accepted: {known}")
    called = {name: _names(name, sizes[name], names.get(name, ())) for name in indices}
    tables = {
        name: _table(parameter, parameters.get(name), sizes, called)
        for name, parameter in system.parameters.items()
    }
    return Instance(sizes, tables, called, {})


def _indices(system: System) -> list[Index]:
    found: dict[Index, None] = {}
    for declared in system.declarations:
        sort = declared.sort
        for each in (*declared.indices, getattr(sort, "index", sort)):
            if isinstance(each, Index):
                found[each] = None
    for action in system.actions:
        found |= dict.fromkeys(param.sort for param in action.params if isinstance(param.sort, Index))
    return list(found)


def _names(sort: str, size: int, given: Sequence[str]) -> tuple[str, ...]:
    if not given:
        return tuple(f"{sort.lower()} {number}" for number in range(size))
    if len(given) != size or len({*given}) != size:
        raise InputError(f"names.{sort}: {len({*given})} names for {size}; accepted: as many, no two alike")
    return tuple(given)


def _table(
    parameter: Parameter, value: object, sizes: Mapping[str, int], names: Mapping[str, Sequence[str]]
) -> Table:
    where = f"parameters.{parameter.name}"
    if value is None:
        raise InputError(f"{where}: missing; accepted: {_shape(parameter, sizes)}")
    table = {}
    for indices in itertools.product(*(range(sizes[index.name]) for index in parameter.indices)):
        at: object = value
        for depth, i in enumerate(indices):
            if not isinstance(at, list) or len(at) != sizes[parameter.indices[depth].name]:
                raise InputError(f"{where}: {shown(value)}; accepted: {_shape(parameter, sizes)}")
            at = at[i]
        table[indices] = _number(parameter.sort, at, where, sizes, names)
    return table


def _shape(parameter: Parameter, sizes: Mapping[str, int]) -> str:
    lists = "".join(f"a list of {sizes[index.name]} " for index in parameter.indices)
    return f"{lists}{'of ' if lists else ''}{_accepted(parameter.sort)}"


def _accepted(sort: Sort) -> str:
    if isinstance(sort, Bool):
        return "true or false"
    if isinstance(sort, Enum):
        return " or ".join(f'"{value}"' for value in sort.values)
    return f"a whole number in {sort}" if isinstance(sort, Int) else f"a number or name of {sort}"


def _number(
    sort: Sort, value: object, where: str, sizes: Mapping[str, int], names: Mapping[str, Sequence[str]]
) -> int:
    index = sort if isinstance(sort, Index) else getattr(sort, "index", None)
    if isinstance(sort, Bool) and isinstance(value, bool):
        return int(value)
    if isinstance(sort, Enum) and isinstance(value, str) and value in sort.values:
        return sort.values.index(value)
    if isinstance(index, Index):
        if isinstance(value, str) and value in names[index.name]:
            return names[index.name].index(value)
        if isinstance(sort, Maybe | Position) and value == ("nobody" if isinstance(sort, Maybe) else "end"):
            return sizes[index.name]
    number = isinstance(value, int) and not isinstance(value, bool) and not isinstance(sort, Bool | Enum)
    if number and isinstance(value, int) and 0 <= value < sort.size(sizes):
        return value
    raise InputError(f"{where}: {shown(value)}; accepted: {_accepted(sort)}")
