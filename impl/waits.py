"""Who waits for whom, and the cycle that a deadlock is."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from typing import cast

from cowpath.impl.reqlist import Wait
from cowpath.impl.sync import Condition, Lock, Threads


def wait_cycle(parked: Mapping[str, Callable[[], bool]], start: str) -> tuple[Wait, ...]:
    """Return the cycle of waits that `start` is on, beginning there; nothing if there is none.

    `parked` has everyone who waits, and the predicate. Each waits for one entry of a list to go, so the
    wait-for graph has one edge a node, and a cycle is for ever, whatever the others do.
    """
    waits: dict[str, Wait] = {}
    waiter = start
    while waiter not in waits and isinstance(wait := parked.get(waiter), Wait) and not wait():
        waits[waiter] = wait
        waiter = wait.entry.owner.name
    # Else nobody is reached who waits, or a cycle that others are on.
    return tuple(waits.values()) if waiter == start else ()


def describe(cycle: tuple[Wait, ...]) -> str:
    """Return a cycle in words: what each holds, whom it waits for and where."""
    return "; ".join(
        f"{wait.waiter} holds {before.entry}, waits for {wait.entry.owner} on {wait.on}"
        for before, wait in zip((cycle[-1], *cycle[:-1]), cycle, strict=True)
    )


class WatchedThreads(Threads):
    """Python's own threads, where a wait that closes a cycle is reported before it hangs for ever."""

    def __init__(self, report: Callable[[tuple[Wait, ...]], None], delay: float = 0.0) -> None:
        """`report` is called by the thread whose wait closes the cycle, with the stack's lock held."""
        super().__init__(delay)
        self.report = report
        self.parked: dict[str, Wait] = {}

    def condition(self, lock: Lock) -> Condition:
        """Return a `threading.Condition` that knows who waits; the lock must come from `lock`."""
        return _WatchedCondition(lock, self)


class _WatchedCondition:
    def __init__(self, lock: Lock, threads: WatchedThreads) -> None:
        self.threads = threads
        self.condition = threading.Condition(cast(threading.Lock, lock))

    def wait_for(self, predicate: Callable[[], bool], timeout: float | None = None) -> object:
        parked = self.threads.parked
        if not isinstance(predicate, Wait) or predicate():
            return self.condition.wait_for(predicate, timeout)
        name = predicate.waiter.name
        parked[name] = predicate
        cycle = wait_cycle(parked, name)
        if cycle:
            self.threads.report(cycle)
        try:
            return self.condition.wait_for(predicate)
        finally:
            del parked[name]

    def notify_all(self) -> None:
        self.condition.notify_all()
