"""The examples with threads: pytest alone finds the seeded bug; models explain their own threads."""

from __future__ import annotations

import importlib
import os
import re
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

from cowpath.conformance import Watch, explore
from cowpath.conformance.own.testfile import find_tests
from cowpath.model.explore.engines import ENGINES
from cowpath.model.explore.result import DEADLOCK, UNLIMITED, questions
from cowpath.model.finite.domains import narrow
from cowpath.model.finite.ground import ground

EXAMPLES = Path(__file__).parents[3] / "examples"


@pytest.fixture
def load(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
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


FILES = {"cowmap_model.py": {"with_the_bug"}, "buffer_model.py": set[str](), "rwlock_model.py": set[str]()}


@pytest.mark.parametrize("file", list(FILES))
def test_the_models_explain_their_threads(file: str, load: ModuleType) -> None:
    for test in find_tests(str(EXAMPLES / file)):
        result = explore(test.body, modules=test.modules, model=test.wish.model, schedules=400)
        assert (result.found is not None) == (test.name in FILES[file]), result
        assert isinstance(test.wish.model, Watch)


def test_the_models_say_what_is_wrong_with_the_code(load: ModuleType) -> None:
    """What the threads do as their model says may be a deadlock for all that; the mended ones have none."""
    buffers, locks = load.import_module("buffer_model"), load.import_module("rwlock_model")
    found = {}
    for watch in (
        buffers.watch(buffers.buffer.OneCondition, 1),
        buffers.watch(buffers.buffer.TwoConditions, 2),
        locks.watch(locks.rwlock.ReadWriteLock, False),
        locks.watch(locks.rwlock.Reentrant, True),
    ):
        system, instance = watch.vocabulary.system, watch.vocabulary.instance
        narrowed = narrow(ground(system, instance))
        asked = questions(narrowed.model, [p.name for p in system.properties])
        result = ENGINES["python"].explore(narrowed, asked, UNLIMITED, lambda progress: None)
        assert result.complete
        assert set(result.depths) <= {DEADLOCK}
        found[system.name] = (result.states, result.depths.get(DEADLOCK))
    assert found == {
        "buffer with 1 condition": (38, 6),
        "buffer with 2 conditions": (30, None),
        "read-write-lock": (17, 2),
        "reentrant": (17, None),
    }


def test_threads_of_another_class_are_refused(load: ModuleType) -> None:
    buffers, locks = load.import_module("buffer_model"), load.import_module("rwlock_model")
    one = buffers.buffer.OneCondition
    refused = explore(
        lambda: buffers.buffer.use(one), modules=[buffers.buffer], model=buffers.watch(one, 2), seed=1
    )
    assert refused.found is not None
    assert refused.found.kind == "refused"
    plain = locks.rwlock.ReadWriteLock
    refused = explore(lambda: locks.rwlock.use(plain), modules=[locks.rwlock], model=locks.watch(plain, True))
    assert refused.found is not None
    assert refused.found.reason == "reader cannot move, but in the model it can: read"
