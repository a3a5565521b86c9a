"""Strategies that try everything: depth first with a bound, with sleep sets, with dynamic reduction.

Each remembers the decisions of its last run and, for the next one, changes the last that has an alternative
left. Nothing is stored of the states: a run is repeated from the start.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from cowpath.conformance.scheduler.kernel import PRUNE, Access, Failure, Strategy, Task
from cowpath.conformance.strategies.independence import independent


class BoundedDFS(Strategy):
    """Every run whose deviations from the default cost no more than the bound: value k of a decision costs k.

    That is delay bounding, the default scheduler being "keep running, then first in, first out".
    Source: Emmi, Qadeer, Rakamaric, Delay-bounded scheduling, POPL 2011.
    """

    def __init__(self, bound: int) -> None:
        self.bound = bound
        self.decisions: list[list[int]] = []  # [value, number of alternatives]

    def begin(self, tasks: Sequence[Task]) -> None:
        """Start at the first decision."""
        self.at = 0

    def choose(self, n: int, label: str, tasks: Sequence[Task]) -> int:
        """Return what this run has here; beyond what is remembered, the default."""
        if self.at == len(self.decisions):
            self.decisions.append([0, n])
        self.at += 1
        return self.decisions[self.at - 1][0]

    def end(self, failure: Failure | None) -> None:
        """Prepare the next run."""
        del self.decisions[self.at :]
        while self.decisions:
            value, n = self.decisions[-1]
            if value + 1 < n and sum(each[0] for each in self.decisions) < self.bound:
                self.decisions[-1][0] += 1
                return
            self.decisions.pop()
        self.exhausted = True


@dataclass
class _Node:
    """A switch of the run: who could go on, who did, who is to be tried, and who need not be.

    `sleep` has tasks whose next step, with these accesses, has been explored from here, or from before in an
    order that only differs by independent steps. A choice of data is a node too; nobody sleeps there.
    """

    candidates: tuple[int, ...]
    sleep: dict[int, tuple[Access, ...]]
    todo: set[int]
    task: int
    accesses: tuple[Access, ...] = ()


class SleepSets(Strategy):
    """Every run but for those that differ from another one by exchanging independent neighbours.

    Source: Godefroid, Partial-order methods for the verification of concurrent systems, LNCS 1032, 1996.
    """

    footprints = True

    def __init__(self) -> None:
        self.nodes: list[_Node] = []

    def begin(self, tasks: Sequence[Task]) -> None:
        """Start at the first switch."""
        self.at = 0
        self.sleep: dict[int, tuple[Access, ...]] = {}
        self.chosen: _Node | None = None

    def choose(self, n: int, label: str, tasks: Sequence[Task]) -> int:
        """Return what this run has here; beyond what is remembered, the first who does not sleep.

        Where all sleep the run is given up: it would repeat another one.
        """
        if self.at == len(self.nodes):
            candidates = tuple(task.index for task in tasks) or tuple(range(n))
            awake = [index for index in candidates if not tasks or index not in self.sleep]
            if not awake:
                return PRUNE
            todo = self._to_try(awake) if tasks else set(candidates)
            self.nodes.append(_Node(candidates, dict(self.sleep) if tasks else {}, todo, awake[0]))
        node = self.nodes[self.at]
        self.at += 1
        node.accesses = ()
        if tasks:
            self.chosen = node
            self.sleep = dict(node.sleep)
        return node.candidates.index(node.task)

    def stepped(self, task: Task, accesses: Sequence[Access]) -> None:
        """Wake who depends on the step."""
        if self.chosen is not None:
            self.chosen.accesses = tuple(accesses)
            self.chosen = None
        self.sleep = {other: step for other, step in self.sleep.items() if independent(step, accesses)}

    def end(self, failure: Failure | None) -> None:
        """Prepare the next run: who has been tried from the last switch sleeps there from now on."""
        while self.nodes:
            node = self.nodes[-1]
            node.sleep[node.task] = node.accesses
            left = [index for index in node.candidates if index in node.todo and index not in node.sleep]
            if left:
                node.task = left[0]
                return
            self.nodes.pop()
        self.exhausted = True

    def _to_try(self, awake: Sequence[int]) -> set[int]:
        return set(awake)


@dataclass
class _Step:
    """A step of the run: its node if there was a choice, and how many steps of each task came before it."""

    task: int
    accesses: tuple[Access, ...]
    node: _Node | None
    clock: dict[int, int]


class DPOR(SleepSets):
    """Sleep sets, and at each switch only those tasks whose step a later one was found to race with.

    Two dependent steps of different tasks race if no chain of dependent steps leads from one to the other.
    Then the later task must be tried before the earlier step too; if it cannot run there, everybody is. (The
    paper takes the last race of a step only, for tasks that never wait; all of them are safe with waits too.)
    Every failure is found that some run has, but not in every state of those who have no part in it.
    Source: Flanagan, Godefroid, Dynamic partial-order reduction for model checking software, POPL 2005.
    """

    def begin(self, tasks: Sequence[Task]) -> None:
        """Start at the first switch."""
        super().begin(tasks)
        self.tasks = tasks
        self.steps: list[_Step] = []
        self.clocks: dict[int, dict[int, int]] = {task.index: {} for task in tasks}
        self.born: list[int] = []  # in the step under way

    def spawned(self, task: Task, parent: Task) -> None:
        """Take note: what its parent knows when this step is made, it knows from the start."""
        self.clocks[task.index] = {}
        self.born.append(task.index)

    def stepped(self, task: Task, accesses: Sequence[Access]) -> None:
        """Find the steps that this one races with, and have the task tried before each."""
        node, known = self.chosen, self.clocks[task.index]
        clock = dict(known)
        for i, step in enumerate(self.steps):
            if not independent(step.accesses, accesses):
                if step.task != task.index and known.get(step.task, 0) <= i:
                    self._race(step, task)
                for other, count in step.clock.items():
                    clock[other] = max(count, clock.get(other, 0))
        clock[task.index] = len(self.steps) + 1
        self.clocks[task.index] = clock
        self.clocks.update((child, dict(clock)) for child in self.born)
        self.born = []
        self.steps.append(_Step(task.index, tuple(accesses), node, clock))
        super().stepped(task, accesses)

    def end(self, failure: Failure | None) -> None:
        """Prepare the next run.

        A failure cuts the others off: what they would have accessed next is unknown, so each races with the
        last step that it does not know of.
        """
        if failure is not None and failure.kind != "pruned":
            for task in self.tasks:
                if not task.ended:
                    known = self.clocks[task.index]
                    for i in reversed(range(len(self.steps))):
                        step = self.steps[i]
                        if step.node and step.task != task.index and known.get(step.task, 0) <= i:
                            self._race(step, task)
                            break
        super().end(failure)

    def _race(self, step: _Step, task: Task) -> None:
        if step.node is not None:
            candidates = step.node.candidates
            step.node.todo.update([task.index] if task.index in candidates else candidates)

    def _to_try(self, awake: Sequence[int]) -> set[int]:
        return {awake[0]}
