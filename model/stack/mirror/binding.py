"""From a mirror's scenario to an instance: its parameter tables, and what each element is called."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from functools import partial
from types import MappingProxyType

from cowpath.model.finite.instance import Instance, Table
from cowpath.model.scenarios.geometry import Geometry, show_range
from cowpath.model.scenarios.mirror_geometry import may_be_dirty
from cowpath.model.scenarios.scenario import Request, Scenario
from cowpath.model.scenarios.vocabulary import BUNDLED, Vocabulary
from cowpath.model.stack.mirror.world import JOB, OPERATION


def bind(
    scenario: Scenario,
    geometry: Geometry,
    words: Vocabulary = BUNDLED,
    splits: Mapping[str, int] = MappingProxyType({}),
) -> Instance:
    """Return the instance that the scenario means in the geometry (reduced or not).

    A mirror's requests have no pieces: what is cut is the background's run. Raises `ValueError` for `splits`.
    """
    if splits:
        raise ValueError("a mirror's requests are not cut into pieces")
    job = scenario.mirror
    assert job is not None
    requests, chunks, cells = scenario.requests, geometry.clusters, geometry.cells
    # Few buffers do not make them fewer: while one is free, each that needs more is started, and is short.
    operations = 1 + sum(may_be_dirty(scenario, *chunk) for chunk in chunks)
    others = (JOB, *(OPERATION for _ in range(operations)))
    kinds = (*words.kinds, JOB, OPERATION)
    spans = [*zip(geometry.first, geometry.end, strict=True), *((0, 1) for _ in others)]
    covers = [*geometry.covers, *((False,) * len(cells) for _ in others)]
    clusters = [start // job.target_cluster for start, _ in chunks]
    low = [clusters.index(cluster) for cluster in clusters]
    high = [len(clusters) - 1 - clusters[::-1].index(cluster) for cluster in clusters]
    allocated = [any(start < d[1] and d[0] < end for d in job.dirty) for start, end in chunks]
    levels = 2 if job.buffers is None else job.buffers + 1
    sizes = {
        "Request": len(requests) + len(others),
        "Sector": len(cells),
        "Chunk": len(chunks),
        "Level": levels,
    }
    tables: dict[str, Table] = {
        "kind": _column([*(kinds.index(r.kind) for r in requests), *(kinds.index(kind) for kind in others)]),
        "fault": _column([*(words.faults.index(r.fault) for r in requests), *(0 for _ in others)]),
        "stream": _column([*(r.stream for r in requests), *(0 for _ in others)]),
        "covers": _grid(covers),
        "whole": _grid([[_is_whole(scenario, r, *chunk) for chunk in chunks] for r in range(len(covers))]),
        "chunk_of": _column([cell.cluster for cell in cells]),
        "first_of": _column([first for first, _ in spans]),
        "last_of": _column([max(end - 1, first) for first, end in spans]),
        "allocated": _column(allocated),
        "joins": _column([n > 0 and chunks[n - 1][1] == chunk[0] for n, chunk in enumerate(chunks)]),
        "lowest": _column(low),
        "highest": _column(high),
        "rounds": {(): int(job.backing == "name-only" and job.target_cluster > scenario.cluster)},
        "fills": {(): int(job.backing == "name-only")},
        "blocking": {(): int(job.copy_mode == "write-blocking")},
        "before": {
            (i, j): int(len(requests) < i < j) for i, j in itertools.product(range(len(covers)), repeat=2)
        },
        "counted": {(): int(job.buffers is not None)},
        "buffers": {(): levels - 1},
        "amount": {
            (k, e): 0 if job.buffers is None else min(max(e - k + 1, 0), levels)
            for k, e in itertools.product(range(len(chunks)), repeat=2)
        },
        "taken": {(f, n): f - n if n <= f else levels for f, n in itertools.product(range(levels), repeat=2)},
        "given": {(f, n): min(f + n, levels) for f, n in itertools.product(range(levels), repeat=2)},
        "within_chunk": _column(
            [*map(partial(_is_within_chunk, scenario), requests), *(False for _ in others)]
        ),
        "zero_data": {(): next((n for n, r in enumerate(requests) if r.kind == "guest-zero"), 0)},
        "requests_at_start": {(): int(scenario.option("requests_at_start"))},
    }
    names = {
        "Request": (
            *(request.label for request in requests),
            JOB,
            *(f"{OPERATION} {number + 1}" for number in range(operations)),
        ),
        "Sector": tuple("+".join(show_range(scenario, *span) for span in cell.ranges) for cell in cells),
        "Chunk": tuple(f"chunk {show_range(scenario, *chunk)}" for chunk in chunks),
        "Level": tuple(f"{number} free" for number in range(levels)),
    }
    ranges = (
        *(
            show_range(scenario, r.offset, r.offset + r.length)
            if r.offset is not None and r.length
            else "nothing"
            for r in requests
        ),
        *("its chunks" for _ in others),
    )
    return Instance(sizes, tables, names, {"range": ranges, "clusters": ranges})


def _is_whole(scenario: Scenario, number: int, start: int, end: int) -> bool:
    """Tell whether a write covers the chunk, and QEMU sees it: both its ends are multiples of a chunk."""
    if number >= len(scenario.requests):
        return False
    request = scenario.requests[number]
    if request.offset is None or request.length is None:
        return False
    inside = request.offset <= start and end <= request.offset + request.length
    return inside and end % scenario.cluster == 0


def _is_within_chunk(scenario: Scenario, request: Request) -> bool:
    """Tell whether the end of the request, rounded down to chunks, lies before its start rounded up."""
    if request.offset is None or request.length is None:
        return False
    chunk, end = scenario.cluster, request.offset + request.length
    return end - end % chunk < request.offset + -request.offset % chunk


def _column(values: Sequence[int]) -> Table:
    return {(i,): int(value) for i, value in enumerate(values)}


def _grid(rows: Sequence[Sequence[int]]) -> Table:
    return {(i, j): int(value) for i, row in enumerate(rows) for j, value in enumerate(row)}
