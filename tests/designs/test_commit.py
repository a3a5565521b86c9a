"""The commit at a failover: what the guest keeps, by release, and that threads make every step of it."""

from dataclasses import replace

import pytest

from cowpath.conformance.campaign.tours import cover
from cowpath.conformance.monitor.oracle import Oracle
from cowpath.conformance.pairs import find_pair
from cowpath.conformance.runs.workload import Workload
from cowpath.conformance.scheduler.kernel import Kernel
from cowpath.conformance.scheduler.substrate import Greenlets
from cowpath.model.bench.check import Result, check
from cowpath.model.designs import EXTENDED, Case
from cowpath.model.designs.design import Design
from cowpath.model.scenarios import find, loads
from tests.expectations import expected

DESIGN = EXTENDED["replication-5.1"]
ROWS = {
    "commit": ([], []),
    "commit-and-late-write": (["failover"], ["failover"]),
    "ends-during-commit": (["lifetime"], []),
    "commit-fails": (["failover"], ["failover"]),
    "ends-after-failed-commit": (["lifetime"], []),
}


def checked(design: Design, slug: str) -> Result:
    return check(Case(design, find(slug)), properties=["failover", "quiet", "finished"])


@pytest.mark.parametrize("slug", ROWS)
def test_what_comes_of_a_failover(slug: str) -> None:
    first, later = ROWS[slug]
    assert list(expected("replication-5.0")[slug]["violated"]) == first
    assert list(expected("replication-5.1")[slug]["violated"]) == later


@pytest.mark.parametrize("slug", ["commit", "commit-and-late-write", "ends-after-failed-commit"])
def test_threads_make_every_step(slug: str) -> None:
    workload = Workload(find_pair("replication-5.1"), find(slug), Kernel(Greenlets()))
    found = cover(workload, Oracle(DESIGN, find(slug)))
    workload.close()
    assert (found.complete, found.alarm) == (True, None)


def test_the_late_write_comes_after_the_copy_or_after_the_end() -> None:
    trace = checked(DESIGN, "commit-and-late-write").properties["failover"].trace
    assert trace is not None
    steps = [step.action for step in trace.steps]
    assert "failover.start" in steps
    assert steps.index("failover.start") < steps.index("write.data")


def test_the_end_of_a_commit_looks_once_more() -> None:
    """Without that what the guest writes before nothing is in flight is lost with the active disk."""
    less = replace(DESIGN, build=lambda: DESIGN.system.without("commit.end", "nothing is dirty"))
    assert not checked(DESIGN, "commit").violated
    assert list(checked(less, "commit").violated) == ["failover"]


FAILING = """
name = "a failing commit of two clusters"
sectors = "128KiB"
cluster = "64KiB"
[[request]]
kind = "{first}"
at = ["0B", "64KiB"]
[[request]]
kind = "guest-write"
at = ["60KiB", "8KiB"]
fault = "{guest}"
[[request]]
kind = "failover"
fault = "{commit}"
"""


@pytest.mark.parametrize(
    ("first", "commit", "guest"),
    [
        ("nbd-write", "hidden-read", "none"),
        ("guest-write", "active-read", "secondary-write"),
        ("guest-write", "secondary-write", "none"),
    ],
)
def test_threads_make_every_step_of_a_failing_one(first: str, commit: str, guest: str) -> None:
    scenario = loads(FAILING.format(first=first, commit=commit, guest=guest), "failing")
    workload = Workload(find_pair("replication-5.1"), scenario, Kernel(Greenlets()))
    found = cover(workload, Oracle(DESIGN, scenario))
    workload.close()
    assert (found.complete, found.alarm) == (True, None)


def test_the_write_that_is_lost_goes_past_one_that_was_let_in_before_replication_was_told() -> None:
    trace = checked(DESIGN, "commit-fails").properties["failover"].trace
    assert trace is not None
    steps = [(step.action, step.owner) for step in trace.steps]
    filler, lost = steps[-1][1], next(owner for action, owner in steps if action == "guest.beside")
    told = next(i for i, (action, _) in enumerate(steps) if action == "commit.failed")
    assert steps.index(("guest.begin", filler)) < told < steps.index(("guest.look-above", lost))
