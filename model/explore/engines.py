"""The engines by name; each loads what it is made of when it is first used."""

from __future__ import annotations

import importlib.util
from dataclasses import replace
from typing import TYPE_CHECKING

from cowpath.model.explore.python_engine import PythonEngine
from cowpath.model.explore.reductions import UNREDUCED, Reductions
from cowpath.model.explore.result import Engine, Exploration, Limits, Question, Report
from cowpath.model.finite.domains import Narrowed
from cowpath.model.kept import answers

if TYPE_CHECKING:
    from cowpath.model.explore.each import Each

_SMALL = 300_000  # states, explored in the time that machine code takes to be made, or less
_FEW = 2_000  # the same, one at a time by plain Python


class Numpy:
    """The NumPy engine."""

    name = "numpy"
    partial_order = False

    def explore(
        self,
        narrowed: Narrowed,
        questions: tuple[Question, ...],
        limits: Limits,
        report: Report,
        reductions: Reductions = UNREDUCED,
    ) -> Exploration:
        """See `Engine`."""
        from cowpath.model.explore.numpy_engine import NumpyEngine

        return NumpyEngine().explore(narrowed, questions, limits, report, reductions)

    def explore_each(
        self, narrowed: Narrowed, questions: tuple[Question, ...], limits: Limits, report: Report
    ) -> Each:
        """See `Engine`."""
        from cowpath.model.explore.numpy_engine import NumpyEngine

        return NumpyEngine().explore_each(narrowed, questions, limits, report)


class Native:
    """The native engine where it can be had, else NumPy (plain Python for partial order), which says why."""

    name = "native"
    partial_order = True

    def explore(
        self,
        narrowed: Narrowed,
        questions: tuple[Question, ...],
        limits: Limits,
        report: Report,
        reductions: Reductions = UNREDUCED,
    ) -> Exploration:
        """See `Engine`."""
        other: Engine = PythonEngine() if reductions.needs else Numpy()
        called = "plain Python" if reductions.needs else "NumPy"
        if (missing := _missing(called)) is not None:
            found = other.explore(narrowed, questions, limits, report, reductions)
            return replace(found, remarks=(*found.remarks, missing))
        from cowpath.model.explore.native.engine import NativeEngine, Unsupported

        try:
            return NativeEngine().explore(narrowed, questions, limits, report, reductions)
        except Unsupported as why:
            found = other.explore(narrowed, questions, limits, report, reductions)
            return replace(found, remarks=(*found.remarks, _unsupported(called, why)))

    def explore_each(
        self, narrowed: Narrowed, questions: tuple[Question, ...], limits: Limits, report: Report
    ) -> Each:
        """See `Engine`."""
        if (missing := _missing("NumPy")) is not None:
            found = Numpy().explore_each(narrowed, questions, limits, report)
            return replace(found, remarks=(*found.remarks, missing))
        from cowpath.model.explore.native.engine import NativeEngine, Unsupported

        try:
            return NativeEngine().explore_each(narrowed, questions, limits, report)
        except Unsupported as why:
            found = Numpy().explore_each(narrowed, questions, limits, report)
            return replace(found, remarks=(*found.remarks, _unsupported("NumPy", why)))


class Auto:
    """NumPy, which starts at once; what is larger than some 300,000 states begins again in machine code.

    NumPy does not know partial-order reduction: there plain Python begins, and some 2,000 states are many.
    """

    name = "auto"
    partial_order = True

    def explore(
        self,
        narrowed: Narrowed,
        questions: tuple[Question, ...],
        limits: Limits,
        report: Report,
        reductions: Reductions = UNREDUCED,
    ) -> Exploration:
        """See `Engine`."""
        engine: Engine = PythonEngine() if reductions.needs else Numpy()
        most = _FEW if reductions.needs else _SMALL
        small = limits.max_states is not None and limits.max_states <= most
        first = limits if small else replace(limits, max_states=most)
        found = engine.explore(narrowed, questions, first, report, reductions)
        if small or not _cut(found.stopped):
            return found
        return Native().explore(narrowed, questions, _left(limits, found.seconds), report, reductions)

    def explore_each(
        self, narrowed: Narrowed, questions: tuple[Question, ...], limits: Limits, report: Report
    ) -> Each:
        """See `Engine`."""
        small = limits.max_states is not None and limits.max_states <= _SMALL
        first = limits if small else replace(limits, max_states=_SMALL)
        found = Numpy().explore_each(narrowed, questions, first, report)
        if small or not _cut(found.stopped):
            return found
        return Native().explore_each(narrowed, questions, _left(limits, found.seconds), report)


def _cut(stopped: str | None) -> bool:
    """Tell whether it was the number of states that ended a search."""
    return stopped is not None and "--max-states" in stopped


def _left(limits: Limits, seconds: float) -> Limits:
    """Return the limits for what goes on after so long."""
    return replace(limits, max_seconds=None if limits.max_seconds is None else limits.max_seconds - seconds)


def _missing(called: str) -> str | None:
    """Return what to say where there is no llvmlite."""
    if importlib.util.find_spec("llvmlite") is None:
        return f"llvmlite is not installed, so {called} ran instead of the native engine{_unsaved()}"
    return None


def _unsupported(called: str, why: Exception) -> str:
    return f"{called} ran instead of the native engine{_unsaved()}: {why}"


def _unsaved() -> str:
    """Return what to say where a search was to be saved: only that in machine code is."""
    known = answers.current()
    return ", and saved nothing on its way" if known is not None and known.resumed else ""


ENGINES: dict[str, Engine] = {engine.name: engine for engine in (Auto(), Native(), Numpy(), PythonEngine())}
