"""An instance of a model made in code: who there is, by name, and what the parameters are of each.

A scenario file says the same for the commands; this is for workloads that are drawn, or written in a test.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from cowpath.model.finite.instance import Instance
from cowpath.model.finite.own_instance import instance_of
from cowpath.model.language.errors import InputError, hint, shown
from cowpath.model.language.sorts import BOOL, Enum, Index, Maybe
from cowpath.model.language.system import Parameter, System


def instance(system: System, **words: Any) -> Instance:
    """Return an instance: each sort by its elements' names, each parameter by its values.

    `Call=("put 1", "get 1"), puts={"put 1": "item 1"}`. A parameter of two sorts has pairs of names, one of
    none its value alone. Who is not mentioned has false, "nobody", 0 or the first value.

    Raises InputError for what the system does not have, and what it has and is not said.
    """
    names = {name: _names(name, given) for name, given in words.items() if name not in system.parameters}
    sizes = {name: len(elements) for name, elements in names.items()}
    values = {}
    for parameter in system.parameters.values():
        if {index.name for index in parameter.indices} <= names.keys():
            values[parameter.name] = _value(parameter, words.get(parameter.name, {}), names)
    return instance_of(system, sizes, values, names)


def _names(sort: str, given: object) -> tuple[str, ...]:
    if not isinstance(given, Sequence) or isinstance(given, str) or not given:
        raise InputError(f"{sort}={shown(given)}: no parameter; accepted of a sort: its elements' names")
    return tuple(map(str, given))


def _value(parameter: Parameter, given: Any, names: Mapping[str, tuple[str, ...]]) -> Any:
    """Return the parameter as a scenario has it: lists in lists."""
    elements = [names[index.name] for index in parameter.indices]
    if not elements:
        return _default(parameter) if given == {} else given
    said = {key if isinstance(key, tuple) else (key,): value for key, value in dict(given).items()}
    known = [key for key in said if len(key) == len(elements)]
    strange = [key for key in said if key not in known] or [
        key for key in known if any(e not in among for e, among in zip(key, elements, strict=True))
    ]
    if strange:
        called = ", ".join(map(str, strange[0]))
        raise InputError(f"{parameter.name}: there is no {called}{hint(called, elements[0])}")
    return _lists(said, elements, (), _default(parameter))


def _lists(said: Mapping[Any, Any], elements: list[tuple[str, ...]], at: tuple[str, ...], least: Any) -> Any:
    if not elements:
        return said.get(at, least)
    return [_lists(said, elements[1:], (*at, element), least) for element in elements[0]]


def _default(parameter: Parameter) -> Any:
    match parameter.sort:
        case Maybe():
            return "nobody"
        case Enum(_, values):
            return values[0]
        case Index():
            return 0
    return False if parameter.sort == BOOL else 0
