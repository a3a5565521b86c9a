"""mirror-repaired: nothing but convergence falls, and each of its changes is needed for what it says."""

import re
from types import ModuleType

import pytest

from cowpath.model.bench.check import check
from cowpath.model.designs import Case, mirror_10_1_repaired, mirror_repaired
from cowpath.model.scenarios import find

AIMS = ("mirror-equal", "mirror-order", "deadlock", "progress", "assertion")
SHOWN = {
    "looks_again": "paused-with-a-chunk",
    "claims_clusters": "shared-target-cluster",
    "rounds_each_end": "run-between-written-clusters",
    "cleans_first": "mode-changed",
    "marks_until_seen": "write-at-start",
    "spares_new_clusters": "backing-by-name",
    "looks_after_flush": "mode-changed-at-flush",
    "checks_range": "zeroes-within-a-chunk",
    "heeds_backing": "zeroes-over-an-unopened-base",
}
REPAIRS = [(module, change) for module in (mirror_repaired, mirror_10_1_repaired) for change in module.TOLD]


@pytest.mark.parametrize(("repair", "change"), REPAIRS, ids=str)
def test_each_change_is_needed(repair: ModuleType, change: str) -> None:
    scenario = find(SHOWN[change])
    fallen = check(Case(repair.repaired("without", change), scenario), properties=AIMS).violated
    said = re.findall("`([a-z-]+)`", repair.TOLD[change][1])
    assert fallen
    assert set(fallen) == set(said)
    assert not check(Case(repair.DESIGN, scenario), properties=AIMS).violated
