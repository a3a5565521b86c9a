"""rfc-repaired: each of its parts is needed, and what the explanation says falls without it does.

`progress` is no aim of the repair; the scenarios' files say where it falls.
"""

import pytest

from cowpath.model.bench.check import check
from cowpath.model.designs import DESIGNS, Case
from cowpath.model.designs.rfc_repaired import REPAIR, repaired
from cowpath.model.scenarios import bundled
from cowpath.model.stack.properties import STANDARD

SCENARIOS = [scenario for scenario in bundled() if DESIGNS["rfc-repaired"].unsupported(scenario) is None]
AIMS = tuple(name for name in STANDARD if name != "progress")
FALLS = (
    {"assertion", "write-through"},
    {"deadlock"},
    {"guest-write"},
    {"snapshot", "guest-write"},
    {"lifetime"},
)


def test_every_change_is_explained() -> None:
    for change, falls in zip(REPAIR, FALLS, strict=True):
        assert any(f"`{name}`" in change.falls for name in falls)


@pytest.mark.parametrize("number", range(len(REPAIR)))
def test_each_change_is_needed(number: int) -> None:
    without = repaired("without", (*REPAIR[:number], *REPAIR[number + 1 :]))
    fallen = {name for s in SCENARIOS for name in check(Case(without, s), properties=AIMS).violated}
    assert fallen == FALLS[number]


def test_with_all_changes_nothing_falls() -> None:
    assert not any(check(Case(DESIGNS["rfc-repaired"], s), properties=AIMS).violated for s in SCENARIOS)
