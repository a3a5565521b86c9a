"""The installed command, run as a user runs it: a process of its own in a folder of its own."""

from __future__ import annotations

import fcntl
import json
import os
import pty
import re
import select
import signal
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import IO, Any

import pytest

import model.scenarios
from model.designs import DESIGNS
from model.scenarios import bundled
from model.stack.properties import MEANING, STANDARD

COWPATH = Path(sys.executable).parent / "cowpath"
COLUMNS = 100
PATIENCE = 120.0  # seconds until a process that hangs fails its test

SMALL = """\
name = "a small one of my own"
sectors = 4
cluster = 4

[secondary]
request_alignment = 4

[[request]]
kind = "guest-read"
at = [0, 4]

[[request]]
kind = "nbd-write"
at = [1, 1]
"""
# Aligned requests only, so that nothing falls; and far more states than anyone waits for.
LONG = 'name = "long"\nsectors = 4\ncluster = 2\n' + "".join(
    f'[[request]]\nkind = "{kind}"\nat = {extent}\n'
    for extent in ([0, 3], [1, 3], [0, 2], [1, 1], [0, 4])
    for kind in ("nbd-write", "guest-read")
)
NAMES = [scenario.name for scenario in bundled()]
MISFIT = "\N{EN DASH}"

# The keys of the JSON: those that are promised, and those that came on top.
RESULT = {
    *("design", "scenario", "verdict", "states", "transitions", "depth", "seconds", "engine"),
    *("reductions", "properties"),
    "stopped",
}
STEP = {"step", "action", "request", "changes"} | {"sees", "source"}
EDGE = {"request", "waits_for", "on", "because_of"}


@dataclass(frozen=True)
class Ran:
    """What a process left: exit status, stdout, stderr."""

    status: int
    out: str
    err: str

    @property
    def words(self) -> str:
        """The output without its line breaks."""
        return " ".join(self.out.split())


def environment() -> dict[str, str]:
    """The environment without what would colour, narrow or widen the output."""
    unwanted = {"COLUMNS", "LINES", "NO_COLOR", "FORCE_COLOR", "TTY_COMPATIBLE", "TTY_INTERACTIVE"}
    kept = {name: value for name, value in os.environ.items() if name not in unwanted}
    return {**kept, "TERM": "xterm-256color"}


def run(folder: Path, *arguments: str) -> Ran:
    done = subprocess.run(
        [COWPATH, *arguments],
        cwd=folder,
        env=environment(),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        encoding="utf-8",
        timeout=PATIENCE,
        check=False,
    )
    return Ran(done.returncode, done.stdout, done.stderr)


def widest(text: str) -> int:
    return max(map(len, text.splitlines()))


@pytest.fixture
def cowpath(tmp_path: Path) -> Callable[..., Ran]:
    return lambda *arguments: run(tmp_path, *arguments)


# -- a terminal


@dataclass(frozen=True)
class Watched:
    """What a terminal showed, the exit status, and the seconds from the interrupt to the end."""

    status: int
    shown: str
    seconds: float


def on_terminal(
    folder: Path, *arguments: str, stdout: IO[bytes] | None = None, interrupt_at: bytes | None = None
) -> Watched:
    """Run with stderr, and stdout unless it goes elsewhere, on a terminal of 200 columns.

    With `interrupt_at`, a pattern, press Ctrl-C as soon as the terminal shows that.
    """
    keyboard, screen = pty.openpty()
    fcntl.ioctl(screen, termios.TIOCSWINSZ, struct.pack("HHHH", 50, 200, 0, 0))
    process = subprocess.Popen(
        [COWPATH, *arguments],
        cwd=folder,
        env=environment(),
        stdin=screen,
        stdout=screen if stdout is None else stdout,
        stderr=screen,
        # A shell's background job, which pytest may be, ignores SIGINT, and its children inherit that.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )
    os.close(screen)
    shown, interrupted = b"", time.monotonic()
    try:
        for piece in _pieces(keyboard):
            shown += piece
            if interrupt_at is not None and re.search(interrupt_at, shown):
                interrupt_at = None
                process.send_signal(signal.SIGINT)
                interrupted = time.monotonic()
        status = process.wait(PATIENCE)
    finally:
        process.kill()
        process.wait()
        os.close(keyboard)
    assert interrupt_at is None, f"never shown: {interrupt_at!r}; shown: {shown[-2000:]!r}"
    return Watched(status, shown.decode(), time.monotonic() - interrupted)


def _pieces(keyboard: int) -> Iterator[bytes]:
    end = time.monotonic() + PATIENCE
    while select.select([keyboard], [], [], max(0.0, end - time.monotonic()))[0]:
        try:
            piece = os.read(keyboard, 1 << 16)
        except OSError:  # how Linux says that nobody has the terminal open any more
            return
        if not piece:
            return
        yield piece
    pytest.fail(f"not ended after {PATIENCE} s")


# -- the main job: no arguments


shares_the_whole_run = pytest.mark.xdist_group("whole run")


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Ran:
    return run(tmp_path_factory.mktemp("whole"), "check")


def table(out: str) -> dict[str, dict[str, str]]:
    """Read the tables of verdicts: scenario -> design -> cell, with the lines of a cell joined."""
    lines = out.splitlines()
    cells: dict[str, dict[str, str]] = {}
    for number, line in enumerate(lines):
        if line.split()[:1] == ["scenario"]:
            for name, row in _one_table(lines, number).items():
                cells.setdefault(name, {}).update(row)
    return cells


def _one_table(lines: list[str], top: int) -> dict[str, dict[str, str]]:
    designs = lines[top].split()[1:]
    starts = [0, *(lines[top].index(f" {design}") for design in designs), None]
    rows: list[list[str]] = []
    for line in lines[top + 2 :]:
        if not line.strip():
            break
        cells = [line[start:end].strip() for start, end in pairwise(starts)]
        if cells[0] and (not rows or rows[-1][0] in NAMES):
            rows.append(cells)
        else:
            rows[-1] = [f"{above} {below}".strip() for above, below in zip(rows[-1], cells, strict=True)]
    return {name: dict(zip(designs, cells, strict=True)) for name, *cells in rows}


@shares_the_whole_run
def test_check_without_arguments_is_about_every_design_on_every_scenario(whole: Ran) -> None:
    cells = table(whole.out)
    assert list(cells) == NAMES
    assert all(list(row) == list(DESIGNS) for row in cells.values())
    assert whole.status == 1


@shares_the_whole_run
def test_the_table_says_what_falls_and_how_soon(whole: Ran) -> None:
    cells = table(whole.out)
    assert cells["unaligned write"]["rfc-2016"] == cells["unaligned write"]["merged-2.8"] == "deadlock 8"
    assert re.fullmatch(r"snapshot \d+", cells["the race"]["unserialised"])
    repaired = {row["rfc-repaired"] for row in cells.values()}
    assert {re.sub(r"progress \d+", "progress", cell) for cell in repaired} == {"holds", "progress", MISFIT}
    misfits = {name: {design for design in row if row[design] == MISFIT} for name, row in cells.items()}
    assert misfits == {
        scenario.name: {name for name, design in DESIGNS.items() if design.misses(scenario)}
        for scenario in bundled()
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
    fit = sum(DESIGNS["rfc-2016"].misses(scenario) is None for scenario in bundled())
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


# -- on a terminal


def test_a_terminal_shows_progress_and_colours(tmp_path: Path) -> None:
    watched = on_terminal(tmp_path, "check", "rfc-2016", "rfc-repaired", "--scenario", "unaligned-write")
    assert watched.status == 1
    assert re.search(r"rfc-\w+ on 'unaligned write' \([12] of 2\)", watched.shown)
    assert "\x1b[1;31mdeadlock 8" in watched.shown
    assert "\x1b[32mholds" in watched.shown


def test_progress_tells_states_rate_frontier_and_depth(tmp_path: Path) -> None:
    (tmp_path / "long.toml").write_text(LONG)
    watched = on_terminal(tmp_path, "check", "rfc-repaired", "--scenario", "long.toml", "--max-seconds", "1")
    assert watched.status == 3
    assert re.search(
        r"rfc-repaired on 'long' \(1 of 1\): [\d,]+ states, [\d,]+ transitions, [\d,]+ states/s, "
        r"frontier [\d,]+, depth \d+, [\d,]+ MB",
        watched.shown,
    )


# -- exit statuses


@pytest.mark.parametrize(
    ("command", "status"),
    [
        ("check rfc-repaired --scenario unaligned-write", 0),
        ("check rfc-2016 --scenario unaligned-write", 1),
        ("check rfc-2016 --scenario aligned-write", 0),
        ("check rfc-2016 --max-states 5", 3),
        ("check rfc-2016 --scenario race --max-seconds 1e-9", 3),
        ("trace rfc-repaired --scenario race", 0),
        ("trace rfc-2016 --scenario unaligned-write --max-states 5", 3),
        ("check --help", 0),
    ],
)
def test_exit_status(cowpath: Callable[..., Ran], command: str, status: int) -> None:
    assert cowpath(*command.split()).status == status


def test_a_limit_leaves_undetermined_what_is_not_refuted_yet(cowpath: Callable[..., Ran]) -> None:
    ran = cowpath("check", "rfc-2016", "--scenario", "unaligned-write", "--max-states", "60")
    verdicts = dict(re.findall(r"^  ([\w-]+) +(holds|violated|undetermined) ", ran.out, re.M))
    assert verdicts == dict.fromkeys(STANDARD, "undetermined") | {"deadlock": "violated"}
    assert ran.status == 1
    assert "stopped: --max-states 60 was reached" in ran.words
    several = cowpath("check", "rfc-2016", "--max-states", "60")
    assert "The RFC's question is not answered: not every run was explored completely." in several.words


def test_limits_that_are_not_hit_change_nothing(cowpath: Callable[..., Ran]) -> None:
    ran = cowpath("check", "rfc-2016", "--scenario", "race", "--max-states", "1000", "--max-seconds", "1000")
    assert ran.status == 0
    assert "stopped" not in ran.out


# -- JSON


def without_seconds(results: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [{key: value for key, value in result.items() if key != "seconds"} for result in results]


ON_TWO = ("rfc-2016", "fleecing-4.0", "--scenario", "unaligned-write", "--scenario", "race")


@pytest.fixture(scope="module")
def two_by_two(tmp_path_factory: pytest.TempPathFactory) -> list[dict[str, Any]]:
    ran = run(tmp_path_factory.mktemp("json"), "check", *ON_TWO, "--json", "-")
    assert (ran.status, ran.err) == (1, "")
    results: list[dict[str, Any]] = json.loads(ran.out)  # so nothing but JSON is on stdout
    return results


def test_json_is_an_object_for_each_design_and_scenario(two_by_two: list[dict[str, Any]]) -> None:
    assert [(result["design"], result["scenario"]) for result in two_by_two] == [
        ("rfc-2016", "unaligned write"),
        ("fleecing-4.0", "unaligned write"),
        ("rfc-2016", "the race"),
        ("fleecing-4.0", "the race"),
    ]
    assert [result["verdict"] for result in two_by_two] == ["violated", "violated", "holds", "holds"]
    for result in two_by_two:
        assert result.keys() == RESULT
        assert result["engine"] == "numpy"
        assert result["stopped"] is None
        assert result["transitions"] >= result["states"] - 1 > 0
        assert 0 < result["depth"] < result["states"]
        assert isinstance(result["seconds"], float)
        assert result["reductions"]
        assert all(isinstance(reduction, str) for reduction in result["reductions"])


def test_json_has_a_verdict_for_each_property(two_by_two: list[dict[str, Any]]) -> None:
    for result in two_by_two:
        properties = result["properties"]
        assert list(properties) == list(STANDARD)
        fallen = {"deadlock"} if result["scenario"] == "unaligned write" else set()
        for name, outcome in properties.items():
            if name in fallen:
                assert outcome.keys() == {"verdict", "depth", "trace", "cycle"}
                assert outcome["verdict"] == "violated"
            else:
                assert outcome == {"verdict": "holds", "depth": None, "trace": None}


def test_a_trace_in_json_has_as_many_steps_as_it_is_deep(two_by_two: list[dict[str, Any]]) -> None:
    rfc = two_by_two[0]["properties"]["deadlock"]
    assert rfc["depth"] == 8
    for result in two_by_two[:2]:
        outcome = result["properties"]["deadlock"]
        assert [step["step"] for step in outcome["trace"]] == list(range(1, outcome["depth"] + 1))
        labels = {action.label for action in DESIGNS[result["design"]].system.actions}
        for step in outcome["trace"]:
            assert step.keys() == STEP
            assert step["action"] in labels
            assert step["request"] in {"guest-read 0", "nbd-write 1"}
            assert all(change.keys() == {"what", "from", "to"} for change in step["changes"])
            assert any(change["from"] != change["to"] for change in step["changes"])


def test_the_cycle_of_a_deadlock_in_json_closes(two_by_two: list[dict[str, Any]]) -> None:
    for result in two_by_two[:2]:
        cycle = result["properties"]["deadlock"]["cycle"]
        assert all(edge.keys() == EDGE and all(edge.values()) for edge in cycle)
        assert [edge["waits_for"] for edge in cycle] == [edge["request"] for edge in (*cycle[1:], cycle[0])]
        assert {edge["request"] for edge in cycle} == {"guest-read 0", "nbd-write 1"}


def test_json_of_both_engines_is_the_same(
    cowpath: Callable[..., Ran], two_by_two: list[dict[str, Any]]
) -> None:
    results = json.loads(cowpath("check", *ON_TWO, "--engine", "python", "--json", "-").out)
    assert {result["engine"] for result in results} == {"python"}
    for result in results:
        result["engine"] = "numpy"
    assert without_seconds(results) == without_seconds(two_by_two)


def test_json_into_a_file_comes_beside_the_report(
    tmp_path: Path, cowpath: Callable[..., Ran], two_by_two: list[dict[str, Any]]
) -> None:
    (tmp_path / "out.json").write_text("of an earlier run")
    ran = cowpath("check", *ON_TWO, "--json", "out.json")
    assert without_seconds(json.loads((tmp_path / "out.json").read_text())) == without_seconds(two_by_two)
    assert table(ran.out)["unaligned write"]["rfc-2016"] == "deadlock 8"
    assert [path.name for path in tmp_path.iterdir()] == ["out.json"]


def test_json_says_what_a_limit_left_open(cowpath: Callable[..., Ran]) -> None:
    ran = cowpath("check", "rfc-2016", "--scenario", "race", "--max-states", "5", "--json", "-")
    (result,) = json.loads(ran.out)
    assert result["verdict"] == "undetermined"
    assert result["stopped"] == "--max-states 5 was reached"
    assert {outcome["verdict"] for outcome in result["properties"].values()} == {"undetermined"}


# -- traces


def test_traces_are_written_one_file_each(tmp_path: Path, cowpath: Callable[..., Ran]) -> None:
    on = ["--scenario", "unaligned-write", "--scenario", "checkpoint-unquiesced", "--scenario", "race"]
    ran = cowpath("check", "merged-2.8", "rfc-repaired", *on, "--json", "out.json", "--traces", "new/traces")
    assert ran.status == 1
    results = json.loads((tmp_path / "out.json").read_text())
    slugs = {scenario.name: scenario.slug for scenario in bundled()}
    depths = {
        f"{slugs[result['scenario']]}--{result['design']}--{name}.txt": outcome["depth"]
        for result in results
        for name, outcome in result["properties"].items()
        if outcome["verdict"] == "violated"
    }
    assert "unaligned-write--merged-2.8--deadlock.txt" in depths
    assert len(depths) > 1
    folder = tmp_path / "new" / "traces"
    assert {path.name for path in folder.iterdir()} == depths.keys()
    for name, depth in depths.items():
        content = (folder / name).read_text()
        assert widest(content) <= COLUMNS
        numbers = re.findall(r"^ *(\d+)  \S", content, re.M)
        assert numbers == [str(number) for number in range(1, depth + 1)]
    ran = cowpath("trace", "merged-2.8", "--scenario", "unaligned-write")
    assert (folder / "unaligned-write--merged-2.8--deadlock.txt").read_text() == ran.out


def test_trace_prints_the_shortest_deadlock(cowpath: Callable[..., Ran]) -> None:
    ran = cowpath("trace", "merged-2.8", "--scenario", "unaligned-write")
    lines = ran.out.splitlines()
    assert (ran.status, ran.err) == (1, "")
    assert lines[0] == "merged-2.8 on 'unaligned write': deadlock, shortest trace, 8 steps"
    assert re.findall(r"^ *(\d+)  ", ran.out, re.M) == list("12345678")
    told = " ".join(ran.out.split())
    assert " deadlock: guest-read 0 holds CowRequest [0, 65536), waits for nbd-write 1" in told
    assert told.endswith("nbd-write 1 has waited for it since step 8, which closes the cycle.")
    assert widest(ran.out) <= 72


def test_trace_as_json(cowpath: Callable[..., Ran]) -> None:
    ran = cowpath("trace", "merged-2.8", "--scenario", "unaligned-write", "--format", "json")
    assert (ran.status, ran.err) == (1, "")
    written = json.loads(ran.out)
    assert written.keys() == {"design", "scenario", "property", "trace", "cycle"}
    assert (written["design"], written["scenario"]) == ("merged-2.8", "unaligned write")
    assert written["property"] == "deadlock"
    assert [step["step"] for step in written["trace"]] == [1, 2, 3, 4, 5, 6, 7, 8]
    assert all(step.keys() == STEP for step in written["trace"])
    assert [(edge["request"], edge["waits_for"]) for edge in written["cycle"]] == [
        ("guest-read 0", "nbd-write 1"),
        ("nbd-write 1", "guest-read 0"),
    ]


def test_trace_into_a_file(tmp_path: Path, cowpath: Callable[..., Ran]) -> None:
    command = ("trace", "merged-2.8", "--scenario", "unaligned-write", "--format", "json")
    ran = cowpath(*command, "-o", "trace.out")
    assert (ran.status, ran.out, ran.err) == (1, "", "")
    assert (tmp_path / "trace.out").read_text() == cowpath(*command).out
    assert [path.name for path in tmp_path.iterdir()] == ["trace.out"]


def test_trace_of_a_property_that_holds_says_so_on_stderr(cowpath: Callable[..., Ran]) -> None:
    ran = cowpath("trace", "rfc-2016", "--scenario", "unaligned-write", "--property", "snapshot")
    assert (ran.status, ran.out) == (0, "")
    assert ran.err.startswith("no trace: snapshot on 'unaligned write'")
    assert re.search(r"^  snapshot +holds ", ran.err, re.M)


def test_concurrency_has_a_witness_where_readers_do_not_exclude_each_other(
    cowpath: Callable[..., Ran],
) -> None:
    """And its other half a counterexample where a CowRequest keeps a reader from what is copied."""
    on = ("--scenario", "two-readers", "--property", "concurrency")
    ran = cowpath("check", "fleecing-4.0", *on)
    assert ran.status == 0
    assert re.search(r"^  concurrency +holds ", ran.out, re.M)
    assert re.search(r"^  concurrency-done +holds ", ran.out, re.M)
    assert "fleecing-4.0 on 'two readers': concurrency, shortest trace, " in ran.out
    ran = cowpath("check", "merged-2.8", *on)
    assert ran.status == 1
    assert re.search(r"^  concurrency +violated ", ran.out, re.M)
    assert re.search(r"^  concurrency-done +violated ", ran.out, re.M)
    assert "merged-2.8 on 'two readers': concurrency-done, shortest trace, " in ran.out
    assert ran.out.count("shortest trace") == 1


# -- designs and scenarios


def test_designs_are_listed_with_what_they_are(cowpath: Callable[..., Ran]) -> None:
    ran = cowpath("designs")
    assert (ran.status, ran.err) == (0, "")
    assert widest(ran.out) <= COLUMNS
    assert re.findall(r"^\S+(?=  \S)", ran.out, re.M) == list(DESIGNS)
    for design in DESIGNS.values():
        assert " ".join(design.explanation.split()) in ran.words


def test_one_design_is_shown_with_its_sources_changes_and_steps(cowpath: Callable[..., Ran]) -> None:
    ran = cowpath("designs", "rfc-repaired")
    assert (ran.status, ran.err) == (0, "")
    assert widest(ran.out) <= COLUMNS
    repaired = DESIGNS["rfc-repaired"]
    before, _, steps = ran.out.partition("\nSteps")
    history = " ".join(before.split())
    for number, (change, falls) in enumerate(repaired.changes, 1):
        assert f"{number}. {change}; without it {falls}" in history
    for number, source in enumerate(repaired.sources, 1):
        assert f"{number}. {source}" in history
    shown = [line.split()[0] for line in steps.splitlines() if line[:1].strip()]
    assert [word for word in shown if word != "step"] == [a.label for a in repaired.system.actions]


def test_scenarios_are_listed_with_what_they_show(cowpath: Callable[..., Ran]) -> None:
    ran = cowpath("scenarios")
    assert (ran.status, ran.err) == (0, "")
    assert widest(ran.out) <= COLUMNS
    for scenario in bundled():
        requests = ", ".join(request.label for request in scenario.requests)
        assert f"{scenario.slug} {scenario.name}: {requests} {scenario.shows}" in ran.words


def test_one_scenario_is_shown_with_its_reduced_geometry(cowpath: Callable[..., Ran]) -> None:
    ran = cowpath("scenarios", "unaligned-write")
    assert (ran.status, ran.err) == (0, "")
    assert ran.out.startswith("unaligned-write  unaligned write: guest-read 0, nbd-write 1\n")
    assert (
        "64 MiB disk reduced to 1 cluster and 3 cells: [0, 512)+[1024, 4096) [512, 1024) [4096, 65536)\n"
        in ran.out
    )


@pytest.mark.parametrize(
    "command",
    [
        ["scenarios"],
        ["check", "rfc-2016", "--json", "-", "--scenario"],
        ["trace", "rfc-2016", "--format", "json", "--scenario"],
    ],
    ids=" ".join,
)
def test_a_file_of_ones_own_works_as_a_bundled_scenario(
    tmp_path: Path, cowpath: Callable[..., Ran], command: list[str]
) -> None:
    (original,) = Path(model.scenarios.__file__).parent.glob("*-unaligned-write.toml")
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "scenario.toml").write_bytes(original.read_bytes())
    own, its = cowpath(*command, "mine/scenario.toml"), cowpath(*command, "unaligned-write")
    seconds = re.compile(r'"seconds": [\d.]+')
    expected = re.sub(r"^unaligned-write(?=  )", "scenario", its.out)
    assert own.status == its.status
    assert own.err == its.err == ""
    assert seconds.sub("", own.out) == seconds.sub("", expected)
    assert len(own.out.splitlines()) > 3


# -- bad input


@pytest.fixture
def bad_files(tmp_path: Path) -> Path:
    (tmp_path / "folder.toml").mkdir()
    (tmp_path / "binary.toml").write_bytes(bytes(range(256)))
    (tmp_path / "syntax.toml").write_text('name = "x"\nsectors = 4\ncluster 2\n')
    (tmp_path / "key.toml").write_text("clutser = 4\n" + SMALL)
    (tmp_path / "range.toml").write_text(SMALL.replace("[1, 1]", "[3, 4]"))
    (tmp_path / "kind.toml").write_text(SMALL.replace("nbd-write", "nbd-wrote"))
    (tmp_path / "small.toml").write_text(SMALL)
    (tmp_path / "twin.toml").write_text(SMALL.replace("at = [1, 1]", "at = [1, 2]"))
    (tmp_path / "file").write_text("just a file\n")
    (tmp_path / "taken.cfg").mkdir()
    return tmp_path


def contents(folder: Path) -> dict[str, bytes | None]:
    """Everything below the folder, hidden files included."""
    return {
        str(path.relative_to(folder)): path.read_bytes() if path.is_file() else None
        for path in folder.rglob("*")
    }


BAD_INPUT = [
    ("check rfc-2061", ["unknown design 'rfc-2061' (did you mean 'rfc-2016'?)", *DESIGNS]),
    ("check rfc-2016 nonsense", ["unknown design 'nonsense'", *DESIGNS]),
    ("designs merged-2.9", ["unknown design 'merged-2.9' (did you mean 'merged-2.8'?)"]),
    (
        "check --scenario unaligned-writ",
        ["unknown scenario 'unaligned-writ' (did you mean 'unaligned-write'?)", "copy-on-read"],
    ),
    ("scenarios nonsense", ["unknown scenario 'nonsense'", *(s.slug for s in bundled())]),
    ("check --property deadlok", ["--property", "deadlok", *MEANING]),
    ("trace rfc-2016 --scenario race --property nonsense", ["--property", "nonsense", *MEANING]),
    ("check --engine nump", ["--engine", "nump", "python", "numpy"]),
    ("trace rfc-2016 --scenario race --format svgg", ["--format", "svgg", "text", "json"]),
    ("check --nonsense", ["--nonsense"]),
    ("chek", ["chek"]),
    ("designs rfc-2016 merged-2.8", ["merged-2.8"]),
    ("check --scenario missing.toml", ["missing.toml: ", "No such file"]),
    ("check --scenario folder.toml", ["folder.toml: ", "Is a directory"]),
    ("check --scenario binary.toml", ["binary.toml: ", "not UTF-8"]),
    ("check --scenario syntax.toml", ["syntax.toml: ", "not valid TOML", "line 3"]),
    ("scenarios syntax.toml", ["syntax.toml: ", "not valid TOML", "line 3"]),
    ("check --scenario key.toml", ["key.toml: clutser: unknown key (did you mean 'cluster'?)"]),
    (
        "check --scenario range.toml",
        ["range.toml: request[1].at: [3, 7) runs past the end of the disk", "[0, 4)"],
    ),
    ("check --scenario kind.toml", ["kind.toml: request[1].kind: 'nbd-wrote'", "'nbd-write'"]),
    ("check --scenario small.toml --scenario twin.toml", ["two of the scenarios are named 'a small one"]),
    ("check --max-states 0", ["--max-states", "0", ">=1"]),
    ("check --max-states -5", ["--max-states", "-5", ">=1"]),
    ("check --max-states many", ["--max-states", "'many'"]),
    ("check --max-seconds 0", ["--max-seconds", "0", ">0"]),
    ("check --max-seconds -1.5", ["--max-seconds", "-1.5", ">0"]),
    ("check --json missing/out.json", ["--json: 'missing' is not a folder"]),
    ("check rfc-2061 --traces new", ["unknown design 'rfc-2061'"]),
    ("check --scenario range.toml --traces new --json new.json", ["range.toml: "]),
    ("check --traces file", ["--traces: 'file' cannot be made a folder"]),
    ("check --traces file/below", ["--traces: 'file/below' cannot be made a folder"]),
    ("trace rfc-2016", ["Missing option '--scenario'"]),
    ("trace --scenario race", ["Missing argument"]),
    ("trace rfc-2016 --scenario unaligned-write -o missing/out", ["-o: 'missing' is not a folder"]),
    ("trace rfc-2016 --scenario unaligned-write --from binary.toml", ["binary.toml: byte 128 is not UTF-8"]),
    (
        "trace fleecing-4.0 --scenario two-readers --property concurrency --minimal",
        ["--minimal: ", "witness"],
    ),
    ("report rfc-2016 --scenario race -o -", ["-o: '-' is not a file's path"]),
    ("prove rfc-2016 rfc-2016 --json missing/out", ["--json: 'missing' is not a folder"]),
    ("conform rfc-2061", ["unknown design 'rfc-2061' (did you mean 'rfc-2016'?)", *DESIGNS]),
    ("export rfc-2016 --scenario race", ["Missing option '--to'", "promela", "tla"]),
    ("export rfc-2016 --scenario race --to smv", ["--to", "smv", "promela", "tla"]),
    ("export rfc-2016 --to tla", ["Missing option '--scenario'"]),
    ("export copy-before-write-7.0 --scenario stop --to tla", ["copy-before-write-7.0 has no stop"]),
    ("export rfc-2016 --scenario race --to promela -o missing/out", ["-o: 'missing' is not a folder"]),
    ("export rfc-2016 --scenario race --to tla -o my-model.tla", ["-o: 'my-model.tla' is no module's file"]),
    ("export rfc-2016 --scenario race --to tla -o model.txt", ["-o: 'model.txt' is no module's file"]),
    ("export rfc-2016 --scenario race --to tla -o taken.tla", ["-o: 'taken.cfg' is not a file's path"]),
    (
        "check rfc-2016 --scenario unaligned-write --no-reduce",
        ["unaligned-write: the unreduced disk has 131072 cells of 512 B; accepted: at most 64"],
    ),
]


@pytest.mark.parametrize(("command", "said"), BAD_INPUT, ids=[command for command, _ in BAD_INPUT])
def test_bad_input_is_one_line_on_stderr(bad_files: Path, command: str, said: list[str]) -> None:
    before = contents(bad_files)
    ran = run(bad_files, *command.split())
    assert (ran.status, ran.out) == (2, "")
    assert ran.err.startswith("cowpath: ")
    assert ran.err.endswith("\n")
    assert len(ran.err.splitlines()) == 1
    assert all(words in ran.err for words in said)
    assert contents(bad_files) == before


@pytest.mark.parametrize(
    "command",
    [
        "check rfc-2061 --json kept",
        "check --scenario range.toml --json kept",
        "check --scenario unaligned-write --no-reduce --json kept",
        "check --json kept --traces file",
        "trace rfc-2016 --scenario syntax.toml -o kept",
    ],
)
def test_bad_input_leaves_an_existing_output_file_alone(bad_files: Path, command: str) -> None:
    kept = bad_files / "kept"
    kept.write_text("of an earlier run\n")
    before, identity = contents(bad_files), (kept.stat().st_ino, kept.stat().st_mtime_ns)
    assert run(bad_files, *command.split()).status == 2
    assert contents(bad_files) == before
    assert (kept.stat().st_ino, kept.stat().st_mtime_ns) == identity


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
    assert results[3]["states"] == 0


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
