"""Randomised strategies with a guarantee: PCT, partial order sampling, uniform random walk."""

from __future__ import annotations

import random
from collections.abc import Sequence
from itertools import accumulate

from cowpath.conformance.scheduler.kernel import Access, Failure, Strategy, Task
from cowpath.conformance.strategies.independence import independent


class PCT(Strategy):
    """Probabilistic concurrency testing: random priorities, lowered at `depth` - 1 random moments.

    Finds a bug of that depth in a run of n tasks and k decisions with probability 1 / (n k^(depth - 1)) or
    better; k is the longest run so far.
    Source: Burckhardt, Kothari, Musuvathi, Nagarakatte, A randomized scheduler with probabilistic guarantees
    of finding bugs, ASPLOS 2010.
    """

    def __init__(self, seed: int, depth: int = 3) -> None:
        self.random = random.Random(seed)
        self.depth = depth
        self.longest = 1

    def begin(self, tasks: Sequence[Task]) -> None:
        """Draw the priorities and the change points."""
        draw = self.random.random
        self.priority = {task: self.depth + draw() for task in tasks}  # whoever comes later draws then
        self.changes = {int(draw() * self.longest): float(i) for i in range(1, self.depth)}
        self.decision = 0

    def spawned(self, task: Task, parent: Task) -> None:
        """Draw its priority."""
        self.priority[task] = self.depth + self.random.random()

    def choose(self, n: int, label: str, tasks: Sequence[Task]) -> int:
        """Return the task of the highest priority, after lowering it if this is a change point."""
        if not tasks:
            return self.random.randrange(n)
        for task in tasks:
            if task not in self.priority:
                self.priority[task] = self.depth + self.random.random()
        best = max(tasks, key=self.priority.__getitem__)
        if self.decision in self.changes:
            self.priority[best] = self.changes[self.decision]
            best = max(tasks, key=self.priority.__getitem__)
        self.decision += 1
        return tasks.index(best)

    def end(self, failure: Failure | None) -> None:
        """Learn how long runs are."""
        self.longest = max(self.longest, self.decision)


class POS(Strategy):
    """Partial order sampling: pending steps have random priorities, drawn again when a step races with them.

    What a pending step will access is taken from the last time that its task went on from the same label; a
    step that has not been seen races with everything.
    Source: Yuan, Yang, Gu, Partial order aware concurrency sampling, CAV 2018.
    """

    footprints = True

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)
        self.known: dict[tuple[str, str], tuple[Access, ...]] = {}

    def begin(self, tasks: Sequence[Task]) -> None:
        """Draw the priorities of all first steps."""
        self.priority = {task.name: self.random.random() for task in tasks}
        self.label = {task.name: "" for task in tasks}
        self.before = dict(self.label)

    def spawned(self, task: Task, parent: Task) -> None:
        """Draw the priority of its first step."""
        self.priority[task.name] = self.random.random()
        self.label[task.name] = self.before[task.name] = ""

    def choose(self, n: int, label: str, tasks: Sequence[Task]) -> int:
        """Return the task of the highest priority."""
        if not tasks:
            return self.random.randrange(n)
        self._meet(tasks)
        return tasks.index(max(tasks, key=lambda task: self.priority[task.name]))

    def labelled(self, label: str, name: str) -> None:
        """Take note of where the task has come to."""
        self.label[name] = label

    def stepped(self, task: Task, accesses: Sequence[Access]) -> None:
        """Draw again for the task's next step and for those that this one races with."""
        self._meet([task])
        self.known[task.name, self.before[task.name]] = tuple(accesses)
        self.before[task.name] = self.label[task.name]
        for name, label in self.before.items():
            pending = self.known.get((name, label))
            if name == task.name or pending is None or not independent(pending, accesses):
                self.priority[name] = self.random.random()

    def _meet(self, tasks: Sequence[Task]) -> None:
        """Draw for those who were not there at the beginning."""
        for task in tasks:
            if task.name not in self.priority:
                self.priority[task.name] = self.random.random()
                self.label[task.name] = self.before[task.name] = ""


class UniformRandomWalk(Strategy):
    """Each task with a probability in proportion to the steps that it has left, learnt from earlier runs.

    Where nobody waits, every interleaving is then equally likely; a plain random walk favours those in which
    short tasks end early.
    Source: Zhao, Wolff, Mathur, Roychoudhury, Selectively uniform concurrency testing, ASPLOS 2025 (URW).
    """

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)
        self.total: dict[str, int] = {}

    def begin(self, tasks: Sequence[Task]) -> None:
        """Start counting."""
        self.made = {task.name: 0 for task in tasks}
        self.left = {task.name: self.total.get(task.name, 1) for task in tasks}

    def spawned(self, task: Task, parent: Task) -> None:
        """Count its steps, too."""
        self.made[task.name], self.left[task.name] = 0, self.total.get(task.name, 1)

    def choose(self, n: int, label: str, tasks: Sequence[Task]) -> int:
        """Return a task by its weight; before anything has been learnt all weigh the same."""
        if not tasks:
            return self.random.randrange(n)
        weights = [max(self._left(task.name), 1) for task in tasks]
        at = self.random.random() * sum(weights)
        return next(i for i, end in enumerate(accumulate(weights)) if at < end)

    def labelled(self, label: str, name: str) -> None:
        """Count the step."""
        self.left[name] = self._left(name) - 1
        self.made[name] = self.made.get(name, 0) + 1

    def end(self, failure: Failure | None) -> None:
        """Learn how many steps each task makes: the most that it has made."""
        for name, made in self.made.items():
            self.total[name] = max(made, self.total.get(name, 0))

    def _left(self, name: str) -> int:
        return self.left.setdefault(name, self.total.get(name, 1))
