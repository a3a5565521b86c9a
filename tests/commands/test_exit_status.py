"""The exit status is never an accident: streams that are closed, cut short or full, and errors of our own."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from cowpath.command_line import COMMANDS, LONGEST_LINE, main
from tests.commands.running import COWPATH, PATIENCE, Ran, environment, run
from tests.draws import everything

STATUSES = [
    ("designs", 0),
    ("check rfc-repaired --scenario race", 0),
    ("check unserialised --scenario race", 1),
    ("trace rfc-2016 --scenario unaligned-write", 1),
    ("check rfc-repaired --scenario race --max-states 3", 3),
    ("check nonsense", 2),
]
REDIRECTED = [">&-", "2>&-", "<&- >&- 2>&-", "| head -1", "2>&1 | head -1", "| true"]
# Each of both in some pair; all pairs with `--everything`.
TOGETHER = [
    (command, status, redirected)
    for n, (command, status) in enumerate(STATUSES)
    for m, redirected in enumerate(REDIRECTED)
    if everything() or (m - n) % len(STATUSES) < 2
]


def by_shell(folder: Path, command: str, redirected: str) -> Ran:
    """Run the command with its streams as a shell redirects them; the status is its own."""
    done = subprocess.run(
        ["sh", "-c", f"{{ '{COWPATH}' {command}; echo $? > status; }} {redirected}"],
        cwd=folder,
        env=environment(),
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )
    return Ran(int((folder / "status").read_text()), done.stdout, done.stderr)


@pytest.mark.parametrize(("command", "status", "redirected"), TOGETHER)
def test_streams_closed_or_cut_short_do_not_change_it(
    tmp_path: Path, command: str, status: int, redirected: str
) -> None:
    ran = by_shell(tmp_path, command, redirected)
    assert ran.status == status
    assert "Traceback" not in ran.out + ran.err
    assert status == 2 or ran.err == ""


def test_a_full_standard_error_does_not_change_it(tmp_path: Path) -> None:
    assert by_shell(tmp_path, "check unserialised --scenario race", "2>/dev/full").status == 1


def test_a_walk_without_input_ends_at_once(tmp_path: Path) -> None:
    ran = by_shell(tmp_path, "step rfc-2016 --scenario race", "<&-")
    assert (ran.status, ran.err) == (0, "")


# -- errors of our own


def test_an_error_of_our_own_is_70_with_all_that_is_known_of_it(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail(name: str) -> None:
        raise LookupError("something nobody has thought of")

    monkeypatch.setattr("cowpath.command_line.open_streams", lambda: None)
    monkeypatch.setattr("cowpath.model.commands.listings.find_scenarios", fail)
    monkeypatch.setattr(sys, "argv", ["cowpath", "scenarios"])
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == 70
    told = capsys.readouterr().err
    assert "something nobody has thought of" in told
    assert "Traceback" in told
    assert told.splitlines()[-1].startswith("cowpath: this is a bug in cowpath")


BROKEN = """
from dataclasses import replace
from cowpath.model.designs import DESIGNS, Design
from cowpath.model.language.claim import claim
from cowpath.model.stack.world import Request

calls = []

def {name}(s, r):
    calls.append(s)
    {body}

RFC = DESIGNS["rfc-repaired"]
DESIGN = Design(
    "mine", build=lambda: replace(RFC.system, name="mine"),
    argument=replace(RFC.proof, invariants=(claim("nobody finishes", Request)({name}),)),
)
"""


def test_an_error_in_a_process_of_its_own_is_70_too(tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text(
        BROKEN.format(name="fails", body="return {}[0] if len(calls) > 1 else s.pc[r] == s.pc[r]")
    )
    ran = run(tmp_path, "prove", "mine.py", "--theorem", "snapshot")
    assert ran.status == 70
    assert "KeyError" in ran.err
    assert ran.err.splitlines()[-1].startswith("cowpath: this is a bug in cowpath")


def test_an_invariant_that_is_broken_is_shown_by_its_trace(tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text(BROKEN.format(name="false", body='return s.pc[r] != "done"'))
    ran = run(tmp_path, "prove", "mine.py", "--theorem", "snapshot")
    assert ran.status == 2
    assert ran.err == "cowpath: mine on 'the race' breaks the invariant: nobody finishes\n"
    assert "mine on 'the race': nobody finishes, shortest trace, " in ran.out
    ran = run(tmp_path, "prove", "mine.py", "--theorem", "snapshot", "--json", "-")
    assert (ran.status, ran.out) == (2, "")


@pytest.mark.parametrize("name", list(COMMANDS))
def test_what_is_echoed_is_bounded(tmp_path: Path, name: str) -> None:
    ran = run(tmp_path, name, "x" * 60_000, "--scenario", "y" * 60_000)
    assert ran.status == 2
    assert len(ran.err) <= LONGEST_LINE + 100
