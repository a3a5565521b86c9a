"""One run of a scenario on a machine: a strategy chooses what happens next, the log tells what did.

What can be chosen: a request arrives; a transfer that QEMU has asked for takes effect and is answered, at
once or (`apart`) as two choices. After each, QEMU is left to itself until it rests. So a run is the list of
its choices, and the same list gives the same run.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from cowpath.conformance.qemu.errors import Died
from cowpath.conformance.qemu.machine import Machine
from cowpath.conformance.qemu.walk import Doing, Scheduled, Walk
from cowpath.conformance.runs.log import Event
from cowpath.conformance.runs.workload import Run
from cowpath.conformance.scheduler.kernel import PRUNE, SWITCH, Failure, Strategy, Task
from cowpath.model.scenarios import Scenario


@dataclass(frozen=True)
class QemuRun(Run):
    """A run that was made, what was done in it, and how QEMU died if it did."""

    doings: Sequence[Doing] = ()
    died: Died | None = None


class Driver:
    """Makes runs of one scenario on a machine, one after the other.

    `epilogue` of its requests come one after the other when all others have ended, and nothing is held then.
    """

    def __init__(self, machine: Machine, scenario: Scenario, epilogue: int, how: Scheduled) -> None:
        self.machine = machine
        self.scenario = scenario
        self.epilogue = epilogue
        self.how = how

    def run(self, strategy: Strategy) -> QemuRun:
        """Make one run under the strategy. What that raises comes out here, and ends the machine.

        Raises Broken if QEMU does not do as the machine needs; its death is an observation, not an error.
        """
        walk = Walk(self.machine, self.scenario, self.how, self.epilogue)
        try:
            return self._run(walk, strategy)
        except BaseException:
            self.machine.spent = True
            raise

    def _run(self, walk: Walk, strategy: Strategy) -> QemuRun:
        choices = _Choices(strategy)
        died: Died | None = None
        failure: Failure | None = None
        strategy.begin(walk.tasks)
        try:
            try:
                walk.begin()
                failure = choices.make(walk)
                if failure is None:
                    walk.follow()
            finally:
                walk.open_up()
            hung = walk.end()
        except Died as death:
            died, hung = death, ()
            walk.die(death)
        if hung and failure is None:
            failure = Failure("stuck", hung[0], f"nobody can move, unfinished are {', '.join(hung)}")
        strategy.end(failure)
        if died is None and (failure is None or failure.kind == "stuck"):
            walk.tell(Event("quiescent"))
            try:
                walk.read_back(hung=bool(hung))
            except Died as death:
                died = death
                walk.die(death)
        return QemuRun(
            walk.log, walk.results, failure, (), choices.values, choices.seen, walk.doings, died
        )  # fmt: skip


class _Choices:
    """Has a strategy choose, and keeps what it chose among what."""

    def __init__(self, strategy: Strategy) -> None:
        self.strategy = strategy
        self.values: list[int] = []
        self.seen: list[tuple[str, Sequence[Task | int]]] = []

    def make(self, walk: Walk) -> Failure | None:
        """Let the strategy choose until there is nothing more to do; say how that ended, if not well."""
        while actions := walk.actions():
            value = self._choose([action.task for action in actions])
            if value == PRUNE:
                return Failure("pruned", actions[0].task.name, "the run would repeat another one")
            action = actions[value]
            accesses = walk.do(action)
            self.strategy.labelled(action.label, action.task.name)
            self.strategy.stepped(action.task, accesses)
        return None

    def _choose(self, tasks: Sequence[Task]) -> int:
        if len(tasks) == 1:
            footprints = self.strategy.footprints
            return PRUNE if footprints and self.strategy.choose(1, SWITCH, tasks) == PRUNE else 0
        value = self.strategy.choose(len(tasks), SWITCH, tasks)
        if value != PRUNE:
            self.values.append(value)
            self.seen.append((SWITCH, tasks))
        return value
