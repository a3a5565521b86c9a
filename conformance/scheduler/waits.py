"""Who waits for whom, and the cycle that a deadlock is."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from impl.reqlist import Wait


def wait_cycle(parked: Mapping[str, Callable[[], bool]], start: str) -> tuple[Wait, ...]:
    """Return the cycle of waits that `start` is on, beginning there; nothing if there is none.

    `parked` has everyone who waits, and the predicate. Each waits for one entry of a list to go, so the
    wait-for graph has one edge a node, and a cycle is for ever, whatever the others do.
    """
    waits: dict[str, Wait] = {}
    waiter = start
    while waiter not in waits and isinstance(wait := parked.get(waiter), Wait):
        waits[waiter] = wait
        waiter = wait.entry.owner.name
    # Else nobody is reached who waits, or a cycle that others are on.
    return tuple(waits.values()) if waiter == start else ()
