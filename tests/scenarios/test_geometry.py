"""The reduction of a disk to cells and clusters, by examples."""

from __future__ import annotations

import time
from dataclasses import replace

import pytest

from cowpath.model.scenarios import ScenarioError, loads
from cowpath.model.scenarios.geometry import Geometry, describe, reduce, show_range, unreduced
from tests.scenarios.disks import KIB, MIB, TIB, disk, request


def counts(geometry: Geometry) -> tuple[int, int]:
    return len(geometry.clusters), len(geometry.cells)


# -- examples


def test_the_example_of_the_rfc() -> None:
    scenario = loads(
        """
        name = "a write inside a block that is being read"
        sectors = "64MiB"
        cluster = "64KiB"
        [secondary]
        request_alignment = "4096B"
        [[request]]
        kind = "guest-read"
        at = ["0B", "4096B"]
        [[request]]
        kind = "nbd-write"
        at = ["512B", "512B"]
        """,
        "example",
    )
    geometry = reduce(scenario)
    assert geometry.clusters == ((0, 64 * KIB),)
    assert [cell.ranges for cell in geometry.cells] == [
        ((0, 512), (1024, 4096)),
        ((512, 1024),),
        ((4096, 64 * KIB),),
    ]
    assert (geometry.first, geometry.end) == ((0, 0), (1, 1))
    assert geometry.covers == ((True, True, False), (False, True, False))
    assert geometry.wide == geometry.proto_wide == ((True, True, False), (True, True, False))
    assert geometry.reads == ((True, True, False), (False, False, False))
    assert (geometry.unaligned, geometry.proto_unaligned) == ((False, True), (False, False))
    line = describe(scenario, geometry)
    assert line == (
        "64 MiB disk reduced to 1 cluster and 3 cells: [0, 512)+[1024, 4096) [512, 1024) [4096, 65536)"
    )


def test_a_long_read_around_a_write_gives_three_clusters() -> None:
    scenario = disk(
        64 * MIB, 64 * KIB, request("guest-read", 0, 64 * MIB), request("nbd-write", 32 * MIB, 64 * KIB, 1)
    )
    geometry = reduce(scenario)
    middle = 32 * MIB
    assert geometry.clusters == ((0, middle), (middle, middle + 64 * KIB), (middle + 64 * KIB, 64 * MIB))
    assert [cell.cluster for cell in geometry.cells] == [0, 1, 2]
    assert (geometry.first, geometry.end) == ((0, 1), (3, 2))


def test_a_partial_last_cluster_is_merged_like_any_other() -> None:
    scenario = disk(5 * 512, 1 * KIB, request("guest-read", 0, 5 * 512))
    assert reduce(scenario).clusters == ((0, 5 * 512),)


def test_a_written_cluster_is_never_merged() -> None:
    scenario = disk(8 * KIB, 1 * KIB, request("nbd-write", 0, 8 * KIB))
    assert counts(reduce(scenario)) == (8, 8)


def test_clusters_that_a_write_is_only_widened_to_are_one() -> None:
    scenario = disk(8 * KIB, 1 * KIB, request("nbd-write", 512, 512), request_alignment=4096)
    geometry = reduce(scenario)
    assert geometry.clusters == ((0, 1024), (1024, 4096))
    assert (geometry.first, geometry.end) == ((0,), (1,))
    assert geometry.unaligned == (True,)


def test_a_read_across_a_gap_of_other_readers_is_not_merged() -> None:
    scenario = disk(
        8 * KIB, 1 * KIB, request("guest-read", 0, 8 * KIB), request("guest-read", 2 * KIB, 1 * KIB, 1)
    )
    assert reduce(scenario).clusters == ((0, 2 * KIB), (2 * KIB, 3 * KIB), (3 * KIB, 8 * KIB))


def test_a_guest_write_reads_the_rest_of_its_clusters() -> None:
    scenario = disk(4 * KIB, 2 * KIB, request("guest-write", 512, 512))
    geometry = reduce(scenario)
    assert [cell.ranges for cell in geometry.cells] == [((0, 512),), ((512, 1024),), ((1024, 2048),)]
    assert geometry.reads == ((True, False, True),)
    assert geometry.tail == geometry.wide_tail == ((False, False, True),)


def test_without_any_extent_one_cluster_is_kept() -> None:
    geometry = reduce(disk(1 * TIB, 64 * KIB, request("checkpoint"), request("stop", index=1)))
    assert geometry.clusters == ((0, 64 * KIB),)
    assert [(cell.ranges, cell.cluster) for cell in geometry.cells] == [(((0, 64 * KIB),), 0)]
    assert (geometry.first, geometry.end, geometry.parts) == ((0, 0), (0, 0), (1, 1))
    assert geometry.covers == geometry.wide == geometry.proto_wide == geometry.reads == ((False,), (False,))
    assert (geometry.part, geometry.whole_sectors) == (((0,), (0,)), (True, True))


@pytest.mark.parametrize(
    ("offset", "length", "pieces"),
    [
        (0, 4096, [(0, 4096)]),  # aligned: one piece, and not unaligned
        (512, 512, [(0, 1024)]),  # one ragged end, one block
        (256, 128, [(0, 1024)]),  # both ends ragged in the same block
        (512, 1024, [(0, 1024), (1024, 2048)]),  # head and tail
        (512, 1536, [(0, 1024), (1024, 2048)]),  # head and middle
        (1024, 1536, [(1024, 2048), (2048, 3072)]),  # middle and tail
        (512, 3072, [(0, 1024), (1024, 3072), (3072, 4096)]),  # head, middle and tail
        (3584, 1024, [(3072, 4096), (4096, 4608)]),  # up to the disk's end, which counts as aligned
        (4096, 512, [(4096, 4608)]),
        (4352, 256, [(4096, 4608)]),
        (4096, 256, [(4096, 4608)]),
    ],
)
def test_a_ragged_zero_write_is_done_in_pieces(
    offset: int, length: int, pieces: list[tuple[int, int]]
) -> None:
    scenario = disk(4608, 512, request("nbd-zero", offset, length), request_alignment=1024)
    for geometry in (unreduced(scenario), reduce(scenario)):
        assert geometry.parts == (len(pieces),)
        for c, cell in enumerate(geometry.cells):
            start = cell.ranges[0][0]
            inside = [i for i, (low, high) in enumerate(pieces) if low <= start < high]
            assert geometry.wide[0][c] == bool(inside)
            assert geometry.part[0][c] == (inside[0] if inside else 0)


def test_the_protocol_node_sees_the_widened_write() -> None:
    ragged = disk(
        8 * KIB, 8 * KIB, request("nbd-write", 512, 512), request_alignment=1024, protocol_alignment=4096
    )
    geometry = reduce(ragged)
    assert (geometry.unaligned, geometry.proto_unaligned) == ((True,), (True,))
    assert [cell.ranges for cell in geometry.cells] == [
        ((0, 512),),
        ((512, 1024),),
        ((1024, 4096),),
        ((4096, 8192),),
    ]
    aligned_below = replace(ragged, request_alignment=4096)
    assert reduce(aligned_below).proto_unaligned == (False,)


def test_sub_sector_extents_are_told() -> None:
    scenario = disk(
        4096, 4096, request("nbd-write", 100, 412), request("nbd-write", 0, 512, 1), request_alignment=1
    )
    assert reduce(scenario).whole_sectors == (False, True)


# -- showing


def test_ranges_are_shown_in_the_unit_of_the_file() -> None:
    scenario = disk(4096, 4096, in_bytes=True)
    assert show_range(scenario, 512, 1024) == "[512, 1024)"
    assert show_range(replace(scenario, in_bytes=False), 512, 1024) == "[1, 2)"
    assert show_range(replace(scenario, in_bytes=False), 100, 1024) == "[100B, 1024B)"


def test_a_description_in_sectors() -> None:
    scenario = disk(2048, 2048, request("nbd-write", 512, 512), in_bytes=False)
    assert describe(scenario, reduce(scenario)) == (
        "4-sector disk reduced to 1 cluster and 2 cells: [0, 1)+[2, 4) [1, 2)"
    )


def test_a_long_description_is_cut() -> None:
    scenario = disk(MIB, 4096, request("nbd-write", 0, MIB), request("guest-read", 512, 3072, 1))
    line = describe(scenario, reduce(scenario))
    assert line.startswith(
        "1 MiB disk reduced to 256 clusters and 257 cells: [0, 512)+[3584, 4096) [512, 3584)"
    )
    assert line.endswith(" ...")
    assert len(line) <= 100


# -- size


def test_a_disk_of_a_tebibyte_is_reduced_quickly() -> None:
    scenario = disk(
        TIB,
        512,
        request("guest-read", 0, TIB),
        request("guest-read", TIB // 3, TIB // 3, 1),
        request("nbd-write", TIB // 2 + 100, 1000, 2),
        request("guest-write", TIB - MIB, MIB, 3),
        request_alignment=4096,
    )
    start = time.perf_counter()
    geometry = reduce(scenario)
    assert time.perf_counter() - start < 0.5
    # Written: 3 by the NBD write, with the rest of its block as one, all of the guest write's. Only read: at
    # each end of the second reader the cluster it cuts and the rest of its block; and the four long runs
    # between all these.
    assert len(geometry.clusters) == 3 + 1 + MIB // 512 + 2 * 2 + 4
    assert geometry.clusters[0] == (0, TIB // 3 // 4096 * 4096)
    assert geometry.clusters[-1] == (TIB - 512, TIB)


def test_a_writer_of_too_many_clusters_is_refused() -> None:
    most = 4096 * 64 * KIB
    assert counts(reduce(disk(TIB, 64 * KIB, request("nbd-write", 0, most)))) == (4096, 4096)
    for kind in ("nbd-write", "nbd-zero", "guest-write"):
        with pytest.raises(ScenarioError) as caught:
            reduce(disk(TIB, 64 * KIB, request("stop"), request(kind, 0, most + 1, 1)))
        assert str(caught.value) == (
            f"test: request[1].at: {kind} 1 spans 4097 clusters;"
            " accepted: at most 4096 for a request that writes"
        )
    widened = disk(TIB, 512, request("nbd-write", 0, 512), request_alignment=4 * MIB)
    assert counts(reduce(widened)) == (2, 2)


def test_the_plain_geometry_has_a_limit() -> None:
    assert counts(unreduced(disk(64 * 512, 512, request("guest-read", 0, 512)))) == (64, 64)
    with pytest.raises(ScenarioError, match="65 cells of 512 B; accepted: at most 64") as caught:
        unreduced(disk(65 * 512, 512, request("guest-read", 0, 512)))
    assert "\n" not in str(caught.value)
