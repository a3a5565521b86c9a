"""What single releases make of scenarios that are not in the main table; the threads make it, too."""

from __future__ import annotations

import pytest

from cowpath.conformance.campaign.tours import cover
from cowpath.conformance.monitor.oracle import Oracle
from cowpath.conformance.pairs import find_pair
from cowpath.conformance.runs.workload import Workload
from cowpath.conformance.scheduler.kernel import Kernel
from cowpath.conformance.scheduler.substrate import Greenlets
from cowpath.model.bench.check import check
from cowpath.model.designs import ALL, Case
from cowpath.model.explore.engines import ENGINES
from cowpath.model.language.verdict import Verdict
from cowpath.model.scenarios import find

FOUND = (
    ("source-outside-chain", "fleecing-4.0", "snapshot", Verdict.VIOLATED),
    ("source-outside-chain", "block-copy-10.1", "snapshot", Verdict.VIOLATED),
    ("race", "block-copy-10.1", "snapshot", Verdict.HOLDS),
    ("broken-unnoticed", "block-copy-10.1", "snapshot", Verdict.VIOLATED),
    ("broken-unnoticed", "copy-before-write-9.2", "snapshot", Verdict.HOLDS),
    ("min-cluster-size", "copy-before-write-9.2", "assertion", Verdict.VIOLATED),
    ("largest-cluster", "copy-before-write-9.2", "assertion", Verdict.HOLDS),
    ("copy-offload", "fleecing-4.1", "snapshot", Verdict.HOLDS),
    ("discard-meets-rmw", "unserialised-2.7", "write-through", Verdict.VIOLATED),
    ("discard-meets-rmw", "fleecing-4.1", "write-through", Verdict.HOLDS),
)
TOURED = (
    ("discard-meets-rmw", "unserialised-2.7"),
    ("discard-meets-rmw", "rfc-2016-2.7"),
    ("discard-meets-rmw", "fleecing-4.1"),
    ("broken-unnoticed", "block-copy-10.1"),
    ("source-outside-chain", "fleecing-4.0"),
    ("source-outside-chain", "block-copy-10.1"),
    ("copy-offload", "merged-3.0"),
)


@pytest.mark.parametrize(("slug", "design", "name", "verdict"), FOUND)
def test_all_engines_find_it(slug: str, design: str, name: str, verdict: Verdict) -> None:
    case = Case(ALL[design], find(slug))
    outcomes = {e: check(case, properties=[name], engine=e) for e in ENGINES if e != "auto"}
    assert {each.properties[name].verdict for each in outcomes.values()} == {verdict}
    counted = {(e.exploration.states, e.exploration.transitions) for e in outcomes.values()}
    assert len(counted) == 1


@pytest.mark.parametrize(("slug", "design"), TOURED)
def test_threads_make_every_step_of_it(slug: str, design: str) -> None:
    workload = Workload(find_pair(design), find(slug), Kernel(Greenlets()))
    found = cover(workload, Oracle(ALL[design], find(slug)))
    workload.close()
    assert (found.complete, found.alarm) == (True, None)
