"""Code that is handed what it synchronises with: scheduled, and nobody else's names are touched."""

from __future__ import annotations

import queue
import threading
import time
from types import ModuleType
from typing import Any

import pytest

from cowpath.conformance import explore, injected


class Box:
    """Takes its `threading` from whoever makes it."""

    def __init__(self, modules: Any) -> None:
        self.modules = modules
        self.changed = modules.threading.Condition()
        self.full = False

    def fill(self) -> None:
        self.modules.time.sleep(100)
        with self.changed:
            self.full = True
            self.changed.notify()

    def empty(self) -> None:
        with self.changed:
            if not self.full:
                self.changed.wait(timeout=50)
            assert self.full


def race(modules: Any) -> None:
    box = Box(modules)
    threads = [modules.threading.Thread(target=body) for body in (box.fill, box.empty)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


@pytest.mark.parametrize("substrate", ["threads", "greenlets"])
def test_what_is_injected_is_scheduled(substrate: str) -> None:
    result = explore(lambda: race(injected), injected=True, substrate=substrate)
    assert result.found is not None
    assert result.found.kind == "crash"
    assert "empty raises AssertionError" in str(result)


def test_nothing_of_pythons_own_is_replaced() -> None:
    before = [dict(vars(module)) for module in (threading, queue, time)]
    methods = dict(vars(threading.Thread))

    def test() -> None:
        assert [dict(vars(module)) for module in (threading, queue, time)] == before
        items = injected.queue.Queue(1)
        injected.threading.Thread(target=items.put, args=(1,)).start()
        assert items.get() == 1

    assert explore(test, injected=True, schedules=20).found is None
    assert dict(vars(threading.Thread)) == methods


def test_outside_of_a_run_it_is_as_the_real_thing() -> None:
    assert isinstance(injected.threading, ModuleType)
    seen: list[str] = []
    thread = injected.threading.Thread(target=lambda: seen.append(injected.threading.current_thread().name))
    thread.start()
    thread.join()
    assert seen == [thread.name]
    assert type(injected.threading.Lock()) is type(threading.Lock())
    before = time.monotonic()
    injected.time.sleep(0.001)
    assert injected.time.monotonic() > before
