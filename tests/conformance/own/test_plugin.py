"""The plugin of pytest: what fails is shown and replayed, fixtures and parameters work."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

pytest_plugins = ["pytester"]

CODE = """
import threading
import pytest
from hypothesis import given, settings, strategies as st
from cowpath.conformance import schedules


class Counter:
    def __init__(self, n=0):
        self.n = n
        self.lock = threading.Lock()

    def add(self):
        self.n += 1

    def add_locked(self):
        with self.lock:
            self.n += 1


def all_of(*bodies):
    threads = [threading.Thread(target=body) for body in bodies]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
"""
COUNT = """
@schedules(200)
def test_count(tmp_path):
    print("a run")
    counter = Counter()
    all_of(counter.add, counter.add)
    print("counted", counter.n)
    assert counter.n == 2
"""


@pytest.fixture
def ran(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> pytest.Pytester:
    monkeypatch.setenv("PYTHONDONTWRITEBYTECODE", "1")
    return pytester


def run(pytester: pytest.Pytester, source: str, *options: str) -> pytest.RunResult:
    pytester.makepyfile(test_it=CODE + source)
    return pytester.runpytest_subprocess("-p", "no:cacheprovider", "-q", *options)


def test_what_fails_is_shown_once_and_replayed(ran: pytest.Pytester) -> None:
    result = run(ran, COUNT)
    result.assert_outcomes(failed=1)
    text = result.stdout.str()
    assert "assert 1 == 2" in text
    assert "where 1 = <test_it.Counter object at" in text
    assert "a schedule fails" in text
    assert re.search(r"2 +self\.n \+= 1", text)
    assert (text.count("a run"), text.count("counted 1")) == (2, 1)  # the first is in the source
    token = re.search(r"--cowpath-replay '([^']*)'", text)
    assert token
    again = run(ran, COUNT, "test_it.py::test_count", "--cowpath-replay", token[1])
    again.assert_outcomes(failed=1)
    assert "replayed, 1 deviation from the default schedule" in again.stdout.str()


def test_what_gets_stuck_is_shown(ran: pytest.Pytester) -> None:
    result = run(
        ran,
        """
@schedules(10)
def test_stuck():
    lock = threading.Lock()
    all_of(lock.acquire, lock.acquire)
""",
    )
    result.assert_outcomes(failed=1)
    text = result.stdout.str()
    assert "nobody can move: main waits at thread.join() (test_it.py:" in text
    assert "Traceback" not in text
    assert "tracebackhide" not in text


def test_an_exception_in_a_thread_has_its_traceback(ran: pytest.Pytester) -> None:
    result = run(
        ran,
        """
def broken():
    return {}["key"]

@schedules(10)
def test_broken():
    all_of(broken)
""",
    )
    result.assert_outcomes(failed=1)
    text = result.stdout.str()
    assert '>       return {}["key"]' in text or '>   return {}["key"]' in text
    assert "kernel.py" not in text
    assert "broken raises KeyError" in text


def test_fixtures_parameters_and_skips_work(ran: pytest.Pytester) -> None:
    result = run(
        ran,
        """
@pytest.fixture
def counter():
    return Counter()

@pytest.mark.parametrize("n", [1, 2])
@schedules(20)
def test_parameters(n):
    counter = Counter(n)
    all_of(counter.add_locked, counter.add_locked)
    assert counter.n == n + 2

@schedules(20)
def test_fixtures(counter):
    all_of(counter.add_locked, counter.add_locked)  # its lock was made outside of the run

class TestMethods:
    @schedules(20)
    def test_method(self):
        counter = Counter()
        all_of(counter.add_locked, counter.add_locked)

@schedules(20)
def test_skipped():
    pytest.skip("for a reason")

@schedules(20)
def test_raises():
    with pytest.raises(ValueError):
        raise ValueError
""",
    )
    result.assert_outcomes(passed=5, skipped=1)


def test_hypothesis_draws_and_the_strategies_search(ran: pytest.Pytester) -> None:
    result = run(
        ran,
        """
@schedules(50)
@settings(database=None, derandomize=True)
@given(n=st.integers(0, 6))
def test_drawn(n):
    counter = Counter()
    all_of(*[counter.add] * n)
    assert counter.n == n

@schedules(5)
@settings(max_examples=10)
@given(n=st.integers(0, 4))
def test_fine(n):
    counter = Counter()
    all_of(*[counter.add_locked] * n)
    assert counter.n == n
""",
    )
    result.assert_outcomes(passed=1, failed=1)
    text = result.stdout.str()
    assert "a schedule fails" in text
    assert re.search(r"n=2,", text)
    assert "to see it again" not in text  # Hypothesis does that


def test_the_number_of_schedules_is_an_option(ran: pytest.Pytester) -> None:
    source = """
import itertools
RUNS = itertools.count()

@schedules(200)
def test_it():
    next(RUNS)

def test_count():
    assert next(RUNS) == 7
"""
    run(ran, source, "--cowpath-schedules", "7").assert_outcomes(passed=2)


REFUSED = [
    (["--cowpath-schedules", "0"], "--cowpath-schedules 0; accepted: 1 or more"),
    (["--cowpath-replay", "nonsense"], "is no token"),
    (["--cowpath-replay", "0:1~ab"], "--cowpath-replay: 2 tests of @schedules are selected; accepted: one"),
]


@pytest.mark.parametrize(("options", "error"), REFUSED)
def test_options_are_checked(ran: pytest.Pytester, options: list[str], error: str) -> None:
    result = run(ran, COUNT + COUNT.replace("test_count", "test_other"), *options)
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    assert error in result.stderr.str()


def test_a_token_of_another_test_is_refused(ran: pytest.Pytester) -> None:
    result = run(ran, COUNT, "--cowpath-replay", "7:1~nnqqqHHHaa")
    result.assert_outcomes(failed=1)
    assert "decision" in result.stdout.str()


def test_what_cannot_be_scheduled_is_refused(ran: pytest.Pytester) -> None:
    result = run(
        ran,
        """
import unittest

@schedules(5)
async def test_async():
    pass

class TestOld(unittest.TestCase):
    @schedules(5)
    def test_method(self):
        pass
""",
    )
    assert "not of TestCase" in result.stdout.str()
    result.assert_outcomes(failed=1, errors=1)
    assert "@schedules is for threads; an async test has none" in result.stdout.str()


def test_a_decorator_without_its_brackets_is_refused(ran: pytest.Pytester) -> None:
    result = run(ran, "@schedules\ndef test_it():\n    pass\n")
    assert "needs its brackets" in result.stdout.str()


def test_it_works_with_xdist_and_plain_assertions(ran: pytest.Pytester) -> None:
    other = COUNT.replace("test_count", "test_other")
    run(ran, COUNT + other, "-n", "2").assert_outcomes(failed=2)
    result = run(ran, COUNT, "--assert=plain")
    result.assert_outcomes(failed=1)
    assert "where 1" not in result.stdout.str()


def test_a_test_without_the_mark_is_left_alone(ran: pytest.Pytester) -> None:
    source = """
def test_plain():
    assert type(threading.Lock()).__module__ == "_thread"
    all_of(lambda: None)
"""
    run(ran, source).assert_outcomes(passed=1)


def test_the_module_of_the_plugin_is_light(ran: pytest.Pytester, tmp_path: Path) -> None:
    source = """
def test_it():
    import sys
    assert not {"numpy", "z3", "networkx", "rich", "click"} & set(sys.modules)
"""
    run(ran, source).assert_outcomes(passed=1)
