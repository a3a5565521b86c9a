"""What modules keep from run to run: it is put back, so that every run begins as the first one did.

Put back are the global variables of the modules and the attributes of their classes: numbers, texts and the
like as they were bound, lists, dicts, sets and deques by their content. What is inside of other objects, or
of these once more, is not.
"""

from __future__ import annotations

from collections import OrderedDict, defaultdict, deque
from collections.abc import Callable, Iterator, Sequence
from types import ModuleType
from typing import Any

_BOUND = (type(None), bool, int, float, complex, str, bytes, tuple, frozenset)
_LISTS = (list, deque, bytearray)
_MAPS = (dict, set, OrderedDict, defaultdict)


def kept(modules: Sequence[ModuleType]) -> Callable[[], None]:
    """Return what puts everything back as it is now."""
    saved = [
        (owner, name, value, _content(value))
        for module in modules
        for owner in (module, *_classes(module))
        for name, value in vars(owner).items()
        if type(value) in (*_BOUND, *_LISTS, *_MAPS) and not (name.startswith("__") and name.endswith("__"))
    ]

    def put_back() -> None:
        for owner, name, value, content in saved:
            if vars(owner).get(name, saved) is not value:
                setattr(owner, name, value)
            if content is not None and value != content:
                _fill(value, content)

    return put_back


def _classes(module: ModuleType) -> Iterator[type]:
    return (v for v in list(vars(module).values()) if isinstance(v, type) and v.__module__ == module.__name__)


def _content(value: Any) -> Any:
    return None if type(value) in _BOUND else value.copy()


def _fill(value: Any, content: Any) -> None:
    value.clear()
    if type(value) in _LISTS:
        value.extend(content)
    else:
        value.update(content)
