"""Variants run on threads, each as its own model says, and not as that of another release says."""

from __future__ import annotations

import pytest

from cowpath.conformance.campaign.alarm import examine
from cowpath.conformance.campaign.replay import confirm
from cowpath.conformance.monitor.oracle import Oracle
from cowpath.conformance.pairs import find_pair
from cowpath.conformance.runs.workload import Workload
from cowpath.conformance.scheduler.kernel import Kernel
from cowpath.conformance.scheduler.substrate import Greenlets
from cowpath.conformance.strategies.portfolio import Portfolio
from cowpath.model.bench.check import check
from cowpath.model.designs import ALL, VARIANTS, Case
from cowpath.model.scenarios import find

# Each variant with a scenario on which it differs from another design.
DIFFERS = {
    "unserialised-2.6": ("source-discard", "unserialised-2.7"),
    "unserialised-2.7": ("discard-meets-rmw", "fleecing-4.1"),
    "rfc-2016-2.6": ("source-discard", "rfc-2016-2.7"),
    "rfc-2016-2.7": ("source-discard", "rfc-2016-2.6"),
    "merged-2.10": ("wide-guest-write", "merged-2.8"),
    "merged-3.0": ("two-readers", "merged-2.10"),
    "fleecing-4.1": ("copy-offload", "fleecing-4.0"),
    "block-copy-10.1": ("broken-unnoticed", "copy-before-write-9.2"),
    "copy-before-write-7.0": ("two-readers", "copy-before-write-9.2"),
    "copy-before-write-7.1": ("client-discard", "copy-before-write-9.1"),
    "copy-before-write-7.2.15": ("two-readers", "copy-before-write-7.1"),
    "copy-before-write-9.1": ("two-readers", "copy-before-write-9.2"),
}


@pytest.mark.parametrize("name", list(VARIANTS))
def test_a_variant_runs_as_its_model_says_and_not_as_another(name: str) -> None:
    slug, other = DIFFERS[name]
    workload, strategy = Workload(find_pair(name), find(slug), Kernel(Greenlets())), Portfolio(1)
    runs = [workload.run(strategy) for _ in range(60)]
    own, others = (Oracle(ALL[design], find(slug)) for design in (name, other))
    assert all(examine(own, run) is None for run in runs)
    assert any(examine(others, run) is not None for run in runs)
    for outcome in check(Case(ALL[name], find(slug))).properties.values():
        if outcome.trace is not None:
            found = confirm(outcome.trace, workload)
            # What the model's `assertion` finds broken is where QEMU stops; the model runs on.
            dies = outcome.trace.property != "assertion" and found.run.reason.startswith("AssertionFailed")
            assert dies or found.departure is None, outcome.trace.property
    workload.close()
