"""`cowpath trace --minimal`, `--against` and `cowpath report`, as a user runs them."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from tests.commands.running import run

PAGE = ("--format", "html", "--against")
DEADLOCK = ("trace", "rfc-2016", "--scenario", "unaligned-write")


def test_a_minimal_trace_says_what_it_does_without(tmp_path: Path) -> None:
    ran = run(tmp_path, *DEADLOCK, "--minimal")
    assert (ran.status, ran.err) == (1, "")
    assert ran.words.endswith(
        "Minimal: guest-read 0 shortened from [0, 4096) to [0, 512); 2 context switches instead of 3."
    )
    written = json.loads(run(tmp_path, *DEADLOCK, "--minimal", "--format", "json").out)
    assert written["removed"] == [
        "guest-read 0 shortened from [0, 4096) to [0, 512)",
        "2 context switches instead of 3",
    ]


def test_where_nothing_falls_there_is_no_minimal_trace(tmp_path: Path) -> None:
    ran = run(tmp_path, "trace", "rfc-repaired", "--scenario", "race", "--minimal")
    assert (ran.status, ran.out) == (0, "")
    assert ran.err.startswith("no trace: ")


def test_a_page_with_another_design(tmp_path: Path) -> None:
    ran = run(tmp_path, *DEADLOCK, "--format", "html", "--against", "rfc-repaired", "-o", "page.html")
    assert (ran.status, ran.out, ran.err) == (1, "", "")
    page = (tmp_path / "page.html").read_text()
    assert page.startswith("<!doctype html>")
    assert "Here they part." in page
    assert "Here they part." not in run(tmp_path, *DEADLOCK, "--format", "html").out


def test_a_report_has_its_proofs(tmp_path: Path) -> None:
    proof = {
        "design": "rfc-2016",
        "theorem": "snapshot",
        "scope": "any requests",
        "verdict": "undetermined",
        "obligations": [{"name": "one", "proved": False}, {"name": "two", "proved": True}],
        "needs": [],
        "counterexample_to_induction": "a state, and a step\n",
    }
    (tmp_path / "proofs.json").write_text(json.dumps([proof]))
    where = ("--scenario", "race", "--scenario", "unaligned-write")
    ran = run(tmp_path, "report", "rfc-2016", *where, "--proofs", "proofs.json", "-o", "all.html")
    assert (ran.status, ran.err) == (1, "")
    assert re.fullmatch(r"all.html: runs: 2, traces: 1, \d\d kB\n", ran.out)
    page = (tmp_path / "all.html").read_text()
    assert "1 of 2 obligations shown" in page
    assert "<pre>a state, and a step\n</pre>" in page


@pytest.mark.parametrize(
    ("command", "said"),
    [
        ((*DEADLOCK, "--ascii", "--format", "json"), "--ascii: goes with --format text, not with json"),
        ((*DEADLOCK, "--against", "merged-2.8"), "--against: goes with --format html, not with text"),
        ((*DEADLOCK, "--format", "html", "--against", "rfc"), "unknown design 'rfc'"),
        (
            ("trace", "copy-before-write-9.2", "--scenario", "client-discard", *PAGE, "rfc-2016"),
            "rfc-2016 has no client-discard: 'the client discards' does not fit it",
        ),
        (("report", "-o", "missing/all.html"), "-o: 'missing' is not a folder"),
        (("report", "--proofs", "missing.json"), "missing.json: cannot read proofs"),
        (("report", "rfc-2061"), "unknown design 'rfc-2061'"),
    ],
)
def test_bad_input_is_one_line(tmp_path: Path, command: tuple[str, ...], said: str) -> None:
    ran = run(tmp_path, *command)
    assert (ran.status, ran.out) == (2, "")
    assert ran.err.startswith(f"cowpath: {said}")
    assert len(ran.err.splitlines()) == 1
    assert list(tmp_path.iterdir()) == []
