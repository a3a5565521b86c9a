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

EXAMPLES = Path(__file__).parents[3] / "examples"


@pytest.fixture
def load(monkeypatch: pytest.MonkeyPatch) -> Any:
    """The examples as one has them who runs Python there."""
    monkeypatch.syspath_prepend(EXAMPLES)
    for name in [path.stem for path in EXAMPLES.glob("*.py")]:
        monkeypatch.delitem(sys.modules, name, raising=False)
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


# Each model, which tests are refused, and whether its threads may get stuck.
MODELS = [
    ("cowmap_model.py", {"test_with_the_bug"}, False),
    ("buffer_model.py", set[str](), True),
    ("buffer_repaired.py", set[str](), False),
    ("rwlock_model.py", set[str](), True),
    ("rwlock_repaired.py", set[str](), False),
]


@pytest.mark.parametrize(("file", "refused", "stuck"), MODELS)
def test_the_models_explain_their_threads(file: str, refused: set[str], stuck: bool, load: Any) -> None:
    for test in find_tests(str(EXAMPLES / file)):
        result = explore(test.body, modules=test.modules, model=test.wish.model)
        assert (result.found is not None) == (test.name in refused), result
        assert result.found or bool(result.stuck) == stuck
        assert isinstance(test.wish.model, Watch)


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
