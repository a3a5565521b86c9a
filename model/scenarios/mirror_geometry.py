"""The few chunks and cells that a mirror's disk comes down to.

The model asks of a byte which writes cover it and in which chunk it lies, and of a chunk what covers it,
whether it is dirty at the start, and which chunks share a cluster of the target with it. So bytes of a chunk
that agree in the first may share a cell; a chunk that no write touches and that nobody has to copy is left
out.

Adjacent chunks that agree in all are one chunk of the model where the background has nothing to do with
their parts: either no write touches them, and they are work for the background and nothing else, or they are
clean and no write leaves them dirty, and active writes take and release them together. Where both may meet,
each chunk stays: a piece of the background's run may end anywhere. So do all that are to be copied where
buffers are few.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterator
from itertools import pairwise
from math import gcd

from cowpath.model.scenarios.errors import ScenarioError
from cowpath.model.scenarios.geometry import MOST_GRAINS, Cell, Geometry, Range
from cowpath.model.scenarios.mirror import Mirror
from cowpath.model.scenarios.scenario import Request, Scenario
from cowpath.model.scenarios.sizes import SECTOR, show_bytes

MOST_CHUNKS = 8
"""Chunks that the model of a mirror may have."""


def reduce(scenario: Scenario) -> Geometry:
    """Give the smallest geometry that is equivalent. Raises ScenarioError when it has more than 8 chunks."""
    chunks: list[Range] = []
    for start, end in _runs(scenario):
        dirty, touched = _is_dirty(scenario, start, end), bool(_covering(scenario, start, end))
        if end - start <= _unit(scenario):
            if dirty or touched or _covering(scenario, *_whole_unit(scenario, start)):
                chunks += _split(scenario, start, end)
        elif (touched and may_be_dirty(scenario, start, end)) or (
            dirty and _job(scenario).buffers is not None
        ):
            chunks += _split(scenario, start, end)
        elif dirty or touched:
            chunks.append((start, end))
        if len(chunks) > MOST_CHUNKS:
            break
    return _geometry(scenario, chunks or [(0, min(scenario.cluster, scenario.size))])


def unreduced(scenario: Scenario) -> Geometry:
    """Give the plain geometry: every chunk, and one cell for every grain of the disk.

    Raises ScenarioError when it has more than 64 cells or 8 chunks.
    """
    edges = [edge for request in scenario.requests for edge in _extent(request)]
    grain = gcd(scenario.cluster, scenario.size, *edges)
    if (count := scenario.size // grain) > MOST_GRAINS:
        raise ScenarioError(
            f"{scenario.slug or scenario.name}: the unreduced disk has {count} cells of {show_bytes(grain)};"
            f" accepted: at most {MOST_GRAINS}"
        )
    return _geometry(scenario, list(_split(scenario, 0, scenario.size)), grain)


def may_be_dirty(scenario: Scenario, start: int, end: int) -> bool:
    """Tell whether the background may have to copy of the range: now, or because a write leaves it dirty."""
    job = _job(scenario)
    covering = _covering(scenario, start, end)
    left = job.copy_mode != "write-blocking" or scenario.option("requests_at_start")
    return _is_dirty(scenario, start, end) or bool(
        covering and (left or any(request.fault != "none" for request in covering))
    )


def _job(scenario: Scenario) -> Mirror:
    assert scenario.mirror is not None
    return scenario.mirror


def _unit(scenario: Scenario) -> int:
    return max(scenario.cluster, _job(scenario).target_cluster)


def _whole_unit(scenario: Scenario, start: int) -> Range:
    unit = _unit(scenario)
    return start - start % unit, start - start % unit + unit


def _extent(request: Request) -> Range:
    if request.offset is None or request.length is None:
        return 0, 0
    return request.offset, request.offset + request.length


def _covering(scenario: Scenario, start: int, end: int) -> list[Request]:
    """Return the requests that touch the range."""
    return [r for r in scenario.requests if _extent(r)[0] < end and start < _extent(r)[1]]


def _is_dirty(scenario: Scenario, start: int, end: int) -> bool:
    """Tell whether a chunk of the range is dirty at the start: a chunk that is so in part is so."""
    chunk = scenario.cluster
    start, end = start - start % chunk, end + -end % chunk
    return any(dirty[0] < end and start < dirty[1] for dirty in _job(scenario).dirty)


def _runs(scenario: Scenario) -> Iterator[Range]:
    """Yield ranges of whole units in which all chunks agree; a unit in which something changes is one."""
    size, unit = scenario.size, _unit(scenario)
    bounds = {0, size}
    cuts = [edge for request in scenario.requests for edge in _extent(request)]
    for edge in (*cuts, *(edge for dirty in _job(scenario).dirty for edge in dirty)):
        bounds |= {min(edge - edge % unit, size), min(edge + -edge % unit, size)}
    yield from pairwise(sorted(bounds))


def _split(scenario: Scenario, start: int, end: int) -> Iterator[Range]:
    for at in range(start, end, scenario.cluster):
        yield at, min(at + scenario.cluster, end)


def _geometry(scenario: Scenario, chunks: list[Range], grain: int | None = None) -> Geometry:
    if len(chunks) > MOST_CHUNKS:
        raise ScenarioError(
            f"{scenario.slug or scenario.name}: the mirror has more than {MOST_CHUNKS} chunks to tell apart; "
            "accepted: less that is dirty, smaller or fewer writes, or a larger cluster"
        )
    cells: list[Cell] = []
    covers: list[tuple[bool, ...]] = []
    for number, (start, end) in enumerate(chunks):
        edges = sorted({start, end, *(edge for r in scenario.requests for edge in _extent(r))})
        cuts = [edge for edge in edges if start <= edge <= end]
        if grain is not None:
            cuts = [*range(start, end, grain), end]
        classes: dict[tuple[bool, ...], list[Range]] = {}
        for low, high in pairwise(cuts):
            marks = tuple(_extent(r)[0] <= low and high <= _extent(r)[1] for r in scenario.requests)
            same = classes.setdefault(marks, [])
            if grain is not None:
                cells.append(Cell(((low, high),), number))
                covers.append(marks)
            elif same and same[-1][1] == low:
                same[-1] = (same[-1][0], high)
            else:
                same.append((low, high))
        if grain is None:
            cells += [Cell(tuple(ranges), number) for ranges in classes.values()]
            covers += classes
    starts = [start for start, _ in chunks]
    spans = [
        (bisect_right(starts, low) - 1, bisect_left(starts, high)) if low < high else (0, 0)
        for low, high in map(_extent, scenario.requests)
    ]
    own = tuple(tuple(marks[r] for marks in covers) for r in range(len(scenario.requests)))
    nothing, never = tuple((False,) * len(cells) for _ in own), (False,) * len(own)
    return Geometry(
        cells=tuple(cells),
        clusters=tuple(chunks),
        first=tuple(first for first, _ in spans),
        end=tuple(end for _, end in spans),
        covers=own,
        wide=own,
        proto_wide=own,
        reads=nothing,
        tail=nothing,
        wide_tail=nothing,
        part=tuple((0,) * len(cells) for _ in own),
        parts=(1,) * len(own),
        unaligned=never,
        proto_unaligned=never,
        whole_sectors=tuple(all(edge % SECTOR == 0 for edge in _extent(r)) for r in scenario.requests),
    )
