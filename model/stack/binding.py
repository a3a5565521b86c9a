"""From a scenario to an instance: the stack's parameter tables, and what each element is called."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

from cowpath.model.finite.instance import Instance, Table
from cowpath.model.scenarios.geometry import Geometry, in_bitmap, show_range
from cowpath.model.scenarios.scenario import Request, Scenario
from cowpath.model.scenarios.vocabulary import BUNDLED, NBD_WRITES, Vocabulary

MEMORY = 128 << 20
"""Bytes that all copies of block-copy have together (BLOCK_COPY_MAX_MEM)."""
MERGED = 16 << 10
"""Bytes that a guest write has at most if it reads what lies before and behind them at once."""
PHRASES = ("range", "clusters")
"""What may stand in braces in what a wait says of its holder."""


@dataclass(frozen=True)
class Element:
    """A request, or a piece of one: of request number `request`, from cluster `first` on.

    `parent`: whose piece it is, by its number among all elements; `depth`: 2 is a piece of a piece.
    `calls`: it is the one piece by which its request copies, with all its clusters, where there is a timeout.
    """

    request: int
    first: int
    end: int
    parent: int | None = None
    depth: int = 0
    calls: bool = False


def elements_of(scenario: Scenario, geometry: Geometry, splits: Mapping[str, int]) -> list[Element]:
    """Return the requests and then their pieces, one for each cluster at which one may begin.

    `splits`: the kinds of request that are cut, and how deep; a call, which has all clusters, is not counted.
    """
    spans = zip(geometry.first, geometry.end, strict=True)
    found = [Element(number, *span) for number, span in enumerate(spans)]
    for number, whole in enumerate(found):  # which grows
        kind = scenario.requests[whole.request].kind
        calls = scenario.option("cbw_timeout") and kind in NBD_WRITES
        if calls and not whole.depth:
            found.append(Element(whole.request, whole.first, whole.end, number, 1, calls=True))
        elif kind == "guest-write" and (
            whole.depth
            or (splits.get(kind, 0) < 2 and not _merged(scenario, scenario.requests[whole.request]))
        ):
            pass  # what it, or a run of it, reads at a time lies in one cluster
        elif whole.depth < splits.get(kind, 0) + calls and whole.end - whole.first > 1:
            found += [
                Element(whole.request, k, whole.end, number, whole.depth + 1)
                for k in range(whole.first, whole.end)
            ]
    return found


def bind(
    scenario: Scenario,
    geometry: Geometry,
    words: Vocabulary = BUNDLED,
    splits: Mapping[str, int] = MappingProxyType({}),
) -> Instance:
    """Return the instance that the scenario means in the geometry (reduced or not).

    `words`: those that the design knows, which are all that are bundled and then its own. `splits`: the kinds
    of request of which it has several parts in flight at once, and how deep. A piece has the row of its
    request in every table, cut to the clusters from its first on.
    """
    elements = elements_of(scenario, geometry, splits)
    requests = [scenario.requests[each.request] for each in elements]
    count, clusters = len(elements), range(len(geometry.clusters))

    def column(values: Sequence[int]) -> Table:
        return _column([values[each.request] for each in elements])

    def cut(rows: Sequence[Sequence[int]], cluster_of: Sequence[int]) -> Table:
        return _grid(
            [
                [
                    value if not each.depth or each.first <= k else 0
                    for value, k in zip(rows[each.request], cluster_of, strict=True)
                ]
                for each in elements
            ]
        )

    def sectors(rows: Sequence[Sequence[int]]) -> Table:
        return cut(rows, [cell.cluster for cell in geometry.cells])

    pieces = {(each.parent, each.first): n for n, each in enumerate(elements) if not each.calls}
    tables: dict[str, Table] = {
        "kind": _column([words.kinds.index(request.kind) for request in requests]),
        "fault": _column([words.faults.index(request.fault) for request in requests]),
        "stream": _column([r.stream and not each.depth for r, each in zip(requests, elements, strict=True)]),
        "covers": sectors(geometry.covers),
        "wide": sectors(geometry.wide),
        "protocol_wide": sectors(geometry.proto_wide),
        "reads": sectors(geometry.reads),
        "tail": sectors(geometry.tail),
        "wide_tail": sectors(geometry.wide_tail),
        "merged": _column([_merged(scenario, request) for request in requests]),
        "part": sectors(geometry.part),
        "parts": column(geometry.parts),
        "unaligned": column(geometry.unaligned),
        "protocol_unaligned": column(geometry.proto_unaligned),
        "whole_sectors": column(geometry.whole_sectors),
        "first": _column([each.first for each in elements]),
        "end": _column([each.end for each in elements]),
        "last": _column([max(each.end - 1, 0) for each in elements]),
        "parent": _column([count if each.parent is None else each.parent for each in elements]),
        "piece_at": {(i, k): pieces.get((i, k), count) for i in range(count) for k in clusters},
        "of_one": _grid(
            [[one is not other and one.request == other.request for other in elements] for one in elements]
        ),
        "deep": _column([each.depth > 1 for each in elements]),
        "is_call": _column([each.calls for each in elements]),
        "notices": {
            (i, j): int(_notices(scenario, one, other))
            for i, one in enumerate(requests)
            for j, other in enumerate(requests)
        },
        "gives_up": cut(
            [
                [_gives_up(scenario, request, *cluster) for cluster in geometry.clusters]
                for request in scenario.requests
            ],
            clusters,
        ),
        "ragged": _column([_ragged(scenario, request) for request in requests]),
        "in_bitmap": _column([in_bitmap(scenario, cluster) for cluster in geometry.clusters]),
        "beyond_budget": _column([end - start > MEMORY for start, end in geometry.clusters]),
        "cluster_of": _column([cell.cluster for cell in geometry.cells]),
        "copy_on_read": {(): int(scenario.copy_on_read)},
        **{o.parameter: {(): int(scenario.option(name))} for name, o in words.options.items()},
        "protocol_serialises": {(): int(any(geometry.proto_unaligned))},
    }
    cells = tuple("+".join(show_range(scenario, *span) for span in cell.ranges) for cell in geometry.cells)
    spans = tuple(f"cluster {show_range(scenario, *span)}" for span in geometry.clusters)
    names: list[str] = []
    for request, each in zip(requests, elements, strict=True):
        number = "copy" if each.calls else str(geometry.clusters[each.first][0] // scenario.cluster)
        names.append(request.label if each.parent is None else f"{names[each.parent]}.{number}")
    return Instance(
        {"Request": count, "Sector": len(cells), "Cluster": len(spans)},
        tables,
        {"Request": tuple(names), "Sector": cells, "Cluster": spans},
        {
            "range": tuple(_range(scenario, geometry, each) for each in elements),
            "clusters": tuple(_clusters(scenario, geometry, each) for each in elements),
        },
    )


def _range(scenario: Scenario, geometry: Geometry, each: Element) -> str:
    """Return the bytes of a request, or those of which a piece may have the first part."""
    request = scenario.requests[each.request]
    if request.offset is None or request.length is None:
        return "nothing"
    start = max(request.offset, geometry.clusters[each.first][0])
    return _part(each) + show_range(scenario, start, request.offset + request.length)


def _clusters(scenario: Scenario, geometry: Geometry, each: Element) -> str:
    """Return the clusters, likewise."""
    if each.first == each.end:
        return "nothing"
    start, end = geometry.clusters[each.first][0], geometry.clusters[each.end - 1][1]
    return _part(each) + show_range(scenario, start, end)


def _part(each: Element) -> str:
    return "part of " if each.depth and each.end - each.first > 1 else ""


def _notices(scenario: Scenario, one: Request, other: Request) -> bool:
    """Tell whether the wait for copies in flight, as called in 4.2, sees the other.

    It is given (start, length) where (start, end) is expected, so it takes its own length, in bytes from
    the start of the disk, for its end. Source: block/block-copy.c block_copy_wait_inflight_reqs (4.2).
    """
    if one.offset is None or one.length is None or other.offset is None or other.length is None:
        return False
    start, end = _covering(scenario, one.offset, one.length)
    other_start, other_end = _covering(scenario, other.offset, other.length)
    return other_end > start and other_start < end - start


def _gives_up(scenario: Scenario, request: Request, start: int, end: int) -> bool:
    """Tell whether the request, a client's discard or what it reads, contains the cluster, a full one.

    Source: block/copy-before-write.c cbw_co_pdiscard_snapshot, which rounds inwards (9.1).
    """
    discards = request.kind == "client-discard"
    discards = discards or (request.kind == "guest-read" and scenario.option("discard_source"))
    if not discards or request.offset is None or request.length is None:
        return False
    inside = request.offset <= start and end <= request.offset + request.length
    return inside and end - start == scenario.cluster


def _ragged(scenario: Scenario, request: Request) -> bool:
    """Tell whether the request ends inside a cluster that is not the disk's last, or begins inside one.

    Source: util/hbitmap.c hbitmap_reset, whose assertion leaves the disk's end alone.
    """
    if request.offset is None or request.length is None:
        return False
    end = request.offset + request.length
    return request.offset % scenario.cluster != 0 or (end % scenario.cluster != 0 and end != scenario.size)


def _merged(scenario: Scenario, request: Request) -> bool:
    """Tell whether a guest write reads head and tail, and its data between them, in one read.

    Source: block/qcow2-cluster.c perform_cow (2.10); where all of it is in one run of clusters.
    """
    if request.kind != "guest-write" or request.offset is None or request.length is None:
        return False
    ragged = all(edge % scenario.cluster for edge in (request.offset, request.offset + request.length))
    return ragged and request.length <= MERGED


def _covering(scenario: Scenario, offset: int, length: int) -> tuple[int, int]:
    """Return the covering range of clusters, in bytes."""
    size = scenario.cluster
    return offset // size * size, -(-(offset + length) // size) * size


def _column(values: Sequence[int]) -> Table:
    return {(i,): int(value) for i, value in enumerate(values)}


def _grid(rows: Sequence[Sequence[int]]) -> Table:
    return {(i, j): int(value) for i, row in enumerate(rows) for j, value in enumerate(row)}
