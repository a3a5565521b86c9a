"""Exit statuses, limits, and what a terminal shows meanwhile."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path

import pytest

from cowpath.model.designs import ALL, DESIGNS, EXTENDED, MIRRORS
from cowpath.model.stack.properties import STANDARD
from tests.commands.running import LONG, Ran, on_terminal
from tests.in_process import shared

SPARED = [name for name in EXTENDED if name != "block-copy-5.1-scarce"]
EXAMPLES = Path(__file__).parents[2] / "examples"

# -- exit statuses


@pytest.mark.parametrize(
    ("command", "status"),
    [
        ("check rfc-repaired --scenario unaligned-write", 0),
        ("check rfc-2016 --scenario unaligned-write", 1),
        ("check rfc-2016 --scenario aligned-write", 0),
        ("check rfc-2016 --max-states 5", 3),
        ("check rfc-2016 --scenario race --max-seconds 1e-9", 3),
        ("trace rfc-repaired --scenario race", 0),
        ("trace rfc-2016 --scenario unaligned-write --max-states 5", 3),
        ("check --help", 0),
    ],
)
def test_exit_status(cowpath: Callable[..., Ran], command: str, status: int) -> None:
    assert cowpath(*command.split()).status == status


def test_a_limit_leaves_undetermined_what_is_not_refuted_yet(cowpath: Callable[..., Ran]) -> None:
    ran = cowpath("check", "rfc-2016", "--scenario", "unaligned-write", "--max-states", "60")
    verdicts = dict(re.findall(r"^  ([\w-]+) +(holds|violated|undetermined) ", ran.out, re.M))
    assert verdicts == dict.fromkeys(STANDARD, "undetermined") | {"deadlock": "violated"}
    assert ran.status == 1
    assert "stopped: --max-states 60 was reached" in ran.words
    several = cowpath("check", "rfc-2016", "--max-states", "60")
    assert "The RFC's question is not answered: not every run was explored completely." in several.words


def test_limits_that_are_not_hit_change_nothing(cowpath: Callable[..., Ran]) -> None:
    ran = cowpath("check", "rfc-2016", "--scenario", "race", "--max-states", "1000", "--max-seconds", "1000")
    assert ran.status == 0
    assert "stopped" not in ran.out


@pytest.mark.parametrize(
    ("scenario", "fits"),
    [
        ("drained-twice", [name for name in SPARED if "drain" in ALL[name].kinds]),
        ("exit", [name for name in EXTENDED if name.startswith("replication-")]),
        ("job-alone", list(MIRRORS)),
        ("two-readers", [*DESIGNS, *SPARED]),
        ("scarce-copies", ["block-copy-5.1-scarce"]),
    ],
)
def test_a_scenario_alone_is_checked_on_the_bundled_designs_that_it_fits(
    cowpath: Callable[..., Ran], monkeypatch: pytest.MonkeyPatch, scenario: str, fits: list[str]
) -> None:
    for name, folder in shared().items():
        monkeypatch.setenv(name, folder)
    ran = cowpath("check", "--scenario", scenario, "--json", "-")
    assert ([result["design"] for result in json.loads(ran.out)], ran.err) == (fits, "")


def test_a_scenario_alone_that_no_bundled_design_fits_is_bad_input(cowpath: Callable[..., Ran]) -> None:
    ran = cowpath("check", "--scenario", str(EXAMPLES / "two-philosophers.toml"))
    assert (ran.status, ran.out) == (2, "")
    assert ran.err == (
        "cowpath: --scenario: 'two philosophers' fits no bundled design; name the design that it is for\n"
    )


# -- on a terminal


def test_a_terminal_shows_progress_and_colours(tmp_path: Path) -> None:
    watched = on_terminal(tmp_path, "check", "rfc-2016", "rfc-repaired", "--scenario", "unaligned-write")
    assert watched.status == 1
    assert re.search(r"rfc-\w+ on 'unaligned write' \([01] of 2 done\)", watched.shown)
    assert "\x1b[1;31mdeadlock 8" in watched.shown
    assert "\x1b[32mholds" in watched.shown


def test_progress_tells_states_rate_frontier_and_depth(tmp_path: Path) -> None:
    (tmp_path / "long.toml").write_text(LONG)
    watched = on_terminal(tmp_path, "check", "rfc-repaired", "--scenario", "long.toml", "--max-seconds", "1")
    assert watched.status == 3
    assert re.search(
        r"rfc-repaired on 'long' \(0 of 1 done\): [\d,]+ states, [\d,]+ transitions, [\d,]+ states/s, "
        r"frontier [\d,]+, depth \d+, [\d,]+ MB",
        watched.shown,
    )
