"""`cowpath replay` as a user runs it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

COWPATH = Path(sys.executable).with_name("cowpath")


def replay(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [COWPATH, "replay", *arguments], capture_output=True, text=True, timeout=120, check=False
    )


def test_both_substrates_show_the_same_run_and_its_token_shows_it_again() -> None:
    same = ("rfc-2016", "--scenario", "unaligned-write")
    shown = [replay(*same, "--on", on) for on in ("threads", "greenlets")]
    assert shown[0].stdout == shown[1].stdout
    assert [each.returncode for each in shown] == [0, 0]
    assert "They agree." in shown[0].stdout
    token = shown[0].stdout.splitlines()[-1].removeprefix("token ")
    again = replay(*same, "--token", token)
    assert again.returncode == 0
    steps = [line.split()[-1] for line in shown[0].stdout.splitlines()[1:9]]
    assert [line.split()[-1] for line in again.stdout.splitlines()[:8]] == steps
    assert "deadlock: guest-read 0 holds CowRequest [0, 65536)" in again.stdout


@pytest.mark.parametrize(
    ("design", "scenario", "wanted", "ending"),
    [
        ("unserialised", "race", "snapshot", "threads: all requests end."),
        ("merged-2.8", "stop-undrained", "lifetime", "threads: crash: LifetimeError: "),
        ("rfc-2016", "neighbours", "assertion", "threads: crash: AssertionFailed: "),
    ],
)
def test_each_violation_ends_its_own_way(design: str, scenario: str, wanted: str, ending: str) -> None:
    done = replay(design, "--scenario", scenario, "--property", wanted)
    assert (done.returncode, done.stderr) == (0, "")
    assert ending in done.stdout
    assert "They agree." in done.stdout


def test_what_holds_has_nothing_to_replay() -> None:
    done = replay("rfc-repaired", "--scenario", "race", "--property", "deadlock")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == "rfc-repaired on 'the race': no counterexample; deadlock holds\n"


BAD = {
    "no such design": (
        ("rfc-2017", "--scenario", "race"),
        "unknown design 'rfc-2017' (did you mean 'rfc-2016'?)",
    ),
    "no such scenario": (("rfc-2016", "--scenario", "rac"), "unknown scenario 'rac'"),
    "no scenario": (("rfc-2016",), "Missing option '--scenario'"),
    "not for this design": (("copy-before-write-9.2", "--scenario", "stop"), "has no stop"),
    "no token": (("rfc-2016", "--scenario", "race", "--token", "x"), "'x' is no token; accepted: "),
    "another run's": (
        ("rfc-2016", "--scenario", "race", "--token", "~AB"),
        "decision 0: the recorded run had",
    ),
}


@pytest.mark.parametrize("name", list(BAD))
def test_bad_input_is_one_line(name: str) -> None:
    arguments, words = BAD[name]
    done = replay(*arguments)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.count("\n") == 1
    assert done.stderr.startswith("cowpath: ")
    assert words in done.stderr
