"""The option `bitmap`: what it lacks is never copied, and refused to readers even where it was written."""

from dataclasses import replace

import pytest

from cowpath.conformance.campaign.tours import cover
from cowpath.conformance.monitor.oracle import Oracle
from cowpath.conformance.pairs import find_pair
from cowpath.conformance.runs.workload import Workload
from cowpath.conformance.scheduler.kernel import Kernel
from cowpath.conformance.scheduler.substrate import Greenlets
from cowpath.model.bench.check import check
from cowpath.model.designs import ALL, Case
from cowpath.model.language.verdict import Verdict
from cowpath.model.scenarios import ScenarioError, find, loads
from cowpath.model.scenarios.geometry import reduce, unreduced
from cowpath.model.scenarios.writing import dumps

KNOW = ("7.0", "7.1", "7.2.15", "9.1", "9.2")
NEWEST = ALL["copy-before-write-9.2"]
SCENARIO = find("bitmap")
WIDE_READ = """
name = "a read around a bitmap's edge"
sectors = "1MiB"
cluster = "64KiB"
[options]
bitmap = {bitmap}
[[request]]
kind = "guest-read"
at = ["0B", "1MiB"]
"""


def test_just_the_filters_with_snapshot_access_know_it() -> None:
    know = {name for name, design in ALL.items() if "bitmap" in design.options}
    assert know == {f"copy-before-write-{release}" for release in KNOW}


def test_nothing_falls_and_the_same_if_nothing_is_left_out_of_the_geometry() -> None:
    results = [check(Case(NEWEST, SCENARIO, reduced=reduced)) for reduced in (True, False)]
    assert [each.verdict for each in results] == [Verdict.HOLDS] * 2


def test_who_may_read_beyond_it_reads_what_was_never_copied() -> None:
    opened = NEWEST.system.without("snapshot.look", "what is left to read is accessible")
    result = check(Case(replace(NEWEST, build=lambda: opened), SCENARIO), properties=["snapshot"])
    trace = result.properties["snapshot"].trace
    assert trace is not None
    assert (trace.steps[-1].action, trace.steps[-1].owner) == ("snapshot.target", "guest-read 2")


def test_threads_make_every_step() -> None:
    workload = Workload(find_pair(NEWEST.name), SCENARIO, Kernel(Greenlets()))
    found = cover(workload, Oracle(NEWEST, SCENARIO))
    workload.close()
    assert (found.complete, found.alarm) == (True, None)


def test_clusters_that_are_read_together_are_told_apart_at_its_edges() -> None:
    scenario = loads(WIDE_READ.format(bitmap='[["100KiB", "512B"]]'), "wide")
    instance = Case(NEWEST, scenario).instance
    assert reduce(scenario).clusters == ((0, 65536), (65536, 131072), (131072, 1 << 20))
    assert instance.tables["in_bitmap"] == {(0,): 0, (1,): 1, (2,): 0}
    assert len(unreduced(scenario).clusters) == 16


def test_it_is_written_back() -> None:
    assert loads(dumps(SCENARIO), "bitmap").options == SCENARIO.options == {"bitmap": ((4096, 4608),)}


@pytest.mark.parametrize(
    ("bitmap", "says"),
    [
        ("true", "accepted: a list of [start, length]"),
        ("[]", "accepted: a list of [start, length]"),
        ('[["0B"]]', "accepted: [start, length]"),
        ('[["1MiB", "64KiB"]]', "accepted: what is not empty and within the 1048576 bytes of the disk"),
    ],
)
def test_another_is_refused(bitmap: str, says: str) -> None:
    with pytest.raises(ScenarioError, match=r"options\.bitmap") as refused:
        loads(WIDE_READ.format(bitmap=bitmap), "wide")
    assert str(refused.value).endswith(says)
