"""The reduction of a disk, whatever the disk: against the plain geometry and the definitions."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from itertools import pairwise
from math import gcd

from hypothesis import assume, given
from hypothesis import strategies as st

from cowpath.model.scenarios import Scenario
from cowpath.model.scenarios.geometry import Geometry, describe, reduce, unreduced
from cowpath.model.scenarios.vocabulary import IO_KINDS, KINDS, NBD_WRITES
from tests.scenarios.disks import TIB, disk, request


def facts(geometry: Geometry, r: int, c: int) -> tuple[bool | int, ...]:
    return (
        geometry.covers[r][c],
        geometry.wide[r][c],
        geometry.proto_wide[r][c],
        geometry.reads[r][c],
        geometry.tail[r][c],
        geometry.wide_tail[r][c],
        geometry.part[r][c],
    )


def flags(geometry: Geometry) -> tuple[object, ...]:
    return geometry.parts, geometry.unaligned, geometry.proto_unaligned, geometry.whole_sectors


def tables(geometry: Geometry) -> tuple[object, ...]:
    """Give everything but the positions."""
    return (
        [cell.cluster for cell in geometry.cells],
        (geometry.first, geometry.end, geometry.covers, geometry.wide, geometry.proto_wide, geometry.reads),
        (geometry.tail, geometry.wide_tail, geometry.part, *flags(geometry)),
    )


# Not drawn as the workloads of a campaign are: a geometry is of any disk and any extents, with blocks that no
# model has, and larger than one that is explored.
@st.composite
def small(draw: Callable[..., object]) -> Scenario:
    """Draw a scenario whose plain geometry has at most 64 cells; extents may cut sectors."""

    def integer(low: int, high: int) -> int:
        value = draw(st.integers(low, high))
        assert isinstance(value, int)
        return value

    unit = (128, 512)[integer(0, 1)]
    sectors = integer(1, 16 if unit == 128 else 40)
    size = sectors * 512
    requests = []
    for i in range(integer(1, 4)):
        kind = KINDS[integer(0, len(KINDS) - 1)]
        if kind in IO_KINDS:
            offset = integer(0, size // unit - 1)
            length = integer(1, size // unit - offset)
            requests.append(request(kind, offset * unit, length * unit, i))
        else:
            requests.append(request(kind, index=i))
    return disk(
        size,
        integer(1, 8) * 512,
        *requests,
        request_alignment=unit << integer(0, 4),
        protocol_alignment=unit << integer(0, 4),
        copy_on_read=bool(integer(0, 1)),
    )


def blocks(atoms: set[int], atom: int, unit: int, size: int) -> set[int]:
    """Widen a set of atoms (of `atom` bytes each) to whole blocks of `unit` bytes, clipped to the disk."""
    touched = {a * atom // unit for a in atoms}
    return {a for a in range(size // atom) if a * atom // unit in touched}


@given(small())
def test_the_plain_geometry_follows_the_definitions(scenario: Scenario) -> None:
    """Say each definition again as sets of atoms, without any arithmetic on the ends."""
    geometry = unreduced(scenario)
    size, cluster = scenario.size, scenario.cluster
    grain = geometry.cells[0].ranges[0][1]
    starts = range(0, size, grain)
    assert [cell.ranges for cell in geometry.cells] == [((at, at + grain),) for at in starts]
    assert [cell.cluster for cell in geometry.cells] == [at // cluster for at in starts]
    assert geometry.clusters == tuple((at, min(at + cluster, size)) for at in range(0, size, cluster))
    # A grain may straddle blocks that are all covered; an atom never does.
    atom = gcd(grain, 512, scenario.request_alignment, scenario.protocol_alignment)
    every = range(size // atom)

    def where(row: tuple[bool, ...]) -> set[int]:
        return {a for a in every if row[a * atom // grain]}

    for r, what in enumerate(scenario.requests):
        covers: set[int] = set()
        if what.offset is not None and what.length is not None:
            covers = {a for a in every if what.offset <= a * atom < what.offset + what.length}
        wide = blocks(covers, atom, scenario.request_alignment, size)
        nbd = what.kind in NBD_WRITES
        unaligned = nbd and wide != covers
        below = wide if unaligned else covers
        proto = blocks(below, atom, scenario.protocol_alignment, size)
        around = blocks(covers, atom, cluster, size)
        reads = {"guest-read": covers, "guest-write": around - covers}.get(what.kind, set())
        tail = {a for a in reads if what.kind == "guest-write" and a > max(covers)}
        wide_tail = tail
        if what.kind == "guest-write" and scenario.copy_on_read:
            wide, wide_tail = (
                blocks(end, atom, scenario.request_alignment, size) & around for end in (reads - tail, tail)
            )
        elif what.kind == "client-discard":  # which never comes to these nodes
            wide = proto = covers
        assert where(geometry.covers[r]) == covers
        assert where(geometry.wide[r]) == wide
        assert where(geometry.proto_wide[r]) == proto
        assert where(geometry.reads[r]) == reads
        assert where(geometry.tail[r]) == tail
        assert where(geometry.wide_tail[r]) == wide_tail
        assert geometry.whole_sectors[r] == (blocks(covers, atom, 512, size) == covers)
        assert geometry.unaligned[r] == unaligned
        assert geometry.proto_unaligned[r] == (nbd and proto != below)
        touched = sorted({a * atom // cluster for a in covers})
        assert list(range(geometry.first[r], geometry.end[r])) == touched
        # Pieces: blocks that are covered in part stand alone, those between them go together.
        order = sorted(wide)
        parts = [geometry.part[r][a * atom // grain] for a in order]
        assert parts == sorted(parts)
        if what.kind == "nbd-zero" and unaligned:
            assert set(parts) == set(range(geometry.parts[r]))
            ragged = blocks(wide - covers, atom, scenario.request_alignment, size)
            for (left, right), (one, other) in zip(pairwise(order), pairwise(parts), strict=True):
                unit = scenario.request_alignment
                same_block = left * atom // unit == right * atom // unit
                assert (one == other) == (same_block or (left not in ragged and right not in ragged))
        else:
            assert geometry.parts[r] == 1
            assert not any(parts)


@given(small())
def test_the_reduction_is_a_quotient_of_the_plain_geometry(scenario: Scenario) -> None:
    plain, reduced = unreduced(scenario), reduce(scenario)
    assert flags(plain) == flags(reduced)
    requests = range(len(scenario.requests))
    touched = [any(any(facts(plain, r, g)[:3]) for r in requests) for g in range(len(plain.cells))]
    cell_of: dict[int, int] = {}
    for g, grain in enumerate(plain.cells):
        (low, high) = grain.ranges[0]
        homes = [
            c for c, cell in enumerate(reduced.cells) if any(a <= low and high <= b for a, b in cell.ranges)
        ]
        overlapping = [
            c for c, cell in enumerate(reduced.cells) if any(a < high and low < b for a, b in cell.ranges)
        ]
        assert homes == overlapping
        assert len(homes) <= 1
        if homes:
            cell_of[g] = homes[0]
            assert all(facts(plain, r, g) == facts(reduced, r, homes[0]) for r in requests)
            (start, end) = reduced.clusters[reduced.cells[homes[0]].cluster]
            assert start <= low < high <= end
        else:
            assert not touched[g]
    if any(touched):
        # A cluster is kept exactly when something in it is touched.
        wanted = {plain.cells[g].cluster for g, is_touched in enumerate(touched) if is_touched}
        assert {plain.cells[g].cluster for g in cell_of} == wanted
    # Cluster order is kept, and each request's clusters go over into each other.
    image = [reduced.cells[cell_of[g]].cluster for g in sorted(cell_of)]
    assert image == sorted(image)
    for r in requests:
        spanned = {
            reduced.cells[cell_of[g]].cluster
            for g in cell_of
            if plain.first[r] <= plain.cells[g].cluster < plain.end[r]
        }
        assert sorted(spanned) == list(range(reduced.first[r], reduced.end[r]))


@given(small())
def test_the_reduction_is_well_formed(scenario: Scenario) -> None:
    geometry = reduce(scenario)
    for cell in geometry.cells:
        edges = [edge for extent in cell.ranges for edge in extent]
        assert edges == sorted(set(edges))  # in order, not empty, never adjacent
    bytes_of = [
        sum(end - start for cell in geometry.cells if cell.cluster == k for start, end in cell.ranges)
        for k in range(len(geometry.clusters))
    ]
    assert bytes_of == [end - start for start, end in geometry.clusters]
    order = [(cell.cluster, cell.ranges[0]) for cell in geometry.cells]
    assert order == sorted(order)
    assert len(describe(scenario, geometry)) <= 100


@given(small())
def test_the_reduction_is_smallest(scenario: Scenario) -> None:
    """No two cells of a cluster agree about everything, nor do two neighbours that only readers touch."""
    geometry = reduce(scenario)
    requests = range(len(scenario.requests))
    keys = [tuple(facts(geometry, r, c) for r in requests) for c in range(len(geometry.cells))]
    in_cluster = [
        [key for cell, key in zip(geometry.cells, keys, strict=True) if cell.cluster == k]
        for k in range(len(geometry.clusters))
    ]
    for own in in_cluster:
        assert len(set(own)) == len(own)
    writers = [r for r in requests if scenario.requests[r].kind not in ("guest-read", "status-query")]
    for k in range(len(in_cluster) - 1):
        if geometry.clusters[k][1] == geometry.clusters[k + 1][0] and len(in_cluster[k]) == 1:
            written = any(any(in_cluster[k][0][r][:3]) for r in writers)
            assert written or in_cluster[k] != in_cluster[k + 1]


@given(small())
def test_reducing_a_reduced_disk_changes_nothing(scenario: Scenario) -> None:
    """Rebuild the disk from the clusters that were kept, merged ones as one cluster; reduce it again."""
    assume(scenario.cluster % scenario.request_alignment == 0)
    assume(scenario.cluster % scenario.protocol_alignment == 0)
    geometry = reduce(scenario)
    starts, at = [], 0
    for start, end in geometry.clusters:
        starts.append(at)
        at += min(end - start, scenario.cluster)

    def moved(edge: int, k: int) -> int:
        return starts[k] + min(edge - geometry.clusters[k][0], scenario.cluster)

    requests = []
    for r, what in enumerate(scenario.requests):
        if what.offset is not None and what.length is not None:
            offset = moved(what.offset, geometry.first[r])
            end = moved(what.offset + what.length, geometry.end[r] - 1)
            requests.append(replace(what, offset=offset, length=end - offset))
        else:
            requests.append(what)
    again = reduce(replace(scenario, size=at, requests=tuple(requests)))
    assert tables(again) == tables(geometry)


@given(small(), st.integers(1, 20))
def test_scaling_everything_changes_nothing(scenario: Scenario, power: int) -> None:
    def scaled(size: int | None) -> int | None:
        return None if size is None else size << power

    larger = replace(
        scenario,
        size=scenario.size << power,
        cluster=scenario.cluster << power,
        request_alignment=scenario.request_alignment << power,
        protocol_alignment=scenario.protocol_alignment << power,
        requests=tuple(
            replace(what, offset=scaled(what.offset), length=scaled(what.length))
            for what in scenario.requests
        ),
    )
    one, other = reduce(scenario), reduce(larger)
    # Larger extents may come to end on sector boundaries; nothing else may change.
    assert tables(replace(one, whole_sectors=())) == tables(replace(other, whole_sectors=()))


@given(small(), st.integers(1, TIB // 4096))
def test_a_longer_disk_changes_nothing(scenario: Scenario, more: int) -> None:
    """Add untouched clusters; the disk's end must not have served as an alignment before."""
    whole = max(scenario.cluster, scenario.request_alignment, scenario.protocol_alignment)
    assume(whole % scenario.cluster == whole % scenario.request_alignment == 0)
    assume(scenario.size % whole == whole % scenario.protocol_alignment == 0)
    assert reduce(replace(scenario, size=scenario.size + more * 512)) == reduce(scenario)
