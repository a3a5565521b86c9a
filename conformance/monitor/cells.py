"""Bytes on a disk as the model sees them: cells, each with one value, and who may have written it."""

from __future__ import annotations

from collections.abc import Sequence

from cowpath.conformance.runs.log import written_by
from cowpath.conformance.runs.original import is_original
from cowpath.model.scenarios import Scenario
from cowpath.model.scenarios.geometry import Geometry

Span = tuple[int, int]
"""The bytes [start, end). The judge reckons with it itself: what it judges by is none of the stack's code."""
Pieces = Sequence[tuple[Span, bytes]]


class Cells:
    """The cells and clusters of a scenario's geometry, found by their bytes."""

    def __init__(self, scenario: Scenario, geometry: Geometry, nobody: int) -> None:
        """`nobody`: the value of data that nobody has written."""
        self.ranges = [cell.ranges for cell in geometry.cells]
        self.clusters = geometry.clusters
        self.edges = {edge for ranges in self.ranges for span in ranges for edge in span}
        requests = range(len(scenario.requests))
        self.nobody = {nobody}
        self.zeroes = scenario.option("zeroes")
        self.writers: dict[int, set[int]] = {}
        for number in requests:
            self.writers.setdefault(written_by(scenario, number), set()).add(number)

    def values(self, pieces: Pieces) -> dict[int, set[int]]:
        """Return who may have written each cell of which the pieces have a part.

        Nobody can have written (the set is empty) what is not all one request's, not there as a whole, or
        original data of another place.
        """
        found: dict[int, set[int]] = {}
        for cell, ranges in enumerate(self.ranges):
            parts = [
                (max(start, low), data[max(start, low) - low : min(end, high) - low])
                for (low, high), data in pieces
                for start, end in ranges
                if start < high and low < end
            ]
            if parts:
                whole = sum(len(part) for _, part in parts) == sum(end - start for start, end in ranges)
                found[cell] = self._writers(parts) if whole else set()
        return found

    def _writers(self, parts: Sequence[tuple[int, bytes]]) -> set[int]:
        byte = parts[0][1][:1]
        same = all(part == byte * len(part) for _, part in parts)
        if self.zeroes and byte == b"\0":
            return self.nobody | self.writers.get(0, set()) if same else set()
        if byte and byte[0] in self.writers:
            return self.writers[byte[0]] if same else set()
        return self.nobody if all(is_original(start, part) for start, part in parts) else set()

    def span(self, extent: Span | None) -> tuple[int, int] | None:
        """Return the first and last cluster of an extent, None if it cuts a cell in two or there is none."""
        if extent is None:
            return None
        low, high = extent
        if low not in self.edges or high not in self.edges:
            return None
        touched = [k for k, (start, end) in enumerate(self.clusters) if low < end and start < high]
        return (touched[0], touched[-1]) if touched else None
