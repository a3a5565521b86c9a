"""Small things with a race, for who looks for it; and the tests that show it."""

from __future__ import annotations

import threading


class Counter:
    def __init__(self) -> None:
        self.n = 0

    def add(self) -> None:
        self.n += 1


def count() -> None:
    counter = Counter()
    threads = [threading.Thread(target=counter.add, name=f"adder {i}") for i in (1, 2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert counter.n == 2


def one_at_a_time() -> None:
    counter = Counter()
    for i in (1, 2):
        thread = threading.Thread(target=counter.add, name=f"adder {i}")
        thread.start()
        thread.join()
    assert counter.n == 2
