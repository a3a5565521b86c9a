"""Drained sections by release: what each row of scenarios comes to; threads make every step of it."""

import pytest

from cowpath.conformance.campaign.tours import cover
from cowpath.conformance.monitor.oracle import Oracle
from cowpath.conformance.pairs import find_pair
from cowpath.conformance.runs.workload import Workload
from cowpath.conformance.scheduler.kernel import Kernel
from cowpath.conformance.scheduler.substrate import Greenlets
from cowpath.model.bench.check import check
from cowpath.model.designs import EXTENDED, Case
from cowpath.model.scenarios import find
from cowpath.model.scenarios.scenario import loads
from tests.expectations import expected

ROWS = {
    "drained-twice": (("quiet",), ("deadlock",), ("quiet",), ()),
    "drain-among-writes": (("progress", "quiet"), ("deadlock",), (), ()),
    "drained-job": (None, ("deadlock",), ("deadlock",), ("deadlock",)),
    "drain-unaligned": (("deadlock", "quiet"), ("deadlock",), (), ()),
    "drain-and-job": (("quiet",), ("deadlock",), (), ()),
    "woken-at-checkpoint": (("quiet",), ("deadlock",), ("quiet", "snapshot"), ()),
    "checkpoint": ((), (), (), ()),
    "stop": ((), ("deadlock", "lifetime"), (), ()),
    "stopped-twice": ((), ("deadlock", "lifetime"), ("quiet",), ()),
}
WIDE = """
name = "a wide write"
sectors = "128KiB"
cluster = "64KiB"
[[request]]
kind = "nbd-write"
at = ["0B", "128KiB"]
fault = "cbw-write"
[[request]]
kind = "drain"
"""
DRAINS = ("drain-4.1", "drain-4.2", "drain-5.0", "drain-5.1", "drain-10.2")


@pytest.mark.parametrize("slug", ROWS)
def test_what_a_drained_section_meets_by_release(slug: str) -> None:
    first, queue, later, last = ROWS[slug]
    for name, violated in zip(DRAINS, (first, queue, later, later, last), strict=True):
        found = expected(name).get(slug)
        assert (None if found is None else tuple(sorted(found["violated"]))) == violated, name


@pytest.mark.parametrize("name", [name for name in DRAINS if name != "drain-5.1"])  # its wide write: below
def test_threads_make_every_step_and_are_refused_nothing_else(name: str) -> None:
    for slug in ("drained-twice", "drain-and-job", *(("stop",) if name == "drain-4.2" else ())):
        workload = Workload(find_pair(name), find(slug), Kernel(Greenlets()))
        found = cover(workload, Oracle(EXTENDED[name], find(slug)))
        workload.close()
        assert (found.complete, found.alarm) == (True, None), slug


def test_the_drain_waits_for_both_who_wait_for_each_other() -> None:
    result = check(Case(EXTENDED["drain-4.1"], find("drain-unaligned")), properties=["deadlock"])
    trace = result.properties["deadlock"].trace
    assert trace is not None
    assert {edge.waiter.split()[0] for edge in trace.cycle} == {"guest-read", "nbd-write"}


def test_the_write_that_runs_in_the_second_section_was_woken_by_the_first() -> None:
    result = check(Case(EXTENDED["drain-5.0"], find("drained-twice")), properties=["quiet"])
    trace = result.properties["quiet"].trace
    assert trace is not None
    steps = [step.action for step in trace.steps]
    assert steps.index("drain.end") < steps.index("drain.resume")
    assert steps.count("drain.drained") == 2


def test_a_stop_keeps_out_whom_it_would_have_to_wait_for() -> None:
    """In 4.2 a request that is queued is waited for, and waits itself; from 5.0 on it comes in behind."""
    hangs = check(Case(EXTENDED["drain-4.2"], find("stop")), properties=["deadlock"])
    trace = hangs.properties["deadlock"].trace
    assert trace is not None
    assert {edge.waiter.split()[0] for edge in trace.cycle} >= {"stop"}
    passes = check(Case(EXTENDED["replication-5.1"], find("drain-among-writes")), properties=["progress"])
    assert not passes.violated


def test_a_section_waits_for_a_write_whose_copies_are_under_way() -> None:
    """From 5.1 on its pieces copy, and it waits for them: they are not counted, it is."""
    scenario = loads(WIDE, "a wide write")
    result = check(Case(EXTENDED["drain-10.2"], scenario))
    assert not result.violated
    assert any(".piece" in action.label for action in EXTENDED["drain-10.2"].system.actions)
    workload = Workload(find_pair("drain-10.2"), scenario, Kernel(Greenlets()))
    found = cover(workload, Oracle(EXTENDED["drain-10.2"], scenario))
    workload.close()
    assert (found.complete, found.alarm) == (True, None)
