"""`cowpath designs` and `cowpath scenarios`, and a file of one's own."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest

from cowpath.model import scenarios
from cowpath.model.designs import DESIGNS
from cowpath.model.scenarios import bundled
from tests.commands.running import COLUMNS, Ran, widest


def test_designs_are_listed_with_what_they_are(cowpath: Callable[..., Ran]) -> None:
    ran = cowpath("designs")
    assert (ran.status, ran.err) == (0, "")
    assert widest(ran.out) <= COLUMNS
    assert re.findall(r"^\S+(?=  \S)", ran.out, re.M) == list(DESIGNS)
    for design in DESIGNS.values():
        assert " ".join(design.explanation.split()) in ran.words


def test_one_design_is_shown_with_its_sources_changes_and_steps(cowpath: Callable[..., Ran]) -> None:
    ran = cowpath("designs", "rfc-repaired")
    assert (ran.status, ran.err) == (0, "")
    assert widest(ran.out) <= COLUMNS
    repaired = DESIGNS["rfc-repaired"]
    before, _, steps = ran.out.partition("\nSteps")
    history = " ".join(before.split())
    for number, change in enumerate(repaired.changes, 1):
        assert f"{number}. {change.does}; without it {change.falls}" in history
    for number, source in enumerate(repaired.sources, 1):
        assert f"{number}. {source}" in history
    shown = [line.split()[0] for line in steps.splitlines() if line[:1].strip()]
    assert [word for word in shown if word != "step"] == [a.label for a in repaired.system.actions]


def test_scenarios_are_listed_with_what_they_show(cowpath: Callable[..., Ran]) -> None:
    ran = cowpath("scenarios")
    assert (ran.status, ran.err) == (0, "")
    assert widest(ran.out) <= COLUMNS
    for scenario in bundled():
        requests = ", ".join(request.label for request in scenario.requests) or "the job alone"
        assert f"{scenario.slug} {scenario.name}: {requests} {scenario.shows}" in ran.words


def test_one_scenario_is_shown_with_its_reduced_geometry(cowpath: Callable[..., Ran]) -> None:
    ran = cowpath("scenarios", "unaligned-write")
    assert (ran.status, ran.err) == (0, "")
    assert ran.out.startswith("unaligned-write  unaligned write: guest-read 0, nbd-write 1\n")
    assert (
        "64 MiB disk reduced to 1 cluster and 3 cells: [0, 512)+[1024, 4096) [512, 1024) [4096, 65536)\n"
        in ran.out
    )


@pytest.mark.parametrize(
    "command",
    [
        ["scenarios"],
        ["check", "rfc-2016", "--json", "-", "--scenario"],
        ["trace", "rfc-2016", "--format", "json", "--scenario"],
    ],
    ids=" ".join,
)
def test_a_file_of_ones_own_works_as_a_bundled_scenario(
    tmp_path: Path, cowpath: Callable[..., Ran], command: list[str]
) -> None:
    (original,) = Path(scenarios.__file__).parent.glob("*-unaligned-write.toml")
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "scenario.toml").write_bytes(original.read_bytes())
    own, its = cowpath(*command, "mine/scenario.toml"), cowpath(*command, "unaligned-write")
    seconds = re.compile(r'"seconds": [\d.]+')
    expected = re.sub(r"^unaligned-write(?=  )", "scenario", its.out)
    assert own.status == its.status
    assert own.err == its.err == ""
    assert seconds.sub("", own.out) == seconds.sub("", expected)
    assert len(own.out.splitlines()) > 3
