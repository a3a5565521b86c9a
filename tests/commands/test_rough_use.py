"""Rough use: devices, full disks, odd names and empty arguments end in one clear line, and lose nothing."""

from __future__ import annotations

import json
import os
import re
import stat
from pathlib import Path

import pytest

from cowpath.model.bench.check import check
from cowpath.model.designs import DESIGNS, Case
from cowpath.model.render.text import render
from cowpath.model.scenarios import loads
from cowpath.model.scenarios.vocabulary import PROPERTIES
from tests.commands.running import LONG, SMALL, Ran, run

TRACE = ("trace", "rfc-2016", "--scenario", "unaligned-write")


def small(name: str) -> str:
    """A small scenario of that name."""
    return SMALL.replace("a small one of my own", name)


def bad(ran: Ran) -> None:
    assert ran.status == 2
    assert ran.err.startswith("cowpath: ")
    assert len(ran.err.splitlines()) == 1


def test_an_output_file_has_the_permissions_of_any_new_file(tmp_path: Path) -> None:
    run(tmp_path, *TRACE, "-o", "trace.txt")
    (tmp_path / "other").touch()
    assert (tmp_path / "trace.txt").stat().st_mode == (tmp_path / "other").stat().st_mode


def test_an_output_file_that_is_a_link_stays_one(tmp_path: Path) -> None:
    (tmp_path / "target").write_text("old")
    (tmp_path / "link").symlink_to("target")
    run(tmp_path, *TRACE, "-o", "link")
    assert (tmp_path / "link").is_symlink()
    assert "shortest trace" in (tmp_path / "target").read_text()


def test_a_device_or_fifo_is_written_to_or_refused_but_never_replaced(tmp_path: Path) -> None:
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)
    reader = os.open(fifo, os.O_RDONLY | os.O_NONBLOCK)
    try:
        run(tmp_path, *TRACE, "-o", "fifo")
    finally:
        os.close(reader)
    assert stat.S_ISFIFO(fifo.stat().st_mode)


def test_a_folder_as_output_leaves_no_temporary_file(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    bad(run(tmp_path, *TRACE, "-o", "folder"))
    assert [path.name for path in tmp_path.iterdir()] == ["folder"]


@pytest.mark.parametrize("command", [["check", "--json", ""], ["check", "--traces", ""], ["designs", ""]])
def test_an_empty_argument_is_bad_input(tmp_path: Path, command: list[str]) -> None:
    bad(run(tmp_path, *command))
    assert list(tmp_path.iterdir()) == []


def test_bad_geometry_leaves_no_new_folder_behind(tmp_path: Path) -> None:
    bad(run(tmp_path, "check", "--no-reduce", "--scenario", "race", "--traces", "new"))
    assert list(tmp_path.iterdir()) == []


def test_no_number_of_seconds_is_bad_input(tmp_path: Path) -> None:
    bad(run(tmp_path, "check", "rfc-2016", "--scenario", "race", "--max-seconds", "nan"))


def test_a_limit_of_states_is_not_hit_early(tmp_path: Path) -> None:
    (tmp_path / "long.toml").write_text(LONG)
    ran = run(
        tmp_path, "check", "rfc-2016", "--scenario", "long.toml", "--max-states", "540000", "--json", "-"
    )
    assert json.loads(ran.out)[0]["states"] >= 540_000


@pytest.mark.parametrize("name", ["x [/] y", "[red]x[/red]"])
@pytest.mark.parametrize(
    "command",
    [
        "scenarios s.toml",
        "check merged-2.8 rfc-repaired --scenario s.toml",
        "trace rfc-repaired --scenario s.toml",
    ],
)
def test_brackets_in_a_name_are_just_brackets(tmp_path: Path, name: str, command: str) -> None:
    (tmp_path / "s.toml").write_text(small(name))
    ran = run(tmp_path, *command.split())
    assert "Traceback" not in ran.err
    assert name in ran.out + ran.err


def test_traces_of_two_files_of_the_same_stem_do_not_overwrite_each_other(tmp_path: Path) -> None:
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "s.toml").write_text(small(name))
    ran = run(
        tmp_path,
        "check",
        "rfc-2016",
        "--scenario",
        "a/s.toml",
        "--scenario",
        "b/s.toml",
        "--traces",
        "traces",
    )
    bad(ran)
    assert "two of the scenarios are named 's'" in ran.err


@pytest.mark.parametrize(
    "command", ["check rfc-2016 --scenario race", "check rfc-2016 --scenario race --json -"]
)
def test_a_full_disk_is_one_line(tmp_path: Path, command: str) -> None:
    full = os.open("/dev/full", os.O_WRONLY)
    ran = run(tmp_path, *command.split(), stdout=full)
    os.close(full)
    bad(ran)
    assert "No space left on device" in ran.err


def test_a_name_that_the_terminal_cannot_encode(tmp_path: Path) -> None:
    (tmp_path / "s.toml").write_text(small("長"), encoding="utf-8")
    ran = run(tmp_path, "scenarios", "s.toml", PYTHONIOENCODING="ascii")
    assert (ran.status, ran.err) == (0, "")
    assert "\\u9577" in ran.out


@pytest.mark.parametrize("line", [b"1" * 5000, b"x" * 5000, b"\xff\xfe", b"save -"])
def test_a_walk_ends_at_a_line_that_means_nothing(tmp_path: Path, line: bytes) -> None:
    ran = run(tmp_path, "step", "rfc-2016", "--scenario", "unaligned-write", stdin=line)
    bad(ran)
    assert ran.err.startswith("cowpath: line 1: ")
    assert len(ran.err) < 400
    assert list(tmp_path.iterdir()) == []


def test_outcomes_asked_for_on_stdout_are_there_alone(tmp_path: Path) -> None:
    ran = run(tmp_path, "mutants", "the-oldest-is-waited-for", "--budget", "1", "--seeds", "1", "--json", "-")
    assert [each["name"] for each in json.loads(ran.out)] == ["the-oldest-is-waited-for"]
    assert list(tmp_path.iterdir()) == []


def test_no_command_is_described_in_part(tmp_path: Path) -> None:
    described = run(tmp_path, "--help").out.partition("Commands:\n")[2].splitlines()
    assert len(described) > 10
    assert all(len(line) < 80 and line.endswith(".") and not line.endswith("..") for line in described)


def test_no_placeholder_in_the_steps_of_a_design(tmp_path: Path) -> None:
    assert not re.search(r"{\w+}", run(tmp_path, "designs", "rfc-2016").out)


def test_no_arguments_at_all_shows_the_help_as_it_is(tmp_path: Path) -> None:
    ran = run(tmp_path)
    assert (ran.status, ran.err) == (0, "")
    assert ran.out == run(tmp_path, "--help").out


def test_a_json_trace_is_json_even_when_there_is_none(tmp_path: Path) -> None:
    assert (
        json.loads(run(tmp_path, "trace", "rfc-repaired", "--scenario", "race", "--format", "json").out)[
            "trace"
        ]
        is None
    )


def test_no_stale_trace_is_left_when_there_is_none_any_more(tmp_path: Path) -> None:
    (tmp_path / "old").write_text("a trace of an earlier run")
    run(tmp_path, "trace", "rfc-repaired", "--scenario", "race", "-o", "old")
    assert (tmp_path / "old").read_text().startswith("no trace: ")


def test_a_misspelt_design_in_expect_is_noticed(tmp_path: Path) -> None:
    (tmp_path / "s.toml").write_text(small("s") + '[expect]\n"rfc-2061" = { states = 3 }\n')
    bad(run(tmp_path, "check", "rfc-2016", "--scenario", "s.toml"))


def test_what_is_undetermined_is_no_surprise(tmp_path: Path) -> None:
    ran = run(tmp_path, "check", "rfc-2016", "--scenario", "unaligned-write", "--max-states", "5")
    assert "Not as expected" not in ran.out


def test_a_long_name_does_not_widen_a_trace() -> None:
    scenario = loads(small("a word " * 20), "s")
    trace = check(Case(DESIGNS["rfc-2016"], scenario)).properties["deadlock"].trace
    assert trace is not None
    assert max(map(len, render(trace, PROPERTIES["deadlock"]).splitlines())) <= 100


def test_a_cell_of_many_ranges_does_not_widen_a_trace() -> None:
    writes = (["100000B", "700000B"], *([f"{n}B", "10000B"] for n in (110000, 130000, 150000)))
    text = 'name = "s"\nsectors = "1MiB"\ncluster = "1MiB"\n[secondary]\nrequest_alignment = "1B"\n'
    text += '[[request]]\nkind = "guest-read"\nat = ["0B", "1MiB"]\n'
    text += "".join(f'[[request]]\nkind = "nbd-write"\nat = {json.dumps(at)}\n' for at in writes)
    trace = (
        check(Case(DESIGNS["unserialised"], loads(text, "s")), properties=["snapshot"])
        .properties["snapshot"]
        .trace
    )
    assert trace is not None
    assert max(map(len, render(trace, PROPERTIES["snapshot"]).splitlines())) <= 100
