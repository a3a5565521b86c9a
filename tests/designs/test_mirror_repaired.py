"""mirror-repaired: nothing but convergence falls, and each of its changes is needed for what it says."""

import re

import pytest

from cowpath.model.bench.check import check
from cowpath.model.designs import MIRRORS, Case
from cowpath.model.designs.mirror_repaired import TOLD, repaired
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
}


@pytest.mark.parametrize("change", TOLD)
def test_each_change_is_needed(change: str) -> None:
    scenario = find(SHOWN[change])
    fallen = check(Case(repaired("without", change), scenario), properties=AIMS).violated
    said = re.findall("`([a-z-]+)`", TOLD[change][1])
    assert fallen
    assert set(fallen) == set(said)
    assert not check(Case(MIRRORS["mirror-repaired"], scenario), properties=AIMS).violated
