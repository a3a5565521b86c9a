"""Something to mutate: a place for every kind of mutation, a child, and a closure."""

from __future__ import annotations

import threading
from collections.abc import Callable


class Kinds:
    def __init__(self) -> None:
        self.n = 0
        self.lock = threading.Lock()
        self.changed = threading.Condition(self.lock)

    def work(self) -> None:
        """Do nothing."""

    def method(self, x: int = 7) -> None:
        """Words."""
        self.n = 1
        with self.lock:
            self.n += 2
            self.n = self.n
        while not self.n > 3:
            self.changed.wait()
        try:
            self.work()
        finally:
            self.changed.notify_all()
        if self.n and x:
            raise ValueError(x)
        return


class Parent:
    def __init__(self) -> None:
        self.n = 5


class Child(Parent):
    def __init__(self) -> None:
        super().__init__()
        if self.n < 0:
            self.n = 7


def nested() -> Callable[[], int]:
    x = 0

    def inner() -> int:
        return x + 1

    return inner
