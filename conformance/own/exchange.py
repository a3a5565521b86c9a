"""The code of somebody's functions, exchanged for the same with points in it; and back.

No import hook and no reload: functions, classes and objects stay the same, and whoever holds one of them
runs the other code. Generators that have begun, and code at the top of a module, are as they were.
"""

from __future__ import annotations

import ast
import gc
import inspect
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from types import CodeType, FunctionType, ModuleType
from typing import Any

from cowpath.conformance.own.points import Point, Wanted, insert
from cowpath.model.language.errors import InputError

Edit = Callable[[ast.Module, str, ModuleType], None]
"""What else is done to a module's tree before it is compiled: assertions rewritten, a mutation."""


class SourceError(InputError):
    """A module's source cannot be had, or is not what was imported; the message is one line."""


@dataclass(frozen=True)
class _Compiled:
    codes: Mapping[tuple[str, int], CodeType]
    points: Sequence[Point]


class Exchange:
    """Makes the code of the modules with points once, and puts it in as often as it is asked to."""

    def __init__(
        self, modules: Sequence[ModuleType], wanted: Wanted, before: Edit | None, after: Edit | None
    ) -> None:
        self.modules = modules
        self.points: list[Point] = []
        self.functions: list[FunctionType] | None = None  # looked for once: it takes a while
        self.codes: dict[str, Mapping[tuple[str, int], CodeType]] = {}
        for module in modules:
            compiled = _compile(module, wanted, len(self.points), before, after)
            self.points += compiled.points
            self.codes[str(module.__file__)] = compiled.codes

    @contextmanager
    def made(self, calls: Mapping[str, Callable[..., Any]]) -> Iterator[list[FunctionType]]:
        """Exchange the code, with `calls` as what the points call; yield the functions that have points."""
        undo: list[tuple[FunctionType, CodeType]] = []
        if self.functions is None:
            self.functions = functions(self.codes)
        try:
            for function in self.functions:
                old = function.__code__
                new = self.codes[old.co_filename].get((old.co_qualname, old.co_firstlineno))
                if new is not None and new.co_freevars == old.co_freevars:
                    undo.append((function, old))
                    function.__code__ = new
            for module in self.modules:
                vars(module).update(calls)
            yield [function for function, _ in undo]
        finally:
            for function, code in undo:
                function.__code__ = code
            for module in self.modules:
                for name in calls:
                    vars(module).pop(name, None)


def functions(files: Mapping[str, object]) -> list[FunctionType]:
    """Return all functions there are whose code is from one of these files."""
    return [f for f in gc.get_objects() if type(f) is FunctionType and f.__code__.co_filename in files]


def source_of(module: ModuleType) -> str:
    """Return the text of the module. Raises SourceError."""
    try:
        return inspect.getsource(module)
    except (OSError, TypeError):
        raise SourceError(f"{module.__name__}: its source is not there to put points into") from None


def _compile(
    module: ModuleType, wanted: Wanted, first: int, before: Edit | None, after: Edit | None
) -> _Compiled:
    source = source_of(module)
    tree = ast.parse(source)
    if before is not None:
        before(tree, source, module)
    points = insert(tree, source, str(module.__file__), wanted, first)
    if after is not None:
        after(tree, source, module)
    code = compile(tree, str(module.__file__), "exec", dont_inherit=True)
    return _Compiled({(c.co_qualname, c.co_firstlineno): c for c in _inner(code)}, points)


def _inner(code: CodeType) -> Iterator[CodeType]:
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield constant
            yield from _inner(constant)
