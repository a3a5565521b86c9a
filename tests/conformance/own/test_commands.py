"""`conform` and `mutants` of a file of tests, as a user calls them."""

from __future__ import annotations

import json
import re
import signal
import subprocess
import sys
import time
from pathlib import Path
from subprocess import PIPE

import pytest

from tests.in_process import Command

COWPATH = Path(sys.executable).with_name("cowpath")
CODE = """
import threading
from cowpath.conformance import schedules

class Counter:
    def __init__(self):
        self.n = 0
        self.lock = threading.Lock()
    def add(self):
        self.n += 1
    def add_locked(self):
        with self.lock:
            self.n += 1

def both(body):
    threads = [threading.Thread(target=body) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

@schedules(100)
def test_race():
    counter = Counter()
    both(counter.add)
    assert counter.n == 2

@schedules(100)
def test_fine():
    counter = Counter()
    both(counter.add_locked)
    assert counter.n == 2
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("own")
    (made / "test_it.py").write_text(CODE)
    return made


def run_cowpath(folder: Path, *arguments: str) -> tuple[int, str, str]:
    done = subprocess.run(
        [COWPATH, *arguments], cwd=folder, capture_output=True, text=True, timeout=120, check=False
    )
    return done.returncode, done.stdout, done.stderr


def test_a_file_of_tests_conforms_or_not(folder: Path) -> None:
    status, out, err = run_cowpath(folder, "conform", "test_it.py")
    assert (status, err) == (1, "")
    assert "test_race: fails" in out
    assert "test_fine:\n  no failure in 100 schedules of portfolio" in out
    status, out, _ = run_cowpath(
        folder, "conform", "test_it.py::test_fine", "--schedules", "7", "--strategy", "random"
    )
    assert status == 0
    assert "no failure in 7 schedules of random" in out


def test_a_token_replays(folder: Path) -> None:
    _, out, _ = run_cowpath(folder, "conform", "test_it.py::test_race")
    token = re.search(r"token (\S+)", out)
    assert token
    status, again, _ = run_cowpath(folder, "conform", "test_it.py::test_race", "--token", token[1])
    assert status == 1
    assert "replayed, 1 deviation" in again


def test_the_outcomes_are_data(folder: Path) -> None:
    status, out, _ = run_cowpath(folder, "conform", "test_it.py", "--json", "-")
    first, second = json.loads(out)
    assert status == 1
    assert (first["test"], first["verdict"]) == ("test_race", "violated")
    assert first["failure"]["deviations"] == 1
    assert (second["test"], second["verdict"], second["failure"]) == ("test_fine", "holds", None)


REFUSED = [
    (["conform", "nothing.py::test"], "nothing.py: no such file"),
    (
        ["conform", "test_it.py::test_rac"],
        "has no test 'test_rac' under @schedules (did you mean 'test_race'?)",
    ),
    (["conform", "test_it.py", "rfc-2016"], "rfc-2016 is no file of tests under @schedules"),
    (["conform", "test_it.py", "--scenario", "race"], "--scenario is of designs"),
    (["conform", "test_it.py", "--strategy", "dpor"], "--strategy dpor: of a test's own code"),
    (["conform", "test_it.py", "--strategy", "tours"], "--strategy tours: of a test's own code"),
    (["conform", "test_it.py", "--sight", "black"], "--sight: test_race has no model to see with"),
    (["conform", "test_it.py", "--token", "0:1~ab"], "--token: 2 tests are chosen; accepted: one"),
    (["conform", "test_it.py::test_fine", "--token", "nonsense"], "is no token"),
    (["conform", "rfc-2016", "--token", "0:1~ab"], "--token is of a test"),
    (["conform", "broken.py::test"], "broken.py: line 3: ZeroDivisionError"),
    (["conform", "wrong.py::test"], "wrong.py: line 1: "),
    (["conform", "empty.py::test"], "empty.py: has no test under @schedules"),
    (["conform", "fixture.py"], "test_it has parameters"),
    (["mutants", "test_it.py", "--strategy", "pct"], "--strategy is of the stack's mutants"),
    (["mutants", "--function", "add"], "--function is of generated mutants"),
    (["mutants", "test_it.py"], "test_race fails as it is: crash"),
    (["mutants", "test_it.py::test_fine", "--function", "sub"], "there is no function sub to be mutated"),
]


@pytest.mark.parametrize(
    ("arguments", "error"), REFUSED, ids=lambda each: " ".join(each) if isinstance(each, list) else ""
)
def test_bad_input_is_one_line(
    cowpath: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: list[str], error: str
) -> None:
    monkeypatch.setattr(sys, "path", [*sys.path])  # the file's folder is put there, as Python does it
    folder = tmp_path
    (folder / "test_it.py").write_text(CODE)
    (folder / "broken.py").write_text("x = 1\n\nx / 0\n")
    (folder / "wrong.py").write_text("def f(:\n")
    (folder / "empty.py").write_text("x = 1\n")
    fixture = "from cowpath.conformance import schedules\n@schedules(1)\ndef test_it(tmp_path):\n    pass\n"
    (folder / "fixture.py").write_text(fixture)
    done = cowpath(*arguments)
    assert (done.status, done.out, done.err.count("\n")) == (2, "", 1)
    assert error in done.err


def test_mutants_of_ones_own_code(folder: Path) -> None:
    status, out, err = run_cowpath(folder, "mutants", "test_it.py::test_fine", "--budget", "50")
    assert (status, err) == (0, "")
    assert "lock removed: with self.lock:" in out
    assert re.search(r"(\d+) of \1 mutants are seen", out)
    status, out, _ = run_cowpath(
        folder, "mutants", "test_it.py::test_fine", "--budget", "2", "--function", "add_locked", "--json", "-"
    )
    outcomes = json.loads(out)
    assert status == 1
    assert {outcome["function"] for outcome in outcomes} == {"Counter.add_locked"}
    assert [o["kind"] for o in outcomes if not o["killed"]] == ["lock removed"]


@pytest.mark.parametrize("substrate", ["threads", "greenlets"])
@pytest.mark.parametrize("kind", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupt_says_how_far_it_was(folder: Path, kind: signal.Signals, substrate: str) -> None:
    code = CODE.replace("@schedules(100)", f"@schedules(10**9, substrate={substrate!r})")
    marked = code.replace("def test_fine():", "def test_fine():\n    open('running', 'w').close()")
    (folder / "long.py").write_text(marked)
    (folder / "running").unlink(missing_ok=True)
    with subprocess.Popen(
        [COWPATH, "conform", "long.py::test_fine"], cwd=folder, text=True, stdout=PIPE, stderr=PIPE
    ) as process:
        while not (folder / "running").exists():
            time.sleep(0.05)
        process.send_signal(kind)
        out, err = process.communicate(timeout=60)
    assert (process.returncode, err) == (3, "")
    assert "interrupted: no failure in " in out
