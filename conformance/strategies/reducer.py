"""The smallest schedule near a failing one that still fails: fewest deviations, then least and earliest.

A run is the sparse map of its choices that are not the default. Delta debugging leaves out ever smaller
parts of the map; what a part is taken from goes on by default, so every map is some run. That alone gets
stuck, since what is left out moves all later decisions: so steps are moved too, a stretch of one task to
where that task runs anyway. What is kept is each time what the run really chose, so the result replays.
Sources: Zeller, Hildebrandt, Simplifying and isolating failure-inducing input, IEEE TSE 28(2), 2002 (ddmin);
Jalbert, Sen, A trace simplification technique for effective debugging of concurrent programs, FSE 2010.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Generic, Protocol, TypeVar

from cowpath.conformance.scheduler.kernel import Strategy, Task


class Scheduled(Protocol):
    """A run, of whatever it may be: the kernel's choices, and what there was to choose from."""

    @property
    def values(self) -> Sequence[int]:
        """What was chosen at each decision."""

    @property
    def seen(self) -> Sequence[tuple[str, Sequence[Task | int]]]:
        """The label of each decision, and the alternatives."""


Run = TypeVar("Run", bound=Scheduled)
Fails = Callable[[Strategy], Run | None]
"""Makes a run under the strategy; returns it if it fails as the first one did, else None."""


class Deviate(Strategy):
    """Choose as the map says where that is possible, else the last alternative; the default elsewhere."""

    def __init__(self, deviations: Mapping[int, int]) -> None:
        self.deviations = deviations

    def begin(self, tasks: Sequence[Task]) -> None:
        """Start from the first decision."""
        self.decision = 0

    def choose(self, n: int, label: str, tasks: Sequence[Task]) -> int:
        """Return what the map has here."""
        self.decision += 1
        return min(self.deviations.get(self.decision - 1, 0), n - 1)


class InOrder(Strategy):
    """Run the tasks in this order, leaving out who cannot run; then, and for data, the default."""

    def __init__(self, order: Sequence[int]) -> None:
        self.order = order

    def begin(self, tasks: Sequence[Task]) -> None:
        """Start from the first step."""
        self.left = list(reversed(self.order))

    def choose(self, n: int, label: str, tasks: Sequence[Task]) -> int:
        """Return the next of the order who can run."""
        candidates = [task.index for task in tasks]
        while self.left and candidates:
            index = self.left.pop()
            if index in candidates:
                return candidates.index(index)
        return 0


@dataclass(frozen=True)
class Reduced(Generic[Run]):
    """A failing run that nothing smaller near it was found for, and how many runs the search took.

    `minimal`: no single deviation can be left out, lowered or made one decision earlier, and no stretch of
    steps be moved; else the limit came first.
    """

    run: Run
    replays: int
    minimal: bool

    @property
    def deviations(self) -> Mapping[int, int]:
        """The run's choices that are not the default."""
        return _sparse(self.run)


def reduce(run: Run, fails: Fails[Run], most: int = 500) -> Reduced[Run]:
    """Reduce the schedule of a failing run, in at most so many runs."""
    search = _Search(run, fails, most)
    try:
        search.remove_parts()
        while any(search.accepts(candidate) for candidate in _neighbours(search.best)):
            pass
    except _Spent:
        return Reduced(search.best, search.replays, False)
    return Reduced(search.best, search.replays, True)


class _Spent(Exception):
    """The limit is reached."""


class _Search(Generic[Run]):
    def __init__(self, run: Run, fails: Fails[Run], most: int) -> None:
        self.best = run
        self.fails = fails
        self.most = most
        self.replays = 0
        self.tried: set[tuple[object, ...]] = set()

    def accepts(self, candidate: Deviate | InOrder) -> bool:
        """Run the candidate; keep it if it fails and is really less."""
        wish = candidate.order if isinstance(candidate, InOrder) else sorted(candidate.deviations.items())
        if (key := (type(candidate), *wish)) in self.tried:
            return False
        self.tried.add(key)
        if self.replays == self.most:
            raise _Spent
        self.replays += 1
        run = self.fails(candidate)
        if run is None or _weight(run) >= _weight(self.best):
            return False
        self.best = run
        return True

    def remove_parts(self) -> None:
        """Leave out halves, quarters and so on, from the last part to the first, down to pairs."""
        size = len(_sparse(self.best))
        while size > 1:
            kept = sorted(_sparse(self.best).items())
            parts = [slice(max(end - size, 0), end) for end in range(len(kept), 0, -size)]
            rests = (dict(kept[: part.start] + kept[part.stop :]) for part in parts)
            if not any(self.accepts(Deviate(rest)) for rest in rests):
                size //= 2


def _neighbours(best: Scheduled) -> Iterator[Deviate | InOrder]:
    deviations = _sparse(best)
    for i in sorted(deviations, reverse=True):
        rest = {j: value for j, value in deviations.items() if j != i}
        yield Deviate(rest)
        yield from (Deviate(rest | {i: value}) for value in range(1, deviations[i]))
    for order in _joined(best):
        yield InOrder(order)
    for i in sorted(deviations, reverse=True):
        if i and i - 1 not in deviations:
            yield Deviate({j - (j == i): value for j, value in deviations.items()})


def _joined(best: Scheduled) -> Iterator[list[int]]:
    """Yield the run's order of tasks with one stretch moved to the next, or the last, of the same task."""
    chosen = zip(best.seen, best.values, strict=True)
    order = [task.index for (_, among), value in chosen if isinstance(task := among[value], Task)]
    stretches = [list(group) for _, group in groupby(order)]
    for i, stretch in enumerate(stretches):
        for direction in (1, -1):
            others = range(i + direction, len(stretches) if direction > 0 else -1, direction)
            same = next((j for j in others if stretches[j][0] == stretch[0]), None)
            if same is not None:
                moved = [*stretches]
                moved[same] = stretches[same] + stretch
                moved[i] = []
                yield [index for each in moved for index in each]


def _weight(run: Scheduled) -> tuple[int, int, int]:
    deviations = _sparse(run)
    return len(deviations), sum(deviations.values()), sum(deviations)


def _sparse(run: Scheduled) -> dict[int, int]:
    return {i: value for i, value in enumerate(run.values) if value}
