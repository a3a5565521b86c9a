"""discard-source: what has been read is given up, which nobody waits for, from 9.1 on."""

from __future__ import annotations

from pathlib import Path

import pytest

from cowpath.conformance.campaign.tours import Graph, cover
from cowpath.conformance.monitor.oracle import Oracle
from cowpath.conformance.pairs import find_pair
from cowpath.conformance.runs.workload import Workload
from cowpath.conformance.scheduler.kernel import Kernel
from cowpath.conformance.scheduler.substrate import Greenlets
from cowpath.impl.design import Geometry
from cowpath.impl.stack import Stack
from cowpath.model.designs import ALL, Case
from cowpath.model.scenarios import ScenarioError, find

CLUSTER = 1024


def test_the_threads_make_every_step() -> None:
    scenario = find("discarded-under-a-read")
    workload = Workload(find_pair("copy-before-write-9.2"), scenario, Kernel(Greenlets()))
    assert cover(workload, Oracle(ALL["copy-before-write-9.2"], scenario)).complete
    workload.close()


def test_a_copy_may_land_after_the_discard() -> None:
    """Space is leaked: nobody may read it, and nothing copies or discards it again."""
    oracle = Oracle(ALL["copy-before-write-9.2"], find("discard-source"))
    leaked = [
        state
        for state in Graph(oracle).moves
        if all(oracle.place(state, each) == "done" for each in range(3))
        and oracle.value(state, "in_hidden", 0)
    ]
    assert leaked
    assert all(not oracle.value(state, "accessible", 0) for state in leaked)


@pytest.mark.parametrize("design", ["copy-before-write-7.0", "copy-before-write-7.1", "block-copy-5.1"])
def test_designs_without_it_say_so(design: str) -> None:
    with pytest.raises(ScenarioError, match="has no discard_source"):
        Case(ALL[design], find("discard-source"))


def test_what_is_read_is_gone_and_only_whole_clusters_of_it(tmp_path: Path) -> None:
    geometry = Geometry(4 * CLUSTER, CLUSTER, discard_source=True)
    with Stack(tmp_path, "copy-before-write-9.2", geometry) as stack:
        stack.nbd_write(0, b"n" * CLUSTER)
        assert stack.guest_read(0, CLUSTER + 512) == bytes(CLUSTER + 512)
        with pytest.raises(OSError, match="not accessible"):
            stack.guest_read(512, 512)
        assert stack.guest_read(CLUSTER, 512) == bytes(512)
        stack.nbd_write(CLUSTER, b"n" * CLUSTER)
        assert stack.guest_read(CLUSTER, CLUSTER) == bytes(CLUSTER)
        with pytest.raises(OSError, match="not accessible"):
            stack.guest_read(CLUSTER, 512)
