"""Threaded code under the scheduler, its source unchanged: what works, and what is reported how."""

from __future__ import annotations

import functools
import gc
import queue
import random
import signal
import threading
import time
from collections.abc import Callable
from typing import Any

import pytest

from cowpath.conformance import explore, replay
from cowpath.conformance.own.exchange import SourceError
from cowpath.conformance.own.explore import Exploration
from cowpath.conformance.own.explorer import Way, modules_of
from cowpath.conformance.own.result import Plan
from cowpath.conformance.scheduler.substrate import HangError
from cowpath.model.language.verdict import Verdict
from tests.conformance.own import gallery

SUBSTRATES = ("threads", "greenlets")
each_substrate = pytest.mark.parametrize("substrate", SUBSTRATES)


@each_substrate
@pytest.mark.parametrize(
    ("test", "points"),
    [
        (test, points)
        for test in gallery.HOLDS
        for points in ("statements", "synchronisation")
        # Who waits busily takes no lock, so nobody else ever comes where only these are switched at.
        if (test, points) != (gallery.busy_waiting, "synchronisation")
    ],
)
def test_what_threads_do_works(test: Callable[[], None], points: str, substrate: str) -> None:
    result = explore(test, schedules=30, points=points, substrate=substrate)
    assert result.found is None, result
    assert result.schedules == 30


@each_substrate
def test_it_takes_no_time(substrate: str) -> None:
    before = time.monotonic()
    assert explore(gallery.timeouts, schedules=3, substrate=substrate).found is None
    assert time.monotonic() - before < 60  # of some 570 s in the run's own time


@each_substrate
def test_what_an_exception_ends_is_a_failure(substrate: str) -> None:
    result = explore(gallery.raises, substrate=substrate)
    assert result.verdict is Verdict.VIOLATED
    assert result.found is not None
    assert (result.found.kind, result.found.number) == ("crash", 1)
    assert isinstance(result.found.error, ZeroDivisionError)
    assert "raises ZeroDivisionError" in str(result)


@each_substrate
def test_who_cannot_move_is_named_with_the_place(substrate: str) -> None:
    result = explore(gallery.waits_for_ever, substrate=substrate)
    assert result.found is not None
    assert result.found.kind == "stuck"
    assert "main waits at thread.join() (gallery.py:" in result.found.reason
    assert "body waits at with lock, lock: (gallery.py:" in result.found.reason


@each_substrate
def test_who_swallows_his_end_is_left_behind(substrate: str) -> None:
    result = explore(gallery.swallows_its_end, substrate=substrate)
    assert result.found is not None
    assert result.found.kind == "stuck"
    assert explore(gallery.cleaning_up, schedules=5, substrate=substrate).found is None


@each_substrate
def test_who_spins_is_stopped(substrate: str) -> None:
    result = explore(gallery.spins, limit=500, substrate=substrate)
    assert result.found is not None
    assert result.found.kind == "limit"
    assert "it spins: the run takes more than 500 steps" in str(result)


def test_who_does_not_come_back_is_reported_with_the_place() -> None:
    with pytest.raises(HangError, match=r"body 2 has not come back for 2 s at with lock: \(gallery"):
        explore(gallery.waits_for_a_hidden_lock, patience=2, strategy="random")
    gallery.HIDDEN.__closure__[0].cell_contents.release()
    assert explore(gallery.cleaning_up, schedules=5).found is None


@each_substrate
def test_nothing_is_left_behind(substrate: str) -> None:
    before = [vars(module).copy() for module in (threading, time, queue, gallery, gallery.Holder)]
    codes = {name: f.__code__ for name, f in vars(gallery).items() if hasattr(f, "__code__")}
    state, methods = random.getstate(), dict(vars(threading.Thread))
    collecting = gc.isenabled()
    for test in (gallery.other_things_of_the_module, gallery.waits_for_ever, gallery.raises):
        explore(test, schedules=5, substrate=substrate)
    after = [vars(module).copy() for module in (threading, time, queue, gallery, gallery.Holder)]
    assert after == before
    assert {name: f.__code__ for name, f in vars(gallery).items() if hasattr(f, "__code__")} == codes
    assert (random.getstate(), dict(vars(threading.Thread)), gc.isenabled()) == (state, methods, collecting)
    assert gallery.CONDITION.acquire(blocking=False)
    gallery.CONDITION.release()


def test_who_is_no_thread_of_the_run_has_the_real_things() -> None:
    seen: list[object] = []

    def watch() -> None:
        while not done.is_set():
            seen.append((type(threading.Lock()), threading.current_thread() is real, threading.get_ident()))
            time.sleep(0.001)

    done = threading.Event()
    real = threading.Thread(target=watch)
    real.start()
    try:
        assert explore(gallery.executors, schedules=100).found is None
    finally:
        done.set()
        real.join()
    assert set(seen) == {(type(threading.Lock()), True, real.ident)}


def test_one_exploration_at_a_time() -> None:
    def test() -> None:
        explore(gallery.cleaning_up)

    result = explore(test)
    assert result.found is not None
    assert "an exploration is under way" in result.found.reason


@each_substrate
def test_ctrl_c_ends_it_with_what_is_known(substrate: str) -> None:
    """The signal comes in the middle of a run: to whoever runs the kernel, or on greenlets to a task."""
    runs = 0

    def test() -> None:
        nonlocal runs
        runs += 1
        if runs == 3:
            signal.raise_signal(signal.SIGINT)
        gallery.cleaning_up()

    exploration = Exploration(test, [gallery], Plan(50, way=Way(substrate=substrate)))
    result = exploration.explore()
    assert result.verdict is Verdict.UNDETERMINED
    assert result.schedules in (2, 3)
    assert "interrupted: no failure in" in str(result)
    assert explore(gallery.cleaning_up, schedules=5, substrate=substrate).found is None


@each_substrate
def test_what_is_no_exception_comes_out(substrate: str) -> None:
    class Outcome(BaseException):
        """As pytest's skip."""

    def test() -> None:
        raise Outcome

    with pytest.raises(Outcome):
        explore(test, substrate=substrate)
    assert explore(gallery.cleaning_up, schedules=5, substrate=substrate).found is None


def test_a_module_without_source_is_refused() -> None:
    space: dict[str, Any] = {"__name__": "nowhere"}
    exec("def test(): pass", space)
    with pytest.raises(SourceError, match="which module it is from"):
        explore(space["test"])


def test_to_interrupt_nothing_is_refused() -> None:
    with pytest.raises(SourceError, match="no module: has no function to be interrupted"):
        explore(gallery.cleaning_up, modules=[])


def test_the_modules_are_ones_own() -> None:
    names = [module.__name__ for module in modules_of(test_the_modules_are_ones_own)]
    assert names == ["tests.conformance.own.test_threads", "tests.conformance.own.gallery"]


def test_objects_that_are_there_already_lend_their_locks() -> None:
    holder = Box()

    def test() -> None:
        gallery.go(holder.add, holder.add)

    before = vars(holder).copy()
    assert explore(functools.partial(test), objects=[holder], schedules=20).found is None
    assert {**vars(holder), "n": 0} == before


class Box:
    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.changed = threading.Condition(self.lock)
        self.n = 0

    def add(self) -> None:
        with self.changed:
            self.n += 1
            self.changed.notify_all()


def hurried() -> None:
    """Takes a wait that is long for one that is long enough."""
    done: list[int] = []
    thread = threading.Thread(target=lambda: done.append(1), name="worker")
    thread.start()
    time.sleep(10)
    assert done


def test_time_may_pass_before_others_move() -> None:
    assert explore(hurried, schedules=200).found is None
    result = explore(hurried, schedules=200, hasty=True)
    assert result.found is not None
    again = replay(hurried, result.found.token, hasty=True)
    assert again.found is not None
    assert again.found.reason == result.found.reason
