"""One run, watched: the events go in one by one, and the first that nothing explains is refused."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from cowpath.conformance.monitor.oracle import Node, Oracle
from cowpath.conformance.runs.log import Event


@dataclass(frozen=True)
class Refusal:
    """An event, the `position`-th, that no state of the model explains.

    `before` has those that explain all the others before it.
    """

    position: int
    event: Event
    before: Node


class Monitor:
    """Follows one run. `states` are the model's that explain all that was seen so far."""

    def __init__(self, oracle: Oracle) -> None:
        self.oracle = oracle
        self.node = oracle.first
        self.position = 0

    @property
    def states(self) -> frozenset[bytes]:
        """The states of the model that explain what was seen."""
        return frozenset(each.state for each in self.node.explaining)

    def observe(self, event: Event) -> Refusal | None:
        """Take in what the oracle's sight lets through of an event."""
        seen = self.oracle.sees(event)
        if seen is not None:
            node = self.oracle.follow(self.node, seen)
            if node is None:
                return Refusal(self.position, seen, self.node)
            self.node = node
        self.position += 1
        return None


def judge(oracle: Oracle, events: Iterable[Event]) -> Refusal | None:
    """Return the first event of a whole run that the model does not explain, None if it explains all."""
    return next(filter(None, map(Monitor(oracle).observe, events)), None)
