"""`cowpath qemu` as a user runs it: statuses, JSON, logs, reports; and what it leaves when it is ended."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from cowpath.command_line import run
from cowpath.conformance.commands import qemu as command
from cowpath.conformance.qemu import campaign
from cowpath.conformance.qemu.bench import Bench
from cowpath.conformance.qemu.binaries import Qemu, at_prefix, from_binary
from cowpath.conformance.qemu.errors import Broken, NoQemu
from cowpath.conformance.qemu.stacks import STACKS
from cowpath.conformance.runs import log_file

COWPATH = Path(sys.executable).parent / "cowpath"


@dataclass(frozen=True)
class Done:
    status: int
    out: str
    err: str


@pytest.fixture
def cowpath(capsys: pytest.CaptureFixture[str], qemu: Qemu) -> Callable[..., Done]:
    """Run `cowpath qemu` in this process."""

    def command(*arguments: object) -> Done:
        try:
            status = run(["qemu", *map(str, arguments)])
        except SystemExit as exit_:
            status = int(exit_.code or 0)
        return Done(status, *capsys.readouterr())

    return command


Command = Callable[..., Done]
RACE = ("--scenario", "race", "--schedules", "10", "--plain")


def test_what_is_healthy_is_explained(cowpath: Command, qemu: Qemu) -> None:
    done = cowpath(*RACE)
    assert done.status == 0, done.out
    assert f"QEMU {qemu.version}" in done.out
    table, _, unfit = done.out.partition("Not run:")
    rows = [line.split() for line in table.splitlines() if "the race" in line]
    assert [(row[0], row[-1]) for row in rows] == [
        ("cbw", "explained"),
        ("fleecing", "explained"),
        ("replication", "explained"),
    ]
    assert "mirror: " in unfit


def test_all_interleavings_are_counted(cowpath: Command) -> None:
    done = cowpath("--stack", "cbw", "--scenario", "race", "--exhaustive")
    assert done.status == 0
    assert "all 12" in " ".join(done.out.split())


def test_the_outcomes_as_json_and_the_run_as_a_log(cowpath: Command, qemu: Qemu, tmp_path: Path) -> None:
    done = cowpath(*RACE, "--stack", "cbw", "--sight", "grey", "--json", "-", "--log", tmp_path)
    (outcome,) = json.loads(done.out)
    seconds = outcome.pop("seconds")
    assert seconds > 0
    assert outcome == {
        "qemu": qemu.version, "stack": "cbw", "options": "", "design": STACKS["cbw"].judged_by(qemu.release),
        "scenario": "the race", "verdict": "explained", "reason": None, "runs": 10, "failure": None,
    }  # fmt: skip
    (log,) = tmp_path.iterdir()
    header, events = log_file.read(log.read_text().splitlines(), "log")
    assert header.sight.value == "grey"
    assert {"invoke", "step", "rest", "return", "quiescent"} == {event.kind for event in events}


@pytest.mark.parametrize("sight", ["grey", "black"])
def test_the_log_of_a_run_is_explained_by_itself(cowpath: Command, tmp_path: Path, sight: str) -> None:
    cowpath(*RACE, "--stack", "fleecing", "--sight", sight, "--log", tmp_path)
    (log,) = tmp_path.iterdir()
    with pytest.raises(SystemExit) as ended:
        run(["validate", str(log)])
    assert ended.value.code == 0


def test_another_design_s_model_refuses_it_and_the_token_shows_it_again(
    cowpath: Command, tmp_path: Path
) -> None:
    given = ("block-copy-5.0", "--stack", "cbw", "--scenario", "race", "--sight", "grey", "--plain")
    done = cowpath(*given, "--json", tmp_path / "out.json", "--report", tmp_path / "report")
    assert done.status == 1
    assert "<-- refused" in done.out or "refused: " in done.out
    (outcome,) = json.loads((tmp_path / "out.json").read_text())
    assert outcome["verdict"] == "refused"
    failure = outcome["failure"]
    assert (tmp_path / "report" / failure["script"]).is_file()
    again = cowpath(*given, "--token", failure["token"], "--json", "-")
    (outcome,) = json.loads(again.out)
    assert outcome["failure"]["reason"] == failure["reason"]
    assert outcome["runs"] == 1


def test_why_a_mirror_is_refused_is_said_though_the_model_explains_it(cowpath: Command) -> None:
    done = cowpath("--stack", "mirror", "--plain", "--scenario", "backing-by-name", "--schedules", "10")
    assert done.status == 1
    said = " ".join(done.out.split())
    assert (
        "the source has original data, the target what nobody has written; so it is in the model, too" in said
    )


def test_several_qemus_are_a_table(cowpath: Command, monkeypatch: pytest.MonkeyPatch, qemu: Qemu) -> None:
    """Of the same QEMU under two names: what differs is its rows."""
    others = iter([qemu, replace(qemu, version="99.0.0", given="other")])
    monkeypatch.setattr(command, "from_binary", lambda path: next(others))
    done = cowpath(*RACE, "--stack", "cbw", "--binary", "one", "--binary", "other")
    assert done.status == 0
    table, _, said = done.out.partition("Judged:")
    heading, row = (line.split() for line in table.splitlines() if "99.0.0" in line or "cbw" in line)
    assert heading == ["scenario", qemu.version, "99.0.0"]
    assert row == ["cbw", "1", "more", "scenario", "explained", "explained"]
    said = " ".join(["Judged:", *said.split()])
    assert f"Judged: QEMU {qemu.version}: cbw by {STACKS['cbw'].judged_by(qemu.release)}. " in said
    assert "Judged: QEMU 99.0.0: cbw by copy-before-write-9.2 of 11.1, the newest known. " in said


def test_a_release_says_whose_designs_judge(cowpath: Command) -> None:
    done = cowpath(*RACE, "--stack", "fleecing", "--stack", "cbw", "--release", "6.2")
    assert done.status == 0
    assert "Judged: fleecing by block-copy-5.1." in done.out
    assert "6.2 has no snapshot-access that is known; accepted: a release from 7.0" in " ".join(
        done.out.split()
    )


# -- bad input

BAD = {
    "no such stack": (("--stack", "mirrors"), "--stack"),
    "no such design": (("rfc-2061",), "did you mean 'rfc-2016'?"),
    "two judges": (("rfc-2016", "--release", "7.2"), "--release: stands for a design"),
    "no such release": (("--release", "new"), "'new' is no release"),
    "too old a release": (("--release", "1.5"), "nothing to run: 1.5 has no snapshot-access"),
    "no such scenario": (("--scenario", "rase"), "unknown scenario 'rase'"),
    "no such program": (("--binary", "/no/such"), "--binary /no/such: not a program"),
    "no QEMU at all": (("--binary", sys.executable), "does not say that it is qemu-storage-daemon"),
    "no prefix": (
        ("--prefix", "/proc"),
        "--prefix /proc: neither qemu-storage-daemon nor qemu-system-x86_64",
    ),
    "a token for everything": (("--token", "1:1~ab"), "--token replays one run"),
    "no token": (("--token", "ab", "--stack", "cbw", "--scenario", "race"), "'ab' is no token"),
    "two ways": (("--exhaustive", "--schedules", "9"), "--exhaustive makes all runs"),
    "a cluster of nothing": (
        ("--cluster", "128"),
        "--cluster is the target's; accepted: with --target qcow2",
    ),
    "nothing fits": (("--stack", "cbw", "--scenario", "copy-on-read"), "nothing to run: copy-on-read moves"),
    "no folder": ((*RACE, "--log", "/proc/x"), "--log"),
}


@pytest.mark.parametrize("case", list(BAD))
def test_bad_input_is_one_line(cowpath: Command, case: str) -> None:
    arguments, said = BAD[case]
    done = cowpath(*arguments)
    assert done.status == 2
    assert said in done.err
    assert len(done.err.splitlines()) == 1
    assert not done.out


def test_without_qemu_it_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    assert run(["qemu"]) == 2
    said = capsys.readouterr().err
    assert len(said.splitlines()) == 1
    assert "apt install qemu-system-x86 qemu-utils" in said


def test_a_qemu_may_be_named_by_its_program_or_its_folder(qemu: Qemu, tmp_path: Path) -> None:
    assert qemu.daemon is not None
    assert from_binary(str(qemu.daemon)).version == qemu.version
    assert from_binary(str(qemu.daemon)).system is None
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "qemu-storage-daemon").symlink_to(qemu.daemon)
    found = at_prefix(str(tmp_path))
    assert (found.version, found.system) == (qemu.version, None)
    with pytest.raises(NoQemu):
        at_prefix(str(tmp_path / "bin"))


def test_what_a_qemu_does_not_have_is_said(cowpath: Command, qemu: Qemu) -> None:
    done = cowpath(*RACE, "--binary", qemu.daemon)
    assert done.status == 0
    assert f"replication of QEMU {qemu.version}: needs qemu-system-x86_64: everything." in done.out


def test_a_qemu_that_does_not_answer_is_no_verdict(cowpath: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(self: object, *arguments: object) -> None:
        raise Broken("QEMU does not answer, though nothing is held")

    monkeypatch.setattr(campaign._Stage, "_canary", lambda self: None)
    monkeypatch.setattr(Bench, "run", broken)
    done = cowpath(*RACE, "--stack", "cbw")
    assert done.status == 3
    assert "undetermined" in done.out


def test_a_canary_that_lives_leaves_everything_undetermined(
    cowpath: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(campaign, "examine", lambda subject, run: None)
    done = cowpath(*RACE, "--stack", "cbw")
    assert (done.status, done.out) == (
        3, "undetermined: the canary lives: cbw without a snapshot is not refused on 'race'\n",
    )  # fmt: skip


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGKILL])
def test_no_qemu_is_left_when_it_is_ended(qemu: Qemu, number: signal.Signals, tmp_path: Path) -> None:
    process = subprocess.Popen(
        [COWPATH, "qemu", "--schedules", "1000000", "--stack", "cbw", "--scenario", "race", "--plain"],
        stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, cwd=tmp_path,
    )  # fmt: skip
    try:
        end = time.monotonic() + 60
        while not (children := qemus_of(process.pid)):
            assert time.monotonic() < end
            time.sleep(0.02)
        time.sleep(0.3)
        process.send_signal(number)
        out, _ = process.communicate(timeout=30)
    finally:
        process.kill()
        process.wait()
    end = time.monotonic() + 10
    while any(os.path.exists(f"/proc/{child}") for child in children):
        assert time.monotonic() < end
        time.sleep(0.02)
    if number is not signal.SIGKILL:
        assert process.returncode == 3
        assert "Interrupted: what is not listed was not run." in out


def qemus_of(parent: int) -> list[int]:
    found = []
    for name in filter(str.isdigit, os.listdir("/proc")):
        try:
            stat = Path(f"/proc/{name}/stat").read_text()
            words = Path(f"/proc/{name}/cmdline").read_bytes()
        except OSError:
            continue
        if (
            stat.rpartition(")")[2].split()[1] == str(parent)
            and b"qemu-storage-daemon" in words.split(b"\0")[0]
        ):
            found.append(int(name))
    return found


def test_the_script_that_unpacks_another_release_is_there() -> None:
    script = Path(campaign.__file__).with_name("unpack-debian")
    assert os.access(script, os.X_OK)
    assert shutil.which("bash") is None or subprocess.run(["bash", "-n", script]).returncode == 0
