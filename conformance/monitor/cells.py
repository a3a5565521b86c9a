"""Bytes on a disk as the model sees them: cells, each with one value, and who may have written it."""

from __future__ import annotations

from collections.abc import Sequence

from cowpath.conformance.runs.log import ORIGINAL, written_by
from cowpath.impl.extent import Extent
from cowpath.model.scenarios import Scenario
from cowpath.model.scenarios.geometry import Geometry

Pieces = Sequence[tuple[Extent, bytes]]


class Cells:
    """The cells and clusters of a scenario's geometry, found by their bytes."""

    def __init__(self, scenario: Scenario, geometry: Geometry) -> None:
        self.ranges = [cell.ranges for cell in geometry.cells]
        self.clusters = geometry.clusters
        self.edges = {edge for ranges in self.ranges for span in ranges for edge in span}
        requests = range(len(scenario.requests))
        self.writers = {ORIGINAL: {len(requests)}}  # nobody
        for number in requests:
            self.writers.setdefault(written_by(scenario, number), set()).add(number)

    def values(self, pieces: Pieces) -> dict[int, set[int]]:
        """Return who may have written each cell of which the pieces have a part.

        Nobody can have written (the set is empty) what is not all the same, or not there as a whole.
        """
        found: dict[int, set[int]] = {}
        for cell, ranges in enumerate(self.ranges):
            parts = [
                data[max(start, extent.start) - extent.start : min(end, extent.end) - extent.start]
                for extent, data in pieces
                for start, end in ranges
                if start < extent.end and extent.start < end
            ]
            if parts:
                part = b"".join(parts)
                whole = len(part) == sum(end - start for start, end in ranges)
                same = part == part[:1] * len(part)
                found[cell] = self.writers.get(part[0], set()) if whole and same else set()
        return found

    def span(self, extent: Extent) -> tuple[int, int] | None:
        """Return the first and the last cluster of an extent, None if it cuts a cell in two."""
        if extent.start not in self.edges or extent.end not in self.edges:
            return None
        touched = [k for k, (start, end) in enumerate(self.clusters) if extent.overlaps(Extent(start, end))]
        return (touched[0], touched[-1]) if touched else None
