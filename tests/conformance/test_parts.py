"""Campaigns that are killed and go on, or are dealt to several processes: what comes of them is the same."""

from __future__ import annotations

import json
import random
import subprocess
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from cowpath.conformance.campaign import conform as campaign
from cowpath.conformance.campaign.conform import TOURS, Plan, conform
from cowpath.conformance.commands import mutants_text
from cowpath.conformance.commands.conform import as_json
from cowpath.conformance.mutants.catalogue import MUTANTS
from cowpath.conformance.mutants.generated import Hunt
from cowpath.conformance.mutants.hunt import Bench, hunt_all
from cowpath.conformance.mutants.hunt import Plan as HuntPlan
from cowpath.conformance.pairs import PAIRS
from cowpath.conformance.runs.log import Sight
from cowpath.impl import bitmap
from cowpath.model.kept.answers import keeping, resuming
from cowpath.model.scenarios import find
from tests.commands.running import environment
from tests.in_process import Command
from tests.mpi import MPIEXEC, needs_mpi

SCENARIOS = ("race", "unaligned-write", "two-by-two")


class Killed(BaseException):
    """What stands for a kill: nothing catches it."""


def killed_again_and_again(
    do: Callable[[], Any],
    where: tuple[type, str],
    folder: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> tuple[Any, int]:
    """Return what comes of something that is killed before or after tasks, and how often it was."""
    dice, kills, work = random.Random(1), 0, getattr(*where)

    def struck(*arguments: Any) -> Any:
        if dice.random() < 0.3:
            raise Killed
        return work(*arguments)

    monkeypatch.setattr(*where, struck)
    while True:
        try:
            with keeping(resuming(folder)):
                return do(), kills
        except Killed:
            kills += 1


def untimed(found: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [{key: value for key, value in each.items() if key != "seconds"} for each in found]


@pytest.mark.parametrize("strategy", ["portfolio", TOURS])
def test_a_killed_campaign_goes_on(strategy: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pairs = tuple(PAIRS[name] for name in ("rfc-repaired", "unserialised"))
    judge = PAIRS["rfc-repaired"].model
    plan = Plan(pairs, tuple(map(find, SCENARIOS)), judge, (strategy,), 60, Sight.WHITE)

    def run() -> tuple[Any, Any]:
        outcomes = list(conform(plan))
        return untimed([*map(as_json, outcomes)]), [outcome.last for outcome in outcomes]

    whole = run()
    found, kills = killed_again_and_again(run, (campaign._Campaign, "run"), tmp_path, monkeypatch)
    assert kills
    assert found == whole
    assert whole[0][1]["verdict"] == "violated"
    monkeypatch.undo()
    with keeping(resuming(tmp_path)):
        assert run() == whole


def test_a_killed_hunt_goes_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    names = ("nobody-is-woken", "model-wrong-values-are-not-noted", "nothing-is-copied")
    mutants = [mutant for mutant in MUTANTS if mutant.name in names]
    plan = HuntPlan(seeds=1, budget=20)

    def run() -> Any:
        outcomes = list(hunt_all(mutants, plan))
        return [*map(mutants_text.as_json, outcomes)], [[*mutants_text.details(o)] for o in outcomes]

    whole = run()
    found, kills = killed_again_and_again(run, (Bench, "hunt"), tmp_path, monkeypatch)
    assert kills
    assert found == whole
    assert {each["killed"] for each in whole[0]} == {True}


def test_a_hunt_of_generated_mutants_goes_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    plan = Plan((PAIRS["rfc-repaired"],), (find("race"),), None, ("portfolio",), 10, Sight.WHITE)
    hunt = Hunt(plan, [bitmap], ("Bitmap.set", "Bitmap.run"))
    hunt.prepare()
    whole = list(hunt.run({}))
    found, kills = killed_again_and_again(lambda: list(hunt.run({})), (Hunt, "_hunt"), tmp_path, monkeypatch)
    hunt.close()
    assert kills
    assert found == whole
    assert any(outcome.killed for outcome in whole)


def test_free_threads_are_not_kept(cowpath: Command) -> None:
    done = cowpath("conform", "rfc-2016", "--strategy", "free", "--resume", "kept")
    assert (done.status, done.out) == (2, "")
    assert "--strategy free: nobody can make a run of free threads again" in done.err


def test_what_own_code_depends_on_is_not_known(cowpath: Command) -> None:
    own = str(Path(__file__).parents[2] / "examples" / "rfc_shared_threads.py")
    for asked, message in (
        (("conform", own), "loads beside itself is not known"),
        (("conform", "rfc-2016", "--as", own), "loads beside itself is not known"),
        (("mutants", own), "are hunted in one go"),
    ):
        done = cowpath(*asked, "--resume", "kept")
        assert done.status == 2
        assert message in done.err


CONFORM = (
    "conform", "rfc-2016", "unserialised", "--as", "rfc-repaired", "--schedules", "40",
    *(f"--scenario={name}" for name in SCENARIOS),
)  # fmt: skip
HUNT = ("mutants", "nobody-is-woken", "nothing-is-copied", "--budget", "20", "--seeds", "1")
lengthy = partial(pytest.param, marks=pytest.mark.lengthy)


@needs_mpi
@pytest.mark.parametrize(
    ("asked", "number"),
    [(CONFORM, 2), *(lengthy(*each) for each in ((CONFORM, 1), (CONFORM, 3), (HUNT, 2), (HUNT, 3)))],
)
def test_several_processes_find_what_one_finds(asked: tuple[str, ...], number: int) -> None:
    command = [sys.executable, "-m", "cowpath", *asked, "--json", "-"]
    found = [
        subprocess.run(line, env=environment(), capture_output=True, text=True, check=False, timeout=300)
        for line in (command, [str(MPIEXEC), "-n", str(number), *command])
    ]
    one, other = (untimed(json.loads(each.stdout)) for each in found)
    assert one == other
    assert found[0].returncode == found[1].returncode
