"""Ctrl-C during `cowpath prove`: what is known, as undetermined, with the exit status that says so."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

COWPATH = Path(sys.executable).with_name("cowpath")
WAIT = 120


@pytest.mark.skipif(not Path("/proc").is_dir(), reason="looks for the processes in /proc")
@pytest.mark.parametrize("options", [(), ("--uses",), ("--find",)])
def test_ctrl_c_ends_with_what_is_known(options: tuple[str, ...]) -> None:
    command = [str(COWPATH), "prove", "rfc-2016", "merged-2.8", "fleecing-4.0", *options]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True
    ) as process:
        children = Path(f"/proc/{process.pid}/task/{process.pid}/children")
        deadline = time.monotonic() + WAIT
        while len(children.read_text().split()) < 2 and time.monotonic() < deadline:
            time.sleep(0.1)
        time.sleep(2)
        os.killpg(process.pid, signal.SIGINT)  # as a terminal does: all of them
        out, err = process.communicate(timeout=WAIT)
    assert process.returncode == 3, err
    assert out.count("undetermined") >= 3
    assert "interrupted" in out
    assert not err
