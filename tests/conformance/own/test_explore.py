"""Exploring: what is found, by whom, how short it gets, that tokens replay, and what is said of it."""

from __future__ import annotations

import threading
from concurrent.futures import Future, ThreadPoolExecutor, as_completed, wait
from typing import Any

import pytest

from cowpath.conformance import explore, replay
from cowpath.conformance.own.result import STRATEGIES, ScheduleError
from cowpath.conformance.scheduler.schedule import ReplayError
from cowpath.model.language.errors import InputError
from cowpath.model.language.verdict import Verdict
from tests.conformance.own import buffers, races
from tests.conformance.own.buffers import Lost, Right, workload

RACE = """\
     adder 1      adder 2      main
  1  self.n += 1
  2               self.n += 1
  3               self.n += 1
  4  self.n += 1
  5                            thread.join()
  6                            assert counter.n == 2
main raises AssertionError at assert counter.n == 2 (races.py:23)."""


@pytest.mark.parametrize("strategy", list(STRATEGIES))
@pytest.mark.parametrize("substrate", ["threads", "greenlets"])
def test_every_strategy_finds_the_race(strategy: str, substrate: str) -> None:
    result = explore(races.count, strategy=strategy, substrate=substrate)
    assert result.found is not None
    assert result.verdict is Verdict.VIOLATED
    assert len(result.found.run.schedule.deviations) == 1
    assert result.found.minimal


def test_what_is_found_is_drawn() -> None:
    text = str(explore(races.count))
    assert text.startswith(RACE)
    assert "found by schedule" in text
    assert text.splitlines()[-1].startswith("token ")


def test_many_threads_are_drawn_as_a_list() -> None:
    result = explore(workload(Lost), modules=[buffers])
    assert "  1  get 0  with self.changed:\n  2  get 1    with self.changed:\n" in str(result)
    assert max(len(line) for line in str(result).splitlines()) <= 100


@pytest.mark.parametrize("substrate", ["threads", "greenlets"])
def test_tokens_are_the_same_from_run_to_run_and_replay(substrate: str) -> None:
    results = [explore(workload(Lost), modules=[buffers], substrate=substrate) for _ in range(2)]
    found = [result.found for result in results]
    assert found[0] is not None
    assert found[1] is not None
    assert found[0].token == found[1].token
    again = replay(workload(Lost), found[0].token, modules=[buffers], substrate=substrate)
    assert again.found is not None
    assert (again.found.reason, again.found.token) == (found[0].reason, found[0].token)
    assert "replayed, 2 deviations" in str(again)


def test_executors_join_and_futures_come_in_the_same_order_in_every_run() -> None:
    """Of threads and of futures they have sets, which are ordered by hash; and their threads are numbered."""
    seen = []

    def pooled() -> None:
        with ThreadPoolExecutor(6) as pool:
            futures = [pool.submit(pow, 2, i) for i in range(6)]
            wait(futures)
            completed = [future.result() for future in as_completed(futures)]
            seen.append((completed, [thread.name for thread in vars(pool)["_threads"]]))

    hashes = threading.Thread.__hash__, Future.__hash__
    for _ in range(4):
        explore(pooled, schedules=3, points="synchronisation")
    assert seen[:3] * 4 == seen
    assert seen[0][1][0] == "ThreadPoolExecutor-0_0"
    assert (threading.Thread.__hash__, Future.__hash__) == hashes


def test_tokens_do_not_depend_on_the_substrate() -> None:
    one, other = (explore(workload(Lost), modules=[buffers], substrate=s) for s in ("threads", "greenlets"))
    assert one.found is not None
    assert other.found is not None
    assert one.found.token == other.found.token


def test_a_token_of_another_test_is_refused() -> None:
    found = explore(races.count).found
    assert found is not None
    with pytest.raises(ReplayError, match="decision"):
        replay(races.one_at_a_time, found.token)
    with pytest.raises(ReplayError, match="is no token"):
        replay(races.count, "nonsense")


def test_synchronisation_alone_misses_it() -> None:
    assert explore(races.count, points="synchronisation", schedules=200).found is None


def test_who_tries_everything_says_so() -> None:
    result = explore(races.one_at_a_time, strategy="dfs")
    assert result.found is None
    assert result.exhausted
    assert result.schedules < 100
    assert "which are all that dfs has" in str(result)
    assert result.verdict is Verdict.HOLDS


def test_the_first_schedule_is_the_default_one() -> None:
    def test() -> None:
        raise ValueError("always")

    result = explore(test)
    assert result.found is not None
    assert (result.found.number, result.found.replays, result.found.minimal) == (1, 0, True)
    assert "found by schedule 1, 0 deviations" in str(result)


def test_to_check_is_to_raise() -> None:
    with pytest.raises(ScheduleError, match="token") as raised:
        explore(races.count).check()
    assert isinstance(raised.value.__cause__, AssertionError)
    assert explore(workload(Right), modules=[buffers], schedules=20).check().found is None


def test_what_was_run_is_said() -> None:
    text = str(explore(workload(Right), modules=[buffers], schedules=20))
    assert text.startswith("no failure in 20 schedules of portfolio, ")
    assert text.endswith("threads were interrupted at the statements of tests.conformance.own.buffers")


SETTINGS: list[tuple[dict[str, Any], str]] = [
    ({"points": "lines"}, "points='lines'; accepted: statements, synchronisation"),
    ({"substrate": "processes"}, "substrate='processes'; accepted: threads, greenlets"),
    ({"strategy": "dpor"}, "strategy='dpor'; accepted: portfolio"),
    ({"schedules": 0}, "schedules=0; accepted: 1 or more"),
]


@pytest.mark.parametrize(("setting", "error"), SETTINGS)
def test_settings_are_checked(setting: dict[str, Any], error: str) -> None:
    with pytest.raises(InputError, match=error):
        explore(races.count, **setting)


def test_random_numbers_are_the_same_in_every_run() -> None:
    import random

    drawn: set[float] = set()

    def test() -> None:
        drawn.add(random.random())

    explore(test, schedules=5)
    assert len(drawn) == 1


STARTED: list[int] = []
TOTAL = 0


class Registry:
    entries: dict[str, int] = {}  # noqa: RUF012, it is what is tested
    made = 0


def test_what_a_module_keeps_is_put_back_for_every_run() -> None:
    def test() -> None:
        global TOTAL
        TOTAL += 1
        STARTED.append(TOTAL)
        Registry.made += 1
        Registry.entries["key"] = Registry.made
        assert (TOTAL, STARTED, Registry.made, Registry.entries) == (1, [1], 1, {"key": 1})

    entries, started = Registry.entries, STARTED
    assert explore(test, schedules=5).found is None
    assert (TOTAL, STARTED, Registry.made, Registry.entries) == (0, [], 0, {})
    assert Registry.entries is entries
    assert STARTED is started


def test_a_run_that_is_another_one_the_next_time_is_called_fickle() -> None:
    import itertools

    numbers = itertools.count()

    def sometimes() -> None:
        assert next(numbers) != 3

    def otherwise() -> None:
        number = next(numbers)
        for _ in range(number % 7 + 1):
            threading.Thread(target=int).start()
        assert number < 3

    for test in (sometimes, otherwise):
        numbers = itertools.count()
        result = explore(test)
        assert result.found is not None
        assert result.found.fickle
        assert "when this schedule is run again, " in str(result)
        assert "Something is kept from run to run" in " ".join(str(result).split())


def test_what_is_printed_is_of_the_replay_alone(capsys: pytest.CaptureFixture[str]) -> None:
    def test() -> None:
        print("hello")
        races.count()

    found = explore(test, modules=[races]).found
    assert capsys.readouterr().out == ""
    assert found is not None
    replay(test, found.token, modules=[races])
    assert capsys.readouterr().out == "hello\n"


def test_long_tokens_are_written_short() -> None:
    def test() -> None:
        thread = threading.Thread(target=races.one_at_a_time)
        thread.start()
        for _ in range(60):
            pass
        raise ValueError

    found = explore(test, modules=[races, __import__(__name__, fromlist=["x"])]).found
    assert found is not None
    assert len(found.token) < 40
    assert replay(test, found.token, modules=[races, __import__(__name__, fromlist=["x"])]).found is not None
