"""The strategies by name, and the portfolio: the random ones, taking turns."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from cowpath.conformance.scheduler.kernel import Access, Failure, Strategy, Task
from cowpath.conformance.strategies.exhaustive import DPOR, BoundedDFS, SleepSets
from cowpath.conformance.strategies.priorities import PCT, POS, UniformRandomWalk
from cowpath.conformance.strategies.simple import RandomWalk

_RANDOM: Sequence[Callable[[int], Strategy]] = (
    RandomWalk,
    PCT,
    POS,
    UniformRandomWalk,
    lambda seed: PCT(
        seed, depth=1
    ),  # one after the other, in any order: who comes late meets what others left
)


class Portfolio(Strategy):
    """One run by each of the random strategies, in turn: what one of them is bad at, another finds."""

    def __init__(self, seed: int) -> None:
        self.members: list[Strategy] = [make(seed) for make in _RANDOM]
        self.footprints = self.members[0].footprints

    def begin(self, tasks: Sequence[Task]) -> None:
        """Prepare for a run by the one whose turn it is."""
        self.members[0].begin(tasks)

    def spawned(self, task: Task, parent: Task) -> None:
        """Tell it."""
        self.members[0].spawned(task, parent)

    def choose(self, n: int, label: str, tasks: Sequence[Task]) -> int:
        """Return what that one chooses."""
        return self.members[0].choose(n, label, tasks)

    def stepped(self, task: Task, accesses: Sequence[Access]) -> None:
        """Tell it."""
        self.members[0].stepped(task, accesses)

    def labelled(self, label: str, name: str) -> None:
        """Tell it."""
        self.members[0].labelled(label, name)

    def end(self, failure: Failure | None) -> None:
        """Tell it; it is the next one's turn."""
        self.members[0].end(failure)
        self.members.append(self.members.pop(0))
        self.footprints = self.members[0].footprints


STRATEGIES: Mapping[str, Callable[[int], Strategy]] = {
    "portfolio": Portfolio,
    "random": RandomWalk,
    "pct": PCT,
    "pos": POS,
    "urw": UniformRandomWalk,
    "dfs": lambda seed: BoundedDFS(2),
    "sleep-sets": lambda seed: SleepSets(),
    "dpor": lambda seed: DPOR(),
}
"""By name; each takes a seed, which those that try everything do not need."""
