"""The naive search over the reference, which says what a system does."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import cached_property

import networkx as nx

from cowpath.model.explore.result import DEADLOCK
from cowpath.model.finite.reference import Reference, Vector
from cowpath.model.language.system import Property
from tests.toys import Step

CAP = 300  # states that the naive search looks at


class Naive:
    """Breadth-first search over the reference, state by state, up to `CAP` states."""

    def __init__(self, reference: Reference) -> None:
        self.reference = reference
        initial = reference.initial()
        self.depths = {initial: 0}
        self.successors: dict[Vector, list[tuple[Step, Vector]]] = {}
        for state in (queue := [initial]):
            if len(self.depths) > CAP:
                break
            found = [((s.action.label, s.arguments), s.after) for s in reference.steps(state)]
            self.successors[state] = found
            for _, after in found:
                if after not in self.depths:
                    self.depths[after] = self.depths[state] + 1
                    queue.append(after)
        self.complete = len(self.successors) == len(self.depths)

    @property
    def numbers(self) -> tuple[int, int, int]:
        transitions = sum(map(len, self.successors.values()))
        return len(self.depths), transitions, max(self.depths.values())

    @property
    def sought(self) -> dict[str, Callable[[Vector], bool]]:
        """For each property the states that decide it."""

        def decided_by(p: Property) -> Callable[[Vector], bool]:
            return lambda state: bool(self.reference.value(p.formula, state, {})) == (p.kind == "sometimes")

        return {
            DEADLOCK: self.deadlocked,
            **{p.name: decided_by(p) for p in self.reference.system.properties},
        }

    @cached_property
    def least(self) -> dict[str, int]:
        """The least depth of each property's witnesses, where it has any."""
        depths = {
            name: [self.depths[state] for state in self.successors if decides(state)]
            for name, decides in self.sought.items()
        }
        return {name: min(found) for name, found in depths.items() if found}

    def deadlocked(self, state: Vector) -> bool:
        """Somebody unfinished is stuck for good: in a ring of stuck waiters, or because nobody can move."""
        assert self.reference.system.finished is not None
        owner, finished = self.reference.system.finished
        movers = {arguments[0] for (_, arguments), _ in self.successors[state]}
        stuck = {
            r
            for r in range(self.reference.instance.sizes["Request"])
            if r not in movers and not self.reference.value(finished, state, {owner.number: r})
        }
        waits = nx.DiGraph((r, q) for r, q in self.waits(state) if {r, q} <= stuck)
        return bool(stuck and not movers) or any(nx.simple_cycles(waits))

    def waits(self, state: Vector) -> Iterator[tuple[int, int]]:
        for action in self.reference.system.actions:
            for arguments in self.reference.arguments(action):
                bound = self.reference.bind(action, arguments)
                places = [guard.condition for guard in action.guards if guard.location]
                if all(self.reference.value(place, state, bound) for place in places):
                    for _, other in self.reference.waits(action, arguments, state):
                        yield arguments[0], other
