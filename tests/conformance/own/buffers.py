"""Buffers of one place, right, and wrong in the usual ways; their threads are called as a model's owners."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any


class Right:
    def __init__(self) -> None:
        self.items: list[Any] = []
        self.changed = threading.Condition()

    def put(self, item: Any) -> None:
        with self.changed:
            while self.items:
                self.changed.wait()
            self.items.append(item)
            self.changed.notify_all()

    def get(self) -> Any:
        with self.changed:
            while not self.items:
                self.changed.wait()
            item = self.items.pop(0)
            self.changed.notify_all()
            return item


class Lost(Right):
    """Wakes one, who may be of the wrong kind."""

    def put(self, item: Any) -> None:
        with self.changed:
            while self.items:
                self.changed.wait()
            self.items.append(item)
            self.changed.notify()

    def get(self) -> Any:
        with self.changed:
            while not self.items:
                self.changed.wait()
            item = self.items.pop(0)
            self.changed.notify()
            return item


class Hasty(Right):
    """Looks once, and not again: who is woken believes that there is room."""

    def put(self, item: Any) -> None:
        with self.changed:
            if self.items:
                self.changed.wait()
            self.items.append(item)
            self.changed.notify_all()


class Twice(Right):
    """Looks in one section and takes in another: two may take the same."""

    def get(self) -> Any:
        with self.changed:
            while not self.items:
                self.changed.wait()
            item = self.items[0]
        with self.changed:
            self.items.clear()
            self.changed.notify_all()
            return item


def workload(make: Callable[[], Right], puts: int = 2, gets: int = 2) -> Callable[[], None]:
    def test() -> None:
        buffer = make()
        threads = [
            *(threading.Thread(target=buffer.put, args=(i,), name=f"put {i}") for i in range(puts)),
            *(threading.Thread(target=buffer.get, name=f"get {i}") for i in range(gets)),
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    return test
