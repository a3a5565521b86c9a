"""A discard on the source fails, or never ends, as a write does: in the model and on threads."""

from __future__ import annotations

import pytest

from cowpath.conformance.campaign.tours import cover
from cowpath.conformance.monitor.oracle import Oracle
from cowpath.conformance.pairs import find_pair
from cowpath.conformance.runs.workload import Workload
from cowpath.conformance.scheduler.kernel import Kernel
from cowpath.conformance.scheduler.substrate import Greenlets
from cowpath.conformance.strategies.simple import Sequential
from cowpath.model.bench.check import check
from cowpath.model.designs import ALL, Case
from cowpath.model.scenarios import Scenario, loads

FAILS = {"data-write": "write.data-fails", "cbw-read": "cow.read-fails", "cbw-write": "cow.write-fails"}


def struck(fault: str) -> Scenario:
    text = f"""
name = "a discard that fails"
sectors = "64KiB"
cluster = "64KiB"
[[request]]
kind = "guest-read"
at = ["0B", "4096B"]
[[request]]
kind = "source-discard"
at = ["0B", "32KiB"]
fault = "{fault}"
"""
    return loads(text, fault)


@pytest.mark.parametrize(
    ("name", "fault"),
    [
        *((name, "data-write") for name in ALL if "source-discard" in ALL[name].kinds),
        ("unserialised-2.7", "cbw-read"),
        ("rfc-2016-2.7", "cbw-write"),
        ("fleecing-4.1", "cbw-write-hangs"),
    ],
)
def test_a_discard_fails_as_the_model_says(name: str, fault: str) -> None:
    scenario = struck(fault)
    result = check(Case(ALL[name], scenario))
    # Where the discard itself fails nothing is lost, even where nobody was told of it.
    assert "snapshot" not in result.violated
    workload = Workload(find_pair(name), scenario, Kernel(Greenlets()))
    tour = cover(workload, Oracle(ALL[name], scenario))
    assert tour.complete
    run = workload.run(Sequential())
    workload.close()
    assert (fault in FAILS) == any(event.label == FAILS.get(fault) for event in run.log)
    assert fault in FAILS or (run.failure is not None and run.failure.kind == "stuck")
