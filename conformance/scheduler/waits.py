"""Who waits for whom, and the cycle that a deadlock is."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from impl.reqlist import Wait
from model.trace.text import describe_cycle
from model.trace.trace import WaitEdge


def wait_cycle(parked: Mapping[str, Callable[[], bool]], start: str) -> tuple[WaitEdge, ...]:
    """Return the cycle of waits that `start` is on, from its first name on; nothing if there is none.

    `parked` has everyone who waits, and the predicate. Each waits for one entry of a list to go, so the
    wait-for graph has one edge a node, and a cycle is for ever, whatever the others do.
    """
    edges: dict[str, WaitEdge] = {}
    waiter = start
    while isinstance(wait := parked.get(waiter), Wait):
        holder = wait.entry.owner.name
        edges[waiter] = WaitEdge(waiter, holder, wait.on, str(wait.entry))
        if holder == start:
            names = list(edges)
            first = names.index(min(names))
            return tuple(edges[name] for name in names[first:] + names[:first])
        if holder in edges:
            break  # it runs into a cycle that others are on
        waiter = holder
    return ()


def describe(cycle: tuple[WaitEdge, ...]) -> str:
    """Return the cycle in words, as the model's traces do."""
    return "; ".join(describe_cycle(cycle))
