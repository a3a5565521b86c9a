"""Geometry: the few cells and clusters that a disk of any size comes down to for one scenario.

A request acts on byte ranges: its extent, the blocks it widens to, the pieces a zero-write is done in. The
model never reads a position itself, only these facts about it: which cluster it lies in, whether a request
covers it, whether it lies in the widened ranges, in which piece; and of clusters only their order. So bytes
of one cluster that agree in all these facts may share one *cell*, wherever they lie. This loses nothing: such
bytes start equal, every rule of the model treats them alike, hence they stay equal, and the map that gives
each byte its cell is a bisimulation between the model of the whole disk and the model of its cells.

Two more reductions concern whole clusters:

- A cluster that no request touches is dropped: nothing ever reads or changes it.
- A cluster of which no writer's own extent has a byte is never allocated in either overlay, nor copied by the
  job, also where a write is widened to it. A reader that arrives at it looks it up together with its
  unallocated neighbours, as one extent. So adjacent clusters of this sort whose bytes all agree about all
  requests are always looked up, waited for and read together: they are merged into one. A read of 64 MiB
  around a single write comes down to three clusters, and so does a block of 64 MiB around it.

`unreduced` builds the same structure without any of this, grain by grain, for comparison.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from math import gcd

from cowpath.model.scenarios.errors import ScenarioError
from cowpath.model.scenarios.scenario import Request, Scenario
from cowpath.model.scenarios.sizes import SECTOR, show_bytes, show_extent
from cowpath.model.scenarios.vocabulary import NBD_WRITES

MOST_WRITTEN_CLUSTERS = 4096
"""Clusters that one writing request may span; such clusters are not merged, each is one in the model."""
MOST_GRAINS = 64
"""Cells that an unreduced geometry may have."""

_LINE = 100  # characters of `describe`

Range = tuple[int, int]
"""A half-open range of bytes."""
Mark = tuple[bool, bool, bool, int, bool, bool]
"""What one request means to one byte: covers, wide, proto_wide, part, tail, wide_tail."""
Marks = tuple[Mark, ...]
"""The marks of all requests at one byte: bytes of a cluster with equal marks are one cell."""


@dataclass(frozen=True)
class Cell:
    """Bytes of one cluster that no request can tell apart: byte ranges in disk order, never adjacent."""

    ranges: tuple[Range, ...]
    cluster: int


@dataclass(frozen=True)
class Geometry:
    """Cells and clusters in disk order, and what each request means to them.

    `clusters` are byte ranges; a merged one spans several of the disk's clusters. A request r covers bytes of
    the clusters `first[r]` up to but not including `end[r]` (0, 0 without an extent). Per request and cell:

    - `covers`: the request's own extent;
    - `wide`: the extent rounded outwards to the secondary node's request alignment; for a guest write where
      that node copies on read, what it reads before its extent (see `reads`), likewise rounded;
    - `proto_wide`: what reaches the protocol node (`wide` of an unaligned write, else the extent) rounded
      outwards to that node's alignment;
    - `reads`: what the request reads: the extent of a guest read; for a guest write the rest of the clusters
      that it covers in part, since qcow2 copies their head and tail;
    - `tail`: of that what lies behind the extent, `wide_tail` rounded where the node copies on read;
    - `part`: the piece of a ragged zero-write, done one after another, in which the cell lies; 0 elsewhere.

    Per request: `parts` counts these pieces (1 for all others); `unaligned` and `proto_unaligned` tell that
    an NBD write does not fit the alignment of the node or of the one below it (an end at the disk's end
    fits); `whole_sectors` that both ends of the extent are multiples of 512 bytes (true without an extent).
    """

    cells: tuple[Cell, ...]
    clusters: tuple[Range, ...]
    first: tuple[int, ...]
    end: tuple[int, ...]
    covers: tuple[tuple[bool, ...], ...]
    wide: tuple[tuple[bool, ...], ...]
    proto_wide: tuple[tuple[bool, ...], ...]
    reads: tuple[tuple[bool, ...], ...]
    tail: tuple[tuple[bool, ...], ...]
    wide_tail: tuple[tuple[bool, ...], ...]
    part: tuple[tuple[int, ...], ...]
    parts: tuple[int, ...]
    unaligned: tuple[bool, ...]
    proto_unaligned: tuple[bool, ...]
    whole_sectors: tuple[bool, ...]


def reduce(scenario: Scenario) -> Geometry:
    """Give the smallest geometry that is equivalent to the scenario's disk.

    The time taken depends on the requests, not on the disk's length. Raises ScenarioError when a writing
    request spans more than 4096 clusters.
    """
    reaches = _reaches(scenario)
    cuts = _cuts(scenario, reaches)
    marks = [_marks(reaches, start) for start in cuts[:-1]]  # of the bytes from each cut to the next
    nothing = _marks(reaches, -1)
    clusters: list[Range] = []
    cells: list[tuple[Cell, Marks]] = []
    for start, end in pairwise(_run_bounds(scenario, reaches, cuts)):
        classes = _classes(start, end, cuts, marks)
        if classes.keys() != {nothing}:
            cells += [(Cell(tuple(ranges), len(clusters)), key) for key, ranges in classes.items()]
            clusters.append((start, end))
    if not clusters:  # only checkpoints and stops: the model still wants a disk
        clusters = [(0, min(scenario.cluster, scenario.size))]
        cells = [(Cell(tuple(clusters), 0), nothing)]
    return _geometry(scenario, reaches, clusters, cells)


def unreduced(scenario: Scenario, grain: int | None = None) -> Geometry:
    """Give the plain geometry: every cluster, and one cell for every grain of the disk.

    The grain, unless one is given that does, is the largest number of bytes that divides every size and every
    position that matters. This is the slow reference for `reduce`. Raises ScenarioError when it has more than
    64 cells.
    """
    reaches = _reaches(scenario)
    largest = gcd(scenario.cluster, *_cuts(scenario, reaches))
    grain = largest if grain is None else grain
    assert largest % grain == 0
    count = scenario.size // grain
    if count > MOST_GRAINS:
        raise ScenarioError(
            f"{scenario.slug or scenario.name}: the unreduced disk has {count} cells of {show_bytes(grain)};"
            f" accepted: at most {MOST_GRAINS}"
        )
    size, cluster = scenario.size, scenario.cluster
    clusters = [(start, min(start + cluster, size)) for start in range(0, size, cluster)]
    cells = [
        (Cell(((start, start + grain),), start // cluster), _marks(reaches, start))
        for start in range(0, size, grain)
    ]
    return _geometry(scenario, reaches, clusters, cells)


def show_range(scenario: Scenario, start: int, end: int) -> str:
    """Write the bytes [start, end) in the scenario's own unit: bytes if it uses units, else sectors."""
    return show_extent(start, end, scenario.in_bytes)


def in_bitmap(scenario: Scenario, cluster: Range) -> bool:
    """Tell whether the filter's bitmap, if it has one, has a byte of the cluster.

    Source: block/dirty-bitmap.c bdrv_dirty_bitmap_merge_internal, util/hbitmap.c hbitmap_merge (7.0).
    """
    start, end = cluster
    extents = _bitmap(scenario)
    return not extents or any(low < end and start < high for low, high in extents)


def _bitmap(scenario: Scenario) -> tuple[Range, ...]:
    said = scenario.options.get("bitmap")
    return said if isinstance(said, tuple) else ()


def describe(scenario: Scenario, geometry: Geometry) -> str:
    """Say in one line what the disk was reduced to, with as many of the cells as fit some 100 characters."""
    if scenario.in_bytes:
        disk = f"{show_bytes(scenario.size)} disk"
    else:
        disk = f"{scenario.size // SECTOR}-sector disk"
    clusters, cells = len(geometry.clusters), len(geometry.cells)
    unit = "chunk" if scenario.mirror else "cluster"
    line = f"{disk} reduced to {_plural(clusters, unit)} and {_plural(cells, 'cell')}:"
    for i, cell in enumerate(geometry.cells):
        text = show_range(scenario, *cell.ranges[0])
        if len(cell.ranges) > 1:
            second = show_range(scenario, *cell.ranges[1])
            text += f"+{second}" if len(cell.ranges) == 2 else "+..."
        room = _LINE if i == cells - 1 else _LINE - len(" ...")
        if len(line) + 1 + len(text) > room:
            return f"{line} ..."
        line += f" {text}"
    return line


def _plural(count: int, noun: str) -> str:
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"


# -- what a request reaches


@dataclass(frozen=True)
class _Reach:
    """The byte ranges of one request; all are empty without an extent."""

    covers: Range = (0, 0)
    wide: Range = (0, 0)
    tail: Range = (0, 0)
    wide_tail: Range = (0, 0)
    proto_wide: Range = (0, 0)
    pieces: tuple[Range, ...] = ((0, 0),)
    unaligned: bool = False
    proto_unaligned: bool = False

    def mark(self, byte: int) -> Mark:
        part = next((i for i, piece in enumerate(self.pieces) if _inside(byte, piece)), 0)
        covers, wide, proto_wide, tail, wide_tail = (
            _inside(byte, extent)
            for extent in (self.covers, self.wide, self.proto_wide, self.tail, self.wide_tail)
        )
        return covers, wide, proto_wide, part, tail, wide_tail


def _inside(byte: int, extent: Range) -> bool:
    return extent[0] <= byte < extent[1]


def _reaches(scenario: Scenario) -> list[_Reach]:
    return [_reach(scenario, request) for request in scenario.requests]


def _reach(scenario: Scenario, request: Request) -> _Reach:
    if request.offset is None or request.length is None:
        return _Reach()
    size = scenario.size
    extent = (request.offset, request.offset + request.length)
    if request.kind == "client-discard":  # never reaches the secondary disk
        return _Reach(covers=extent, wide=extent, proto_wide=extent)
    wide = _widen(extent, scenario.request_alignment, size)
    if request.kind == "guest-write":
        tail = (extent[1], _widen(extent, scenario.cluster, size)[1])
        head_blocks, tail_blocks = (wide, tail)
        if scenario.copy_on_read:
            head_blocks, tail_blocks = _read_around(extent, scenario)
        below = _widen(extent, scenario.protocol_alignment, size)
        return _Reach(extent, head_blocks, tail, tail_blocks, below)
    nbd = request.kind in NBD_WRITES
    unaligned = nbd and not _aligned(extent, scenario.request_alignment, size)
    below = wide if unaligned else extent
    ragged_zero = request.kind == "nbd-zero" and unaligned
    return _Reach(
        covers=extent,
        wide=wide,
        proto_wide=_widen(below, scenario.protocol_alignment, size),
        pieces=_pieces(extent, wide, scenario.request_alignment, size) if ragged_zero else (wide,),
        unaligned=unaligned,
        proto_unaligned=nbd and not _aligned(below, scenario.protocol_alignment, size),
    )


def _read_around(extent: Range, scenario: Scenario) -> tuple[Range, Range]:
    """Return what a guest write reads of its clusters before its extent and behind it, in whole blocks."""
    start, end = extent
    unit = scenario.request_alignment
    clusters = _widen(extent, scenario.cluster, scenario.size)
    left = start if start == clusters[0] else min(start + -start % unit, clusters[1])
    right = end if end == clusters[1] else max(end - end % unit, clusters[0])
    return (clusters[0], left), (right, clusters[1])


def _widen(extent: Range, unit: int, size: int) -> Range:
    start, end = extent
    return start - start % unit, min(end + -end % unit, size)


def _aligned(extent: Range, unit: int, size: int) -> bool:
    start, end = extent
    return start % unit == 0 and (end % unit == 0 or end == size)


def _pieces(extent: Range, wide: Range, unit: int, size: int) -> tuple[Range, ...]:
    """Cut the widened range of a ragged zero-write into head block, aligned middle and tail block.

    QEMU writes them one after another (bdrv_co_do_zero_pwritev, 2.8); empty ones are left out.
    """
    start, end = extent
    middle_start = min(start + -start % unit, wide[1])
    # Not before the head block's end: when both ends are ragged in one block, that block is the only piece.
    middle_end = wide[1] if _aligned((0, end), unit, size) else max(end - end % unit, middle_start)
    pieces = ((wide[0], middle_start), (middle_start, middle_end), (middle_end, wide[1]))
    return tuple(piece for piece in pieces if piece[0] < piece[1])


def _marks(reaches: Iterable[_Reach], byte: int) -> Marks:
    return tuple(reach.mark(byte) for reach in reaches)


def _cuts(scenario: Scenario, reaches: Iterable[_Reach]) -> list[int]:
    """Give, in order, the positions where marks change, with the disk's two ends."""
    cuts = {0, scenario.size}
    for reach in reaches:
        ranges = (reach.covers, reach.wide, reach.tail, reach.wide_tail, reach.proto_wide, *reach.pieces)
        for extent in ranges:
            cuts.update(extent)
    return sorted(cuts)


# -- runs of clusters


def _run_bounds(scenario: Scenario, reaches: Sequence[_Reach], cuts: Iterable[int]) -> list[int]:
    """Cut the disk into runs of clusters, each of which is one cluster of the reduced disk.

    A cluster with a cut inside, or in a writer's own extent, is a run of its own. The clusters between two
    such, or up to a cut that falls between clusters, are one run: all their bytes have the same marks, and
    the next run has others; where the filter has a bitmap, all are in it or none is. However many they are,
    they are never looked at one by one.
    """
    size, cluster = scenario.size, scenario.cluster
    bounds = {0, size}
    for cut in cuts:
        if cut < size:  # the disk's end is not inside a cluster, even when the last one is partial
            bounds.add(cut - cut % cluster)
            bounds.add(min(cut + -cut % cluster, size))
    for edge in (edge for extent in _bitmap(scenario) for edge in extent):
        bounds |= {min(edge - edge % cluster, size), min(edge + -edge % cluster, size)}
    for request, reach in zip(scenario.requests, reaches, strict=True):
        start, end = reach.covers
        if request.kind in ("guest-read", "status-query") or start == end:
            continue
        start -= start % cluster
        spanned = -(-(end - start) // cluster)
        if spanned > MOST_WRITTEN_CLUSTERS:
            raise ScenarioError(
                f"{scenario.slug or scenario.name}: request[{request.group}].at: {request.label} spans"
                f" {spanned} clusters; accepted: at most {MOST_WRITTEN_CLUSTERS} for a request that writes"
            )
        bounds.update(range(start, end, cluster))
        bounds.add(min(end + -end % cluster, size))
    return sorted(bounds)


def _classes(start: int, end: int, cuts: Sequence[int], marks: Sequence[Marks]) -> dict[Marks, list[Range]]:
    """Sort the bytes [start, end) by their marks, in the order in which the classes begin."""
    classes: dict[Marks, list[Range]] = {}
    for i in range(bisect_right(cuts, start) - 1, bisect_left(cuts, end)):
        classes.setdefault(marks[i], []).append((max(start, cuts[i]), min(end, cuts[i + 1])))
    return classes


# -- tables


def _geometry(
    scenario: Scenario,
    reaches: Sequence[_Reach],
    clusters: Sequence[Range],
    cells: Sequence[tuple[Cell, Marks]],
) -> Geometry:
    starts = [start for start, _ in clusters]
    spans = [_cluster_span(reach.covers, starts) for reach in reaches]
    tables = list(enumerate(scenario.requests))
    return Geometry(
        cells=tuple(cell for cell, _ in cells),
        clusters=tuple(clusters),
        first=tuple(first for first, _ in spans),
        end=tuple(end for _, end in spans),
        covers=tuple(tuple(marks[r][0] for _, marks in cells) for r, _ in tables),
        wide=tuple(tuple(marks[r][1] for _, marks in cells) for r, _ in tables),
        proto_wide=tuple(tuple(marks[r][2] for _, marks in cells) for r, _ in tables),
        reads=tuple(
            tuple(_reads(request, marks[r], cell.cluster, spans[r]) for cell, marks in cells)
            for r, request in tables
        ),
        tail=tuple(tuple(marks[r][4] for _, marks in cells) for r, _ in tables),
        wide_tail=tuple(tuple(marks[r][5] for _, marks in cells) for r, _ in tables),
        part=tuple(tuple(marks[r][3] for _, marks in cells) for r, _ in tables),
        parts=tuple(len(reach.pieces) for reach in reaches),
        unaligned=tuple(reach.unaligned for reach in reaches),
        proto_unaligned=tuple(reach.proto_unaligned for reach in reaches),
        whole_sectors=tuple(all(edge % SECTOR == 0 for edge in reach.covers) for reach in reaches),
    )


def _cluster_span(extent: Range, starts: Sequence[int]) -> Range:
    if extent[0] == extent[1]:
        return 0, 0
    return bisect_right(starts, extent[0]) - 1, bisect_left(starts, extent[1])


def _reads(request: Request, mark: Mark, cluster: int, span: Range) -> bool:
    if request.kind == "guest-read":
        return mark[0]
    return request.kind == "guest-write" and not mark[0] and span[0] <= cluster < span[1]
