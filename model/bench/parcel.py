"""Results as bytes, from one process to another: what both of them know is only named."""

from __future__ import annotations

import io
import pickle
from collections.abc import Sequence
from typing import Any

from cowpath.model.bench.check import Result
from cowpath.model.designs import Case
from cowpath.model.finite.reference import Reference
from cowpath.model.trace.trace import TraceState

_REFERENCE = -1


class Parcels:
    """Packs and unpacks results of cases that both sides have in the same order."""

    def __init__(self, cases: Sequence[Case]) -> None:
        self._cases = cases
        self._number = {id(case): number for number, case in enumerate(cases)}

    def packed(self, result: Result) -> bytes:
        """Return the result as bytes. Its traces' states are of its own case."""
        into = io.BytesIO()
        _Pickler(into, self._number).dump((self._number[id(result.case)], result))
        return into.getvalue()

    def unpacked(self, parcel: bytes) -> tuple[int, Result]:
        """Return the number of the case and its result."""
        number: int
        result: Result
        number, result = _Unpickler(io.BytesIO(parcel), self._cases).load()
        return number, result


class _Pickler(pickle.Pickler):
    def __init__(self, into: io.BytesIO, number: dict[int, int]) -> None:
        super().__init__(into, pickle.HIGHEST_PROTOCOL)
        self._number = number

    def persistent_id(self, obj: Any) -> int | None:
        if isinstance(obj, Case):
            return self._number[id(obj)]
        return _REFERENCE if isinstance(obj, Reference) else None

    def reducer_override(self, obj: Any) -> Any:
        """Send a trace's state as it is: who has the model can put it in words when somebody looks."""
        if isinstance(obj, TraceState):
            return TraceState, (obj.reference, obj.state)
        return NotImplemented


class _Unpickler(pickle.Unpickler):
    def __init__(self, parcel: io.BytesIO, cases: Sequence[Case]) -> None:
        super().__init__(parcel)
        self._cases = cases
        self._case: Case | None = None
        self._reference: Reference | None = None

    def persistent_load(self, pid: Any) -> Case | Reference:
        if pid != _REFERENCE:
            self._case = self._cases[pid]
            return self._case
        if self._reference is None:  # a result names its case before its traces
            assert self._case is not None
            self._reference = Reference(self._case.design.system, self._case.instance)
        return self._reference
