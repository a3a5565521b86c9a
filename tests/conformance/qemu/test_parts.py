"""Campaigns on a QEMU that are killed and go on, or are shared by processes: the same comes of them."""

from __future__ import annotations

import json
import random
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from cowpath.conformance.commands.qemu import as_json
from cowpath.conformance.qemu.binaries import Qemu
from cowpath.conformance.qemu.campaign import _Stage, campaign
from cowpath.conformance.qemu.report import reported
from cowpath.model.kept.answers import keeping, resuming
from tests.commands.running import environment
from tests.conformance.qemu.test_reports import HOW, plan
from tests.conformance.test_parts import Killed, untimed
from tests.in_process import Command
from tests.mpi import MPIEXEC, needs_mpi


def test_a_killed_campaign_goes_on(qemu: Qemu, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    dice, kills, made, work = random.Random(1), 0, 0, _Stage._run
    asked = plan(qemu, "cbw", "race", no_snapshot=True)
    asked = replace(
        asked, options=(asked.options[0], replace(asked.options[0], no_snapshot=False)), schedules=24
    )

    def run() -> Any:
        outcomes = list(campaign(asked))
        reports = reported(outcomes, HOW)
        return untimed([as_json(outcome, reports) for outcome in outcomes]), [each.files for each in reports]

    def struck(*arguments: Any) -> Any:
        nonlocal made
        if dice.random() < 0.6:
            raise Killed
        made += 1
        return work(*arguments)

    whole = run()
    assert [each["verdict"] for each in whole[0]] == ["refused", "explained"]
    monkeypatch.setattr(_Stage, "_run", struck)
    while True:
        try:
            with keeping(resuming(tmp_path)):
                found = run()
                break
        except Killed:
            kills += 1
    assert kills
    assert made == len(whole[0])
    assert found == whole


def test_runs_of_which_nothing_is_kept_are_not_written(cowpath: Command, qemu: Qemu) -> None:
    done = cowpath("qemu", "--stack", "cbw", "--scenario", "race", "--log", "logs", "--resume", "kept")
    assert done.status == 2
    assert "--log writes runs, of which only those with a fault are made again" in done.err


@pytest.mark.lengthy
@needs_mpi
@pytest.mark.parametrize("number", [1, 2, 3])
def test_several_processes_find_what_one_finds(number: int, qemu: Qemu) -> None:
    asked = ("--stack", "cbw", "--stack", "fleecing", "--scenario", "race", "--scenario", "two-readers")
    command = [
        sys.executable,
        "-m",
        "cowpath",
        "qemu",
        *asked,
        "--schedules",
        "40",
        "--drawn",
        "4",
        "--json",
        "-",
    ]
    found = [
        subprocess.run(line, env=environment(), capture_output=True, text=True, check=False, timeout=600)
        for line in (command, [str(MPIEXEC), "-n", str(number), *command])
    ]
    one, other = (untimed(json.loads(each.stdout)) for each in found)
    assert one == other
    assert (found[0].returncode == 0) == (found[1].returncode == 0)
