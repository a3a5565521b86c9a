"""`cowpath prove` told to end, or struck: what is known, as undetermined, and no process left behind."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import pytest

COWPATH = Path(sys.executable).with_name("cowpath")
WAIT = 120
DESIGNS = ("rfc-2016", "merged-2.8", "fleecing-4.0")

pytestmark = pytest.mark.skipif(not Path("/proc").is_dir(), reason="looks for the processes in /proc")


def workers(parent: int) -> list[int]:
    """The processes in which the proofs are tried."""
    children = Path(f"/proc/{parent}/task/{parent}/children").read_text().split()
    return [int(child) for child in children if "spawn_main" in Path(f"/proc/{child}/cmdline").read_text()]


def alive(process: int) -> bool:
    try:
        state = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return False
    return state != "Z"


@contextmanager
def at_work(*options: str) -> Iterator[tuple[subprocess.Popen[str], list[int]]]:
    """Start the command, in a process group of its own, and wait until its processes are at work."""
    command = [str(COWPATH), "prove", *DESIGNS, *options]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True
    ) as process:
        deadline = time.monotonic() + WAIT
        while not (found := workers(process.pid)) and time.monotonic() < deadline:
            time.sleep(0.1)
        time.sleep(2)
        try:
            yield process, found
        finally:
            process.kill()
    deadline = time.monotonic() + WAIT
    while any(map(alive, found)) and time.monotonic() < deadline:
        time.sleep(0.1)
    assert [each for each in found if alive(each)] == []


later = partial(pytest.param, marks=pytest.mark.lengthy)


@pytest.mark.parametrize("options", [later(()), ("--uses",), later(("--find",))])
def test_ctrl_c_ends_with_what_is_known(options: tuple[str, ...]) -> None:
    with at_work(*options) as (process, _):
        os.killpg(process.pid, signal.SIGINT)  # as a terminal does: all of them
        out, err = process.communicate(timeout=WAIT)
    assert process.returncode == 3, err
    assert out.count("undetermined") >= 3
    assert "interrupted" in out
    assert not err


@pytest.mark.parametrize("strike", [later(os.kill), os.killpg])
def test_to_be_told_to_end_is_the_same(strike: object) -> None:
    """By `kill` or by `timeout`, which tells the whole group."""
    with at_work() as (process, _):
        (os.killpg if strike is os.killpg else os.kill)(process.pid, signal.SIGTERM)
        out, err = process.communicate(timeout=WAIT)
    assert process.returncode == 3, err
    assert "interrupted" in out
    assert not err


def test_who_cannot_be_told_leaves_no_process() -> None:
    with at_work() as (process, _):
        process.kill()


@pytest.mark.parametrize("options", [(), later(("--uses",))])
def test_a_process_that_is_killed_leaves_its_design_undetermined(options: tuple[str, ...]) -> None:
    with at_work(*options) as (process, found):
        os.kill(found[0], signal.SIGKILL)
        time.sleep(1)
        process.send_signal(signal.SIGINT)  # so that the others end sooner
        out, err = process.communicate(timeout=WAIT)
    assert process.returncode == 3, err
    assert "its process was killed" in out
    assert not err
