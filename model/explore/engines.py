"""The engines by name."""

from __future__ import annotations

import importlib.util
from dataclasses import replace

from cowpath.model.explore.numpy_engine import NumpyEngine
from cowpath.model.explore.python_engine import PythonEngine
from cowpath.model.explore.reductions import UNREDUCED, Reductions
from cowpath.model.explore.result import Engine, Exploration, Limits, Question, Report
from cowpath.model.finite.domains import Narrowed

_SMALL = 100_000  # states, explored before machine code would be ready
_FEW = 2_000  # the same, one at a time by plain Python


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
        other: Engine = PythonEngine() if reductions.needs else NumpyEngine()
        called = "plain Python" if reductions.needs else "NumPy"
        if importlib.util.find_spec("llvmlite") is None:
            missing = f"llvmlite is not installed, so {called} ran instead of the native engine"
            return _remarked(other.explore(narrowed, questions, limits, report, reductions), missing)
        from cowpath.model.explore.native.engine import NativeEngine, Unsupported

        try:
            return NativeEngine().explore(narrowed, questions, limits, report, reductions)
        except Unsupported as why:
            found = other.explore(narrowed, questions, limits, report, reductions)
            return _remarked(found, f"{called} ran instead of the native engine: {why}")


class Auto:
    """NumPy, which starts at once; what is larger than some 100,000 states begins again in machine code.

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
        engine: Engine = PythonEngine() if reductions.needs else NumpyEngine()
        most = _FEW if reductions.needs else _SMALL
        small = limits.max_states is not None and limits.max_states <= most
        first = limits if small else replace(limits, max_states=most)
        found = engine.explore(narrowed, questions, first, report, reductions)
        if small or found.complete or found.stopped is None or "--max-states" not in found.stopped:
            return found
        left = None if limits.max_seconds is None else limits.max_seconds - found.seconds
        return Native().explore(narrowed, questions, replace(limits, max_seconds=left), report, reductions)


def _remarked(found: Exploration, remark: str) -> Exploration:
    return replace(found, remarks=(*found.remarks, remark))


ENGINES: dict[str, Engine] = {
    engine.name: engine for engine in (Auto(), Native(), NumpyEngine(), PythonEngine())
}
