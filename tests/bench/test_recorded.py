"""Bugs of the public record fall before their repair and hold after it, by releases and roles."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from cowpath.model.bench.check import check
from cowpath.model.bench.recorded import Judged, Report, Said, judge
from cowpath.model.bench.recorded_bugs import REPORTS
from cowpath.model.designs import ALL, Case
from cowpath.model.explore.result import Limits
from cowpath.model.language.verdict import Verdict
from cowpath.model.scenarios import bundled, find, recorded
from tests.commands.running import COLUMNS, Ran, widest

SAID = [report for report in REPORTS if report.said is not None]


@pytest.mark.parametrize("report", SAID, ids=lambda report: report.name)
def test_a_bug_falls_before_its_repair_and_holds_after_it(report: Report) -> None:
    (found,) = judge([report])
    assert isinstance(found, Judged)
    assert found.as_recorded, (found.before.verdict, found.after.verdict)
    assert found.before.depth


def test_who_cannot_be_said_says_why_and_nothing_is_recorded_twice() -> None:
    assert all((report.said is None) == bool(report.unsaid) for report in REPORTS)
    names = [report.name for report in REPORTS]
    assert len(names) == len(set(names)) >= 25


def test_the_recorded_scenarios_are_used_or_are_a_control() -> None:
    controls = {
        "frozen-reads-apart": ("9.1", "assertion", "snapshot-access"),
        "largest-cluster": ("9.2", "assertion", "snapshot-access"),
    }
    unreported = {"broken-unnoticed", "min-cluster-size", "source-outside-chain"}
    used = {report.said.scenario for report in SAID if report.said is not None}
    assert {scenario.slug for scenario in recorded()} == (
        used - {s.slug for s in bundled()}
    ) | controls.keys() | unreported  # those: tests/designs/test_recorded_scenarios.py
    for slug, (release, name, role) in controls.items():
        design = ALL[Said(slug, name, release, release, role).design(release)]
        assert check(Case(design, find(slug)), properties=[name]).verdict is Verdict.HOLDS


def test_what_is_not_as_recorded_is_said() -> None:
    wrong = Report("wrong", "", "", "", Said("race", "snapshot", "rfc-2016", "unserialised"))
    (found,) = judge([wrong])
    assert isinstance(found, Judged)
    assert not found.as_recorded
    (cut,) = judge([wrong], Limits(max_states=3))
    assert isinstance(cut, Judged)
    assert cut.undetermined


def test_the_command_shows_all(cowpath: Callable[..., Ran]) -> None:
    ran = cowpath("recorded-bugs", "--json", "told.json")
    assert (ran.status, ran.err) == (0, "")
    assert widest(ran.out) <= COLUMNS
    assert "NOT AS RECORDED" not in ran.out
    written = json.loads(Path("told.json").read_text())
    assert [each["name"] for each in written] == [report.name for report in REPORTS]
    assert cowpath("recorded-bugs", "--max-states", "2").status == 3
