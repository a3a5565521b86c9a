"""Ctrl-C, and a reader that has gone."""

from __future__ import annotations

import json
import os
import re
import subprocess
from pathlib import Path

import pytest

from cowpath.model.stack.properties import STANDARD
from tests.commands.running import COWPATH, LONG, PATIENCE, SMALL, environment, on_terminal

# -- Ctrl-C


@pytest.mark.parametrize("engine", ["numpy", "python"])
def test_ctrl_c_ends_a_run_with_what_is_known(tmp_path: Path, engine: str) -> None:
    (tmp_path / "long.toml").write_text(LONG)
    command = ("check", "rfc-repaired", "--scenario", "long.toml", "--engine", engine, "--json", "out.json")
    with (tmp_path / "report").open("wb") as report:
        watched = on_terminal(tmp_path, *command, stdout=report, interrupt_at=b"states/s")
    assert watched.status == 3
    assert watched.seconds < 10
    assert "Traceback" not in watched.shown
    said = (tmp_path / "report").read_text()
    assert "Traceback" not in said
    assert "stopped: interrupted" in " ".join(said.split())
    verdicts = dict(re.findall(r"^  ([\w-]+) +(holds|violated|undetermined) ", said, re.M))
    assert verdicts == dict.fromkeys(STANDARD, "undetermined")
    (result,) = json.loads((tmp_path / "out.json").read_text())
    assert (result["verdict"], result["stopped"]) == ("undetermined", "interrupted")


def test_ctrl_c_keeps_what_was_found_before_and_leaves_the_rest_undetermined(tmp_path: Path) -> None:
    (tmp_path / "small.toml").write_text(SMALL)
    (tmp_path / "long.toml").write_text(LONG)
    on = ("--scenario", "small.toml", "--scenario", "long.toml")
    with (tmp_path / "report").open("wb") as report:
        watched = on_terminal(
            tmp_path,
            *("check", "rfc-repaired", "rfc-2016", *on, "--json", "out.json"),
            stdout=report,
            interrupt_at=b"states/s",
        )
    assert watched.status == 1
    assert watched.seconds < 10
    said = (tmp_path / "report").read_text()
    assert "Traceback" not in watched.shown + said
    assert "The RFC's question is not answered" in said
    results = json.loads((tmp_path / "out.json").read_text())
    assert [(r["scenario"], r["design"], r["verdict"], r["stopped"]) for r in results] == [
        ("a small one of my own", "rfc-repaired", "holds", None),
        ("a small one of my own", "rfc-2016", "violated", None),
        ("long", "rfc-repaired", "undetermined", "interrupted"),
        ("long", "rfc-2016", "undetermined", "interrupted"),
    ]


@pytest.mark.parametrize("engine", ["numpy", "python"])
def test_ctrl_c_keeps_what_the_interrupted_run_has_found(tmp_path: Path, engine: str) -> None:
    unaligned = LONG.replace("cluster = 2\n", "cluster = 2\n[secondary]\nrequest_alignment = 2\n")
    (tmp_path / "long.toml").write_text(unaligned)
    command = ("check", "rfc-2016", "--scenario", "long.toml", "--engine", engine)
    with (tmp_path / "report").open("wb") as report:
        # The shortest deadlock takes 8 steps.
        watched = on_terminal(tmp_path, *command, stdout=report, interrupt_at=rb"depth (9|1\d),")
    assert watched.status == 1
    assert watched.seconds < 10
    said = (tmp_path / "report").read_text()
    assert "Traceback" not in watched.shown + said
    assert "stopped: interrupted" in " ".join(said.split())
    verdicts = dict(re.findall(r"^  ([\w-]+) +(holds|violated|undetermined) ", said, re.M))
    assert verdicts == dict.fromkeys(STANDARD, "undetermined") | {"deadlock": "violated"}
    assert "rfc-2016 on 'long': deadlock, shortest trace, 8 steps" in said


def test_ctrl_c_of_a_trace_writes_no_file(tmp_path: Path) -> None:
    (tmp_path / "long.toml").write_text(LONG)
    command = ("trace", "rfc-repaired", "--scenario", "long.toml", "-o", "trace.txt")
    watched = on_terminal(tmp_path, *command, interrupt_at=b"states/s")
    assert watched.status == 3
    assert watched.seconds < 10
    assert "Traceback" not in watched.shown
    assert "undetermined" in watched.shown
    assert [path.name for path in tmp_path.iterdir()] == ["long.toml"]


# -- a closed pipe


@pytest.mark.parametrize(
    "command",
    [
        "check rfc-2016 rfc-repaired --scenario unaligned-write",
        "check rfc-2016 --scenario unaligned-write --json -",
        "trace rfc-2016 --scenario unaligned-write",
        "designs",
        "--help",
    ],
)
def test_a_reader_that_has_gone_is_no_reason_to_complain(tmp_path: Path, command: str) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    try:
        done = subprocess.run(
            [COWPATH, *command.split()],
            cwd=tmp_path,
            env=environment(),
            stdout=writer,
            stderr=subprocess.PIPE,
            timeout=PATIENCE,
            check=False,
        )
    finally:
        os.close(writer)
    assert done.stderr == b""
    assert done.returncode != 2


def test_the_first_line_may_be_all_that_is_read(tmp_path: Path) -> None:
    process = subprocess.Popen(
        [COWPATH, "check", "unserialised", "--json", "-"],  # more than a pipe holds
        cwd=tmp_path,
        env=environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    assert process.stdout is not None
    assert process.stderr is not None
    with process:
        assert process.stdout.readline() == b"[\n"
        process.stdout.close()
        assert process.stderr.read() == b""
