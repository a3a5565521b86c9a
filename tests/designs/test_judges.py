"""The designs by which a real QEMU is judged: no verdict is another, and each finer step is taken."""

from __future__ import annotations

import pytest

from cowpath.model.bench.check import check
from cowpath.model.bench.theorems import argument_of, explore_claims
from cowpath.model.designs import JUDGES, Case
from cowpath.model.scenarios import find, loads
from tests.expectations import expected

FAILS = """
name = "the second of two tasks fails"
sectors = "384KiB"
cluster = "64KiB"
[[request]]
kind = "guest-write"
at = ["64KiB", "64KiB"]
[[request]]
kind = "guest-write"
at = ["32KiB", "128KiB"]
fault = "active-write"
"""


@pytest.mark.parametrize(("judge", "design"), [("replication-5.1-tasks", "replication-5.1")])
def test_no_verdict_is_another(judge: str, design: str) -> None:
    finer, coarser = expected(judge), expected(design)
    assert {slug: found["violated"] for slug, found in finer.items()} == {
        slug: found["violated"] for slug, found in coarser.items()
    }
    assert any(found["states"] > coarser[slug]["states"] for slug, found in finer.items())


def test_a_task_that_fails_keeps_nobody_waiting() -> None:
    result = check(Case(JUDGES["replication-5.1-tasks"], loads(FAILS, "fails")))
    assert not result.violated
    assert result.exploration.complete


@pytest.mark.lengthy
def test_every_step_of_a_guest_write_in_tasks_is_taken_and_breaks_no_claim() -> None:
    design = JUDGES["replication-5.1-tasks"]
    scenarios = [find("guest-writes-overlap"), loads(FAILS, "fails")]
    seen = explore_claims(design, argument_of(design), scenarios)
    assert seen.scenarios == 2
    own = {action.label for action in design.system.actions if action.label.startswith("guest.")}
    assert {label for label in own & set(seen.never) if "direct" not in label and "beside" not in label} == {
        "guest.look-above"
    }
