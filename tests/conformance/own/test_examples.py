"""The examples with threads: pytest alone finds the seeded bug; models explain their own threads."""

from __future__ import annotations

import importlib
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from cowpath.conformance import Watch, explore
from cowpath.conformance.own.testfile import find_tests
from tests.in_process import Command

FORMATS = ("text", "html", "svg", "mermaid", "json", "itf")
EXAMPLES = Path(__file__).parents[3] / "examples"


@pytest.fixture
def load(monkeypatch: pytest.MonkeyPatch) -> Any:
    """The examples as one has them who runs Python there."""
    monkeypatch.syspath_prepend(EXAMPLES)
    return importlib


def run_pytest(*arguments: str) -> tuple[int, str]:
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", *arguments],
        cwd=EXAMPLES, capture_output=True, text=True, timeout=300, check=False,
        env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1"},
    )  # fmt: skip
    return done.returncode, done.stdout


def test_the_seeded_bug_is_found_by_pytest_alone_and_its_token_replays() -> None:
    status, out = run_pytest("test_cowmap.py")
    assert status == 1
    assert "1 failed, 2 passed" in out
    assert "test_the_snapshot_is_what_was_there[CopyOnWriteMap]" in out
    assert "assert 'new 2' == 'old'" in out
    found = re.search(r"to see it again: pytest '[^']*::([^']*)' --cowpath-replay '([^']*)'", out)
    assert found
    status, again = run_pytest(f"test_cowmap.py::{found[1]}", "--cowpath-replay", found[2])
    assert status == 1
    assert "replayed, 3 deviations" in again


# Each model, its scenario, which tests are refused, which property falls.
MODELS = [
    ("cowmap_model.py", "cowmap.toml", {"test_with_the_bug"}, None),
    ("buffer_model.py", "buffer.toml", set[str](), "deadlock"),
    ("buffer_repaired.py", "buffer.toml", set[str](), None),
    ("rwlock_model.py", "rwlock.toml", set[str](), "deadlock"),
    ("rwlock_repaired.py", "rwlock.toml", set[str](), None),
]
each_model = pytest.mark.parametrize(("file", "scenario", "refused", "falls"), MODELS)


@each_model
def test_the_models_explain_their_threads(
    file: str, scenario: str, refused: set[str], falls: str | None, load: Any
) -> None:
    for test in find_tests(str(EXAMPLES / file)):
        result = explore(test.body, modules=test.modules, model=test.wish.model, schedules=400)
        assert (result.found is not None) == (test.name in refused), result
        assert result.stuck == 0 or falls == "deadlock"
        assert isinstance(test.wish.model, Watch)


@each_model
def test_the_models_say_what_is_wrong_with_the_code(
    file: str, scenario: str, refused: set[str], falls: str | None, cowpath: Command
) -> None:
    """What the threads do as their model says may be a deadlock for all that; the repaired ones have none."""
    on = (str(EXAMPLES / file), "--scenario", str(EXAMPLES / scenario))
    checked = cowpath("check", *on)
    assert (checked.status, checked.err) == (1 if falls else 0, "")
    assert "Not as expected" not in checked.out
    for form in FORMATS:
        traced = cowpath("trace", *on, "--format", form)
        assert traced.status == (1 if falls else 0)
        assert traced.out or traced.err.startswith("no trace: ")
        assert bool(traced.err) <= (falls is None)
    for rest in (("graph",), ("export", "--to", "tla"), ("export", "--to", "promela"), ("step",)):
        done = cowpath(rest[0], *on, *rest[1:])
        assert (done.status, done.err) == (0, "")


def test_threads_of_another_class_are_refused(load: Any) -> None:
    buffers, repaired = load.import_module("buffer_model"), load.import_module("buffer_repaired")
    one = buffers.buffer.OneCondition
    judge = buffers.watch(repaired.DESIGN, one, "changed", "changed")
    refused = explore(lambda: buffers.buffer.use(one), modules=[buffers.buffer], model=judge)
    assert refused.found is not None
    assert refused.found.kind == "refused"
    locks, mended = load.import_module("rwlock_model"), load.import_module("rwlock_repaired")
    plain, judge = locks.rwlock.ReadWriteLock, locks.watch(mended.DESIGN)
    refused = explore(lambda: locks.rwlock.use(plain), modules=[locks.rwlock], model=judge)
    assert refused.found is not None
    assert refused.found.reason == "reader cannot move, but in the model it can: read"
