"""`cowpath check` without arguments, which is about every design on every scenario."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest

from cowpath.model.designs import DESIGNS
from cowpath.model.scenarios import Scenario, bundled
from tests.commands.running import COLUMNS, SMALL, Ran, run, widest
from tests.commands.tables import table
from tests.in_process import shared

MISFIT = "\N{EN DASH}"


def shown() -> list[Scenario]:
    """The bundled scenarios that some design of the table can be asked about."""
    return [s for s in bundled() if any(d.unsupported(s) is None for d in DESIGNS.values())]


shares_the_whole_run = pytest.mark.xdist_group("whole run")


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Ran:
    return run(tmp_path_factory.mktemp("whole"), "check", COWPATH_CACHE=shared()["COWPATH_CACHE"])


@shares_the_whole_run
def test_check_without_arguments_is_about_every_design_on_every_scenario(whole: Ran) -> None:
    cells = table(whole.out)
    assert list(cells) == [scenario.name for scenario in shown()]
    assert all(list(row) == list(DESIGNS) for row in cells.values())
    assert whole.status == 1


@shares_the_whole_run
def test_the_table_says_what_falls_and_how_soon(whole: Ran) -> None:
    cells = table(whole.out)
    assert cells["unaligned write"]["rfc-2016"] == cells["unaligned write"]["merged-2.8"] == "deadlock 8"
    assert re.fullmatch(r"snapshot \d+", cells["the race"]["unserialised"])
    repaired = {row["rfc-repaired"] for row in cells.values()}
    fallen = {re.sub(r" \d+", "", cell) for cell in repaired}
    assert fallen == {"holds", "progress", "stall", MISFIT}
    misfits = {name: {design for design in row if row[design] == MISFIT} for name, row in cells.items()}
    assert misfits == {
        scenario.name: {name for name, design in DESIGNS.items() if design.unsupported(scenario)}
        for scenario in shown()
    }


@shares_the_whole_run
def test_check_is_silent_colourless_and_fits_100_columns_in_a_pipe(whole: Ran) -> None:
    assert whole.err == ""
    assert "\x1b" not in whole.out
    assert widest(whole.out) <= COLUMNS


@shares_the_whole_run
def test_check_shows_the_deadlock_of_the_rfc_and_its_cycle(whole: Ran) -> None:
    _, found, rest = whole.out.partition("rfc-2016 on 'unaligned write': deadlock, shortest trace, 8 steps\n")
    assert found
    steps, _, rest = rest.partition("deadlock: ")
    assert re.findall(r"^ *(\d+)  (?:guest-read 0|nbd-write 1)  ", steps, re.M) == list("12345678")
    cycle = " ".join(rest.partition("\n\n")[0].split())
    assert cycle == (
        "guest-read 0 holds CowRequest [0, 65536), waits for nbd-write 1 on the secondary's tracked list; "
        "nbd-write 1 holds [512, 1024) on the secondary's tracked list, waits for guest-read 0 on the job's "
        "CowRequest list. nbd-write 1 has held [512, 1024) on the secondary's tracked list since step 4; "
        "guest-read 0 has waited for it since step 5. guest-read 0 has held CowRequest [0, 65536) since "
        "step 1; nbd-write 1 has waited for it since step 8, which closes the cycle."
    )


@shares_the_whole_run
def test_check_answers_the_question_of_the_rfc(whole: Ran) -> None:
    answer = whole.words.partition('Does the RFC "introduce an unexpected deadlock"?')[2]
    fit = sum(DESIGNS["rfc-2016"].unsupported(scenario) is None for scenario in bundled())
    dead = sum("deadlock" in row["rfc-2016"] for row in table(whole.out).values())
    assert answer.startswith(f" Yes, in {dead} of {fit} scenarios.")
    assert "where every write is aligned to the notifier's node" in answer
    assert f"every property but `progress` holds in {fit} of {fit}, and `progress` in " in answer


@shares_the_whole_run
def test_every_bundled_scenario_turns_out_as_its_file_expects(whole: Ran) -> None:
    assert "every reachable state explored" in whole.words
    assert "Not as expected" not in whole.out


def test_a_verdict_that_a_file_does_not_expect_is_pointed_out(
    tmp_path: Path, cowpath: Callable[..., Ran]
) -> None:
    (tmp_path / "mine.toml").write_text(SMALL + '[expect]\n"rfc-2016" = { deadlock = "holds" }\n')
    ran = cowpath("check", "rfc-2016", "--scenario", "mine.toml")
    assert (
        "Not as expected: rfc-2016 on 'a small one of my own': deadlock is violated, its file expects holds"
        in ran.words
    )
