"""Tests under `@schedules` in somebody's file, for those who do not go by pytest."""

from __future__ import annotations

import importlib.util
import inspect
import re
import sys
import traceback
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType

from cowpath.conformance.own.decorator import Wish, wish_of
from cowpath.conformance.own.explorer import modules_of
from cowpath.model.language.errors import InputError, hint

_MARKED = re.compile(r"^\s*@(\w+\.)*schedules\(", re.MULTILINE)


class TestFileError(InputError):
    """There is no such test, or its file is wrong; the message is one line."""

    __test__ = False


@dataclass(frozen=True)
class Test:
    """A test, and how it is to be explored."""

    __test__ = False

    name: str
    body: Callable[[], object]
    wish: Wish

    @property
    def modules(self) -> Sequence[ModuleType]:
        """The modules that are interrupted."""
        return self.wish.modules if self.wish.modules is not None else modules_of(self.body)


def is_test_file(wanted: str) -> bool:
    """Tell whether it is FILE.py::TEST, or FILE.py with tests under `@schedules` in its text."""
    file, separator, _ = wanted.partition("::")
    if separator or not file.endswith(".py"):
        return bool(separator)
    try:
        return _MARKED.search(Path(file).read_text(encoding="utf-8")) is not None
    except (OSError, UnicodeDecodeError):
        return False


def find_tests(wanted: str) -> list[Test]:
    """Return the tests of FILE.py, or the one of FILE.py::TEST. Raises TestFileError."""
    file, _, name = wanted.partition("::")
    module = _load(Path(file))
    tests = {name: Test(name, test, wish) for name, test in vars(module).items() if (wish := wish_of(test))}
    if not tests:
        raise TestFileError(f"{file}: has no test under @schedules(...), from cowpath.conformance")
    if name and name not in tests:
        raise TestFileError(
            f"{file}: has no test '{name}' under @schedules{hint(name, tests)}; it has: {', '.join(tests)}"
        )
    chosen = [tests[name]] if name else list(tests.values())
    for test in chosen:
        if inspect.iscoroutinefunction(test.body) or hasattr(test.body, "hypothesis"):
            raise TestFileError(f"{file}: {test.name} is async, or drawn by Hypothesis; run it with pytest")
        if inspect.signature(test.body).parameters:
            raise TestFileError(
                f"{file}: {test.name} has parameters, so it needs fixtures; run it with pytest"
            )
    return chosen


def _load(path: Path) -> ModuleType:
    if not path.is_file():
        raise TestFileError(f"{path}: no such file")
    spec = importlib.util.spec_from_file_location(path.stem, path.resolve())
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.path.insert(0, str(path.resolve().parent))  # as Python does for the file it runs
    sys.modules[path.stem] = module
    try:
        spec.loader.exec_module(module)
    except KeyboardInterrupt:
        raise
    except SyntaxError as error:
        raise TestFileError(f"{error.filename}: line {error.lineno}: {error.msg}") from None
    except BaseException as error:  # somebody's own code: whatever it raises, exits included, is bad input
        lines = [
            f.lineno for f in traceback.extract_tb(error.__traceback__) if f.filename == str(path.resolve())
        ]
        where = f" line {lines[-1]}:" if lines else ""
        raise TestFileError(f"{path}:{where} {type(error).__name__}: {error}") from None
    return module
