"""Replication and its several ends: what each release makes of them, and that threads make every step."""

import pytest

from cowpath.conformance.campaign.tours import cover
from cowpath.conformance.monitor.oracle import Oracle
from cowpath.conformance.pairs import find_pair
from cowpath.conformance.runs.workload import Workload
from cowpath.conformance.scheduler.kernel import Kernel
from cowpath.conformance.scheduler.substrate import Greenlets
from cowpath.model.bench.check import check
from cowpath.model.designs import ALL, Case
from cowpath.model.finite.instances import Instances
from cowpath.model.scenarios import find
from tests.expectations import expected

ENDS = ("exit", "stopped-twice", "exit-and-stop")
NAMES = ("replication-4.1", "replication-4.2", "replication-5.0", "replication-5.1")


@pytest.mark.parametrize("slug", ENDS)
def test_the_job_is_cancelled_twice_up_to_5_0(slug: str) -> None:
    twice = ["lifetime"] if slug != "stopped-twice" else []
    assert list(expected("replication-4.1")[slug]["violated"]) == twice
    assert list(expected("replication-4.2")[slug]["violated"]) == ["lifetime"]  # a stop frees too early
    assert list(expected("replication-5.0")[slug]["violated"]) == twice
    assert not expected("replication-5.1")[slug]["violated"]


def test_what_comes_after_the_end_is_an_error_before_5_0() -> None:
    labels = {name: {action.label for action in ALL[name].system.actions} for name in NAMES}
    assert ["stop.ignored" in labels[name] for name in NAMES] == [False, False, True, True]
    assert ["checkpoint.ignored" in labels[name] for name in NAMES] == [False, False, True, True]


def test_who_drains_where_it_begins_is_grounded_with_others() -> None:
    """A checkpoint in both: what is pending is asked of it, and not of any kind that others have there."""
    cases = [Case(ALL["replication-4.1"], find(slug)).instance for slug in ("exit-and-stop", "stopped-twice")]
    assert Instances.of(ALL["replication-4.1"].system, cases).ground().pending


@pytest.mark.parametrize("name", ["merged-2.8", "block-copy-5.0", *NAMES])
def test_threads_make_every_step_of_the_ends(name: str) -> None:
    for slug in ENDS:
        if ALL[name].unsupported(find(slug)) is None:
            workload = Workload(find_pair(name), find(slug), Kernel(Greenlets()))
            found = cover(workload, Oracle(ALL[name], find(slug)))
            workload.close()
            assert (found.complete, found.alarm) == (True, None), slug


@pytest.mark.parametrize("name", ["block-copy-5.0", "replication-5.0"])
def test_a_second_stop_is_an_error_and_later_ignored(name: str) -> None:
    labels = {action.label for action in ALL[name].system.actions}
    assert ("stop.ignored" in labels) == (name == "replication-5.0")
    result = check(Case(ALL[name], find("stopped-twice")), properties=["finished", "lifetime"])
    assert not result.violated
