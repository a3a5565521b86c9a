"""Sharp edges: what is read from pipes, what never ends, what is too much, and being told to end."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import threading
import time
from io import StringIO
from pathlib import Path

import pytest
from rich.console import Console

from cowpath.conformance.runs import log_file
from cowpath.conformance.runs.log_file import LogError
from cowpath.model.commands.inputs import status_line
from cowpath.model.render.formats import FORMATS
from cowpath.model.scenarios import loads
from cowpath.model.scenarios.writing import document
from tests.commands.running import COWPATH, LONG, PATIENCE, SMALL, Ran, environment, run

OWN = ("check", "rfc-repaired", "--scenario")


def bad(ran: Ran, *words: str) -> None:
    assert ran.status == 2, ran.err
    assert ran.err.startswith("cowpath: ")
    assert len(ran.err.splitlines()) == 1
    for word in words:
        assert word in ran.err


# -- input from anywhere


def test_a_scenario_comes_from_standard_input_or_a_pipe(tmp_path: Path) -> None:
    (tmp_path / "s.toml").write_text(SMALL)
    told = run(tmp_path, *OWN, "s.toml").out.splitlines()[3:]
    assert run(tmp_path, *OWN, "-", stdin=SMALL.encode()).out.splitlines()[3:] == told
    os.mkfifo(tmp_path / "fifo")
    writer = threading.Thread(target=lambda: (tmp_path / "fifo").write_text(SMALL))
    writer.start()
    assert run(tmp_path, *OWN, "./fifo").out.splitlines()[3:] == told
    writer.join()
    bad(run(tmp_path, *OWN, "-", stdin=b"name = 3"), "stdin: name: 3 is not a text")


def test_a_trace_and_a_log_come_from_there_too(tmp_path: Path) -> None:
    on = ("rfc-2016", "--scenario", "unaligned-write")
    written = run(tmp_path, "trace", *on, "--format", "json").out
    assert run(tmp_path, "trace", *on, "--from", "-", stdin=written.encode()).status == 1
    assert run(tmp_path, "replay", *on, "--trace", "-", stdin=written.encode()).status == 0
    bad(run(tmp_path, "trace", *on, "--from", "-", stdin=b"{"), "stdin: not JSON")
    bad(run(tmp_path, "validate", "-", stdin=b"{"), "stdin: line 1: not JSON")
    proofs = ("report", "rfc-2016", "--scenario", "race", "--proofs", "-")
    bad(run(tmp_path, *proofs, stdin=b"{}]"), "stdin: not what `cowpath prove --json` writes")


def test_a_walk_does_not_take_its_scenario_from_where_its_commands_come_from(tmp_path: Path) -> None:
    bad(run(tmp_path, "step", "rfc-2016", "--scenario", "-", stdin=SMALL.encode()), "--scenario: stdin")


ENDLESS = [
    "check --scenario /dev/zero",
    "validate /dev/zero",
    "report --proofs /dev/zero",
    "trace rfc-2016 --scenario race --from /dev/zero",
    "replay rfc-2016 --scenario race --trace /dev/zero",
]


@pytest.mark.parametrize("command", ENDLESS)
def test_what_never_ends_is_refused(tmp_path: Path, command: str) -> None:
    bad(run(tmp_path, *command.split()), "/dev/zero: longer than ")


# -- too much

WIDE = 'name = "w"\nsectors = "1TiB"\ncluster = "64KiB"\n[[request]]\nkind = "{}"\nat = ["0B", "{}"]\n'


def test_a_read_of_a_whole_disk_is_explored_and_not_run(tmp_path: Path) -> None:
    (tmp_path / "s.toml").write_text(WIDE.format("guest-read", "1TiB"))
    assert run(tmp_path, *OWN, "s.toml").status == 0
    for command in ("conform", "replay"):
        bad(
            run(tmp_path, command, "rfc-repaired", "--scenario", "s.toml"),
            "touch clusters of 1 TiB",
            "64 MiB",
        )


@pytest.mark.parametrize(
    "command", ["check", "scenarios", "trace rfc-2016", "graph rfc-2016", "step rfc-2016"]
)
def test_a_write_of_too_many_clusters_is_explained_by_whoever_is_asked(tmp_path: Path, command: str) -> None:
    (tmp_path / "s.toml").write_text(WIDE.format("nbd-write", "1GiB"))
    option = [] if command == "scenarios" else ["--scenario"]
    bad(run(tmp_path, *command.split(), *option, "s.toml"), "request[0].at: nbd-write 0 spans 16384 clusters")


def test_a_log_that_tells_of_much_in_few_words_is_refused() -> None:
    scenario = loads(WIDE.format("guest-read", "1TiB"), "s")
    head = {"cowpath": 1, "design": "rfc-2016", "sight": "white", "scenario": document(scenario)}
    piece = {"at": [0, 1 << 28], "data": [[1 << 28, 255]]}
    line = json.dumps({"event": "return", "request": "guest-read 0", "pieces": [piece]})
    log_file.read([json.dumps(head), line], "log")
    with pytest.raises(LogError, match=r"log: line 3: data: more than 268,435,456 bytes in all; accepted: "):
        log_file.read([json.dumps(head), line, line], "log")


def test_a_status_stays_on_one_line() -> None:
    console = Console(file=StringIO(), width=40)
    console.print(status_line("x [/red] y " * 100))
    assert isinstance(console.file, StringIO)
    assert len(console.file.getvalue().splitlines()) == 1


# -- nothing has happened yet


@pytest.mark.parametrize("form", list(FORMATS))
def test_what_is_refused_before_the_first_step_is_drawn(tmp_path: Path, form: str) -> None:
    header = {
        "cowpath": 1,
        "design": "rfc-repaired",
        "sight": "white",
        "scenario": document(loads(SMALL, "s")),
    }
    event = {"event": "return", "request": "guest-read 0"}
    (tmp_path / "log").write_text(f"{json.dumps(header)}\n{json.dumps(event)}\n")
    ran = run(tmp_path, "validate", "log", "--format", form, "-o", "out")
    assert (ran.status, ran.err) == (1, "")
    assert (tmp_path / "out").stat().st_size > 0


@pytest.mark.parametrize("form", list(FORMATS))
def test_a_walk_of_no_steps_is_drawn(tmp_path: Path, form: str) -> None:
    on = ("rfc-2016", "--scenario", "race")
    run(tmp_path, "step", *on, stdin=b"save walk.json")
    ran = run(tmp_path, "trace", *on, "--from", "walk.json", "--format", form, "-o", "out")
    assert (ran.status, ran.err) == (0, "")


# -- sizes

BARE = SMALL.replace('unit = "sectors"\n', "")


def test_a_number_that_may_be_bytes_is_refused_with_what_to_write(tmp_path: Path) -> None:
    (tmp_path / "s.toml").write_text(BARE.replace("cluster = 4", 'cluster = "2KiB"'))
    bad(run(tmp_path, *OWN, "s.toml"), 's.toml: secondary.request_alignment: 4 has no unit; accepted: "4B", ')


def test_what_is_written_says_its_units(tmp_path: Path) -> None:
    (tmp_path / "s.toml").write_text(SMALL)
    ran = run(tmp_path, "trace", "rfc-2016", "--scenario", "s.toml", "--format", "pytest", "-o", "test_it.py")
    assert (ran.status, ran.err) == (1, "")
    assert 'unit = "sectors"\nsectors = 4\n' in (tmp_path / "test_it.py").read_text()
    run(tmp_path, "conform", "rfc-repaired", "--scenario", "s.toml", "--schedules", "2", "--log", "logs")
    header = json.loads((tmp_path / "logs" / "rfc-repaired.ndjson").read_text().splitlines()[0])
    assert header["scenario"]["unit"] == "sectors"
    assert run(tmp_path, "validate", "logs/rfc-repaired.ndjson").status == 0


# -- being told to end


@pytest.mark.parametrize("told", [signal.SIGTERM, signal.SIGHUP])
def test_to_be_told_to_end_is_the_same_as_ctrl_c(tmp_path: Path, told: signal.Signals) -> None:
    (tmp_path / "long.toml").write_text(LONG)
    command = (*OWN, "long.toml", "--engine", "numpy", "--json", "out.json")
    with subprocess.Popen(
        [COWPATH, *command],
        cwd=tmp_path,
        env=environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=lambda: signal.signal(told, signal.SIG_DFL),
    ) as process:
        time.sleep(3)
        process.send_signal(told)
        out, err = process.communicate(timeout=PATIENCE)
    assert (process.returncode, err) == (3, "")
    assert "stopped: interrupted" in " ".join(out.split())
    assert sorted(path.name for path in tmp_path.iterdir()) == ["long.toml", "out.json"]
