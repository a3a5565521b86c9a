"""A block status that changes inside a cluster: zeroes of a part of it are copied as data."""

import os
from pathlib import Path

import pytest

from cowpath.conformance.campaign.tours import cover
from cowpath.conformance.monitor.oracle import Oracle
from cowpath.conformance.pairs import find_pair
from cowpath.conformance.runs.workload import Workload
from cowpath.conformance.scheduler.kernel import Kernel
from cowpath.conformance.scheduler.substrate import Greenlets
from cowpath.impl.context import AioContext
from cowpath.impl.disk import Disk, open_file
from cowpath.impl.extent import Extent
from cowpath.impl.sync import Threads
from cowpath.model.designs import ALL
from cowpath.model.scenarios import Scenario, find, loads

TWO = """
name = "zeroes of two clusters"
sectors = "128KiB"
cluster = "64KiB"
[options]
zeroes = true
[[request]]
kind = "nbd-write"
at = ["0B", "128KiB"]
[[request]]
kind = "guest-read"
at = ["0B", "4096B"]
"""


@pytest.mark.parametrize(
    ("design", "scenario"),
    [
        ("block-copy-5.0", find("zeroes")),
        ("block-copy-5.1", loads(TWO, "two")),
        ("copy-before-write-9.2", loads(TWO, "two")),
    ],
    ids=["part", "two-5.1", "two-9.2"],
)
def test_threads_make_every_step(design: str, scenario: Scenario) -> None:
    workload = Workload(find_pair(design), scenario, Kernel(Greenlets()))
    found = cover(workload, Oracle(ALL[design], scenario))
    workload.close()
    assert (found.complete, found.alarm) == (True, None)


def test_who_asks_for_block_status_knows_it() -> None:
    know = {name for name, design in ALL.items() if "zeroes" in design.options}
    assert {"block-copy-5.0", "replication-5.1", "drain-10.2", "copy-before-write-7.0"} <= know
    assert not {"block-copy-4.2", "fleecing-4.1", "rfc-2016", "drain-4.2"} & know


@pytest.mark.parametrize(
    ("status", "whole"),
    [
        ((0, 10), (0, 10)),  # part of the first
        ((0, 15), (0, 10)),  # the first and part of the second
        ((10, 30), (10, 30)),
        ((10, 37), (10, 37)),  # the last one is partial
        ((30, 33), (30, 37)),
    ],
)
def test_status_is_rounded_down_but_to_one_cluster_at_least(
    status: tuple[int, int], whole: tuple[int, int]
) -> None:
    assert Extent(*status).whole_units(10, 37) == whole
    assert Extent(0, 4).whole_units(10, 37) == (0, 10)


def test_a_hole_in_a_file_is_zeroes(tmp_path: Path) -> None:
    file = open_file(tmp_path / "disk", 1 << 20, keep=False)
    disk = Disk(AioContext(Threads()), "disk", file, 1 << 20)
    os.pwrite(file, bytes(65536), 65536)
    assert disk.same_status(Extent(0, 1 << 20)) == ((0, 65536), True)
    assert disk.same_status(Extent(65536, 1 << 20)) == ((65536, 131072), False)
    os.close(file)
