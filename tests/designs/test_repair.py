"""rfc-repaired: each of its parts is needed, and what the explanation says falls without it does.

`progress` is no aim of the repair; the scenarios' files say where it falls.
"""

import inspect
from functools import partial

import pytest

from cowpath.model.bench.check import check
from cowpath.model.designs import DESIGNS, Case, Design, rfc_repaired
from cowpath.model.scenarios import bundled
from cowpath.model.stack.properties import STANDARD

SCENARIOS = [scenario for scenario in bundled() if DESIGNS["rfc-repaired"].unsupported(scenario) is None]
AIMS = tuple(name for name in STANDARD if name != "progress")
FALLS = {
    "unserialised_reads_unlisted": {"assertion", "write-through"},
    "guest_reads_unserialised": {"deadlock"},
    "guest_writes_take_cow_request": {"guest-write"},
    "checkpoint_drains": {"snapshot", "guest-write"},
    "end_drains": {"lifetime"},
}


def test_every_part_is_tested_and_explained() -> None:
    assert set(FALLS) == set(inspect.signature(rfc_repaired.build).parameters)
    changes = DESIGNS["rfc-repaired"].changes
    assert len(changes) == len(FALLS)
    for (_, explanation), falls in zip(changes, FALLS.values(), strict=True):
        assert any(f"`{name}`" in explanation for name in falls)


@pytest.mark.parametrize("part", FALLS)
def test_without_a_part(part: str) -> None:
    without = Design("without", "", "", (), partial(rfc_repaired.build, **{part: False}))
    fallen = {name for s in SCENARIOS for name in check(Case(without, s), properties=AIMS).violated}
    assert fallen == FALLS[part]


def test_with_all_parts_nothing_falls() -> None:
    assert not any(check(Case(DESIGNS["rfc-repaired"], s), properties=AIMS).violated for s in SCENARIOS)
