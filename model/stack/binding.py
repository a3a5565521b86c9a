"""From a scenario to an instance: the stack's parameter tables, and what each element is called."""

from __future__ import annotations

from collections.abc import Sequence

from cowpath.model.finite.instance import Instance, Table
from cowpath.model.scenarios.geometry import Geometry, show_range
from cowpath.model.scenarios.scenario import Request, Scenario
from cowpath.model.scenarios.vocabulary import BUNDLED, Vocabulary

PHRASES = ("range", "clusters")
"""What may stand in braces in what a wait says of its holder."""


def bind(scenario: Scenario, geometry: Geometry, words: Vocabulary = BUNDLED) -> Instance:
    """Return the instance that the scenario means in the geometry (reduced or not).

    `words`: those that the design knows, which are all that are bundled and then its own.
    """
    requests = scenario.requests
    tables: dict[str, Table] = {
        "kind": _column([words.kinds.index(request.kind) for request in requests]),
        "fault": _column([words.faults.index(request.fault) for request in requests]),
        "stream": _column([request.stream for request in requests]),
        "covers": _grid(geometry.covers),
        "wide": _grid(geometry.wide),
        "protocol_wide": _grid(geometry.proto_wide),
        "reads": _grid(geometry.reads),
        "part": _grid(geometry.part),
        "parts": _column(geometry.parts),
        "unaligned": _column(geometry.unaligned),
        "protocol_unaligned": _column(geometry.proto_unaligned),
        "whole_sectors": _column(geometry.whole_sectors),
        "first": _column(geometry.first),
        "end": _column(geometry.end),
        "notices": {
            (i, j): int(_notices(scenario, one, other))
            for i, one in enumerate(requests)
            for j, other in enumerate(requests)
        },
        "gives_up": _grid(
            [
                [_gives_up(scenario, request, *cluster) for cluster in geometry.clusters]
                for request in requests
            ]
        ),
        "ragged": _column([_ragged(scenario, request) for request in requests]),
        "cluster_of": _column([cell.cluster for cell in geometry.cells]),
        "copy_on_read": {(): int(scenario.copy_on_read)},
        **{o.parameter: {(): int(scenario.option(name))} for name, o in words.options.items()},
        "protocol_serialises": {(): int(any(geometry.proto_unaligned))},
    }
    sectors = tuple("+".join(show_range(scenario, *span) for span in cell.ranges) for cell in geometry.cells)
    clusters = tuple(f"cluster {show_range(scenario, *span)}" for span in geometry.clusters)
    return Instance(
        {"Request": len(requests), "Sector": len(sectors), "Cluster": len(clusters)},
        tables,
        {"Request": tuple(request.label for request in requests), "Sector": sectors, "Cluster": clusters},
        {
            "range": tuple(
                show_range(scenario, r.offset, r.offset + r.length)
                if r.offset is not None and r.length is not None
                else "nothing"
                for r in requests
            ),
            "clusters": tuple(
                show_range(scenario, geometry.clusters[first][0], geometry.clusters[end - 1][1])
                if first < end
                else "nothing"
                for first, end in zip(geometry.first, geometry.end, strict=True)
            ),
        },
    )


def _notices(scenario: Scenario, one: Request, other: Request) -> bool:
    """Tell whether the wait for copies in flight, as called in 4.2, sees the other.

    It is given (start, length) where (start, end) is expected, so it takes its own length, in bytes from
    the start of the disk, for its end. Source: block/block-copy.c block_copy_wait_inflight_reqs (4.2).
    """
    if one.offset is None or one.length is None or other.offset is None or other.length is None:
        return False
    start, end = _clusters(scenario, one.offset, one.length)
    other_start, other_end = _clusters(scenario, other.offset, other.length)
    return other_end > start and other_start < end - start


def _gives_up(scenario: Scenario, request: Request, start: int, end: int) -> bool:
    """Tell whether the request is a client's discard that contains the cluster, a full one.

    Source: block/copy-before-write.c cbw_co_pdiscard_snapshot, which rounds inwards (9.1).
    """
    if request.kind != "client-discard" or request.offset is None or request.length is None:
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


def _clusters(scenario: Scenario, offset: int, length: int) -> tuple[int, int]:
    """Return the covering range of clusters, in bytes."""
    size = scenario.cluster
    return offset // size * size, -(-(offset + length) // size) * size


def _column(values: Sequence[int]) -> Table:
    return {(i,): int(value) for i, value in enumerate(values)}


def _grid(rows: Sequence[Sequence[int]]) -> Table:
    return {(i, j): int(value) for i, row in enumerate(rows) for j, value in enumerate(row)}
