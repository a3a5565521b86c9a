"""The scheduling kernel: who may run, who waits for what, and one primitive of nondeterminism.

Tasks run one at a time, on whatever substrate switches between them. A task goes on until it pauses, waits or
ends; then `choose(n, label)` says who is next, 0 being the default: keep running, else who has been ready
longest (first in, first out). Faults and other data choices go through the same primitive, 0 being none.
So a run is the sparse map of its choices that are not 0.

What goes wrong is reported at the step where it happens: a wait that closes a cycle even while others still
move, a wake-up that nobody sends, a lock misused, an exception.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass, field
from typing import NoReturn, Protocol

from cowpath.impl.reqlist import Wait
from cowpath.impl.waits import wait_cycle

Access = tuple[str, tuple[int, int] | None, bool]
"""What a step accessed, where (None: everywhere), and whether it wrote there."""
PRUNE = -1
"""What a strategy chooses to give up a run that needs not be made."""
SWITCH = "switch"
"""The label of a choice of who runs next."""


class Abandoned(BaseException):
    """The run is over; who is still in it unwinds."""


@dataclass(eq=False)
class Task:
    """A thread of a run. `waits` is the predicate that it is parked with, None while it is not.

    A run does not wait for the end of a `daemon`. A task that is `lost` may come back when the run is over.
    """

    index: int
    name: str
    body: Callable[[], None]
    waits: Callable[[], bool] | None = None
    started: bool = False
    ended: bool = False
    daemon: bool = False
    lost: bool = False


@dataclass(frozen=True)
class Failure:
    """Why a run ended early, in the step of `task`: one word, a sentence, and what there is beside.

    `cycle` has the waits of a deadlock, each for the next one's waiter.
    """

    kind: str
    task: str
    reason: str
    cycle: tuple[Wait, ...] = field(default=(), compare=False)
    error: BaseException | None = field(default=None, compare=False)


class Strategy(ABC):
    """Decides. One object guides many runs, one after the other, and may remember what it has seen."""

    footprints = False
    """Whether it wants to know what each step accessed, and to be asked where there is no choice."""

    exhausted = False
    """Whether there is nothing left to try."""

    def begin(self, tasks: Sequence[Task]) -> None:
        """Prepare for a run of these tasks."""

    def spawned(self, task: Task, parent: Task) -> None:
        """Take note that `parent`, in its step under way, adds a task to the run."""

    @abstractmethod
    def choose(self, n: int, label: str, tasks: Sequence[Task]) -> int:
        """Return one of 0 ... n - 1, or PRUNE; at a switch `tasks` are the candidates, else it is empty."""

    def stepped(self, task: Task, accesses: Sequence[Access]) -> None:
        """Take note that the task ran up to a switch, and what it accessed."""

    def labelled(self, label: str, name: str) -> None:
        """Take note of a step's label, and whose step it was."""

    def end(self, failure: Failure | None) -> None:
        """Take note of how the run ended."""


class Substrate(Protocol):
    """Gives each task a stack of its own; one runs at a time."""

    def start(self, run: Callable[[Task], Task | None], tasks: Sequence[Task]) -> None:
        """Prepare a stack for each task: `run` runs it there, and returns whom to switch to after that."""

    def switch(self, task: Task | None) -> None:
        """Hand control to the task (None: to whoever runs the kernel), and return when it comes back."""

    def reclaim(self) -> bool:
        """Wait until control is back, after an exception such as Ctrl-C came out of `switch`.

        Return whether it is: a task that has not come back is lost, and so are the others.
        """


class Kernel:
    """Runs tasks under a strategy. `limit` bounds the steps of a run.

    `watch` is told who is parked, at the end of each step at which somebody is.
    """

    strategy: Strategy

    def __init__(self, substrate: Substrate, limit: int = 10_000) -> None:
        self.substrate = substrate
        self.limit = limit
        self.tasks: list[Task] = []
        self.ready: list[Task] = []
        self.parked: list[Task] = []
        self.current: Task | None = None
        self.ending = True
        self.failure: Failure | None = None
        self.raised: BaseException | None = None
        self.steps = 0
        self.accesses: list[Access] = []
        self.values: list[int] = []
        self.seen: list[tuple[str, Sequence[Task | int]]] = []
        self.watch: Callable[[Sequence[Task]], None] | None = None

    def run(
        self,
        bodies: Iterable[tuple[str, Callable[[], None]]],
        strategy: Strategy,
        daemons: Collection[str] = (),
    ) -> Failure | None:
        """Run the bodies, each as a task of that name, to the end or to the first failure.

        `daemons` has the names of those that the run does not wait for once nobody can move.

        What the strategy raises comes out here, when all have unwound; so does what is raised in a task, or
        while it runs, and is no `Exception`: Ctrl-C, say.
        """
        named = enumerate(bodies)
        self.tasks = [Task(index, name, body, daemon=name in daemons) for index, (name, body) in named]
        self.ready, self.parked, self.accesses = list(self.tasks), [], []
        self.strategy, self.failure, self.steps, self.ending = strategy, None, 0, False
        self.values, self.seen = [], []
        self.raised = None
        strategy.begin(self.tasks)
        self.substrate.start(self._run_task, self.tasks)
        try:
            self.current = self._next()
            if self.current is not None:
                self.substrate.switch(self.current)
        except Abandoned:
            pass
        except BaseException as error:
            self._reclaim(error)
        self._unwind()
        if self.raised is not None:
            raise self.raised
        strategy.end(self.failure)
        return self.failure

    def spawn(self, body: Callable[[], None], name: str, daemon: bool = False) -> Task:
        """Add a task to the run."""
        parent, task = self.running(), Task(len(self.tasks), name, body, daemon=daemon)
        self.strategy.spawned(task, parent)
        self.tasks.append(task)
        self.ready.append(task)
        self.substrate.start(self._run_task, [task])
        return task

    # -- called by the task that runs

    def running(self) -> Task:
        """Return the task that runs. Raises Abandoned when the run is over."""
        if self.ending or self.current is None:
            raise Abandoned
        return self.current

    def pause(self) -> None:
        """End a step: another task may go on."""
        task = self.running()
        self._stepped(task)
        if self.ready:
            chosen = self.choose(len(self.ready) + 1, SWITCH, [task, *self.ready])
            if chosen:
                following = self.ready.pop(chosen - 1)
                self.ready.append(task)
                self._switch(following)
        else:
            self._only(task)

    def park(self, predicate: Callable[[], bool]) -> None:
        """Wait until `wake` has been called for this task and it has been chosen."""
        task = self.running()
        task.waits = predicate
        self.parked.append(task)
        cycle = wait_cycle({each.name: each.waits for each in self.parked if each.waits}, task.name)
        if cycle:
            names = " waits for ".join(wait.waiter.name for wait in (*cycle, cycle[0]))
            self.give_up(Failure("deadlock", task.name, names, cycle))
        self._stepped(task)
        self._switch(self._next())

    def wake(self, task: Task) -> None:
        """Make a parked task ready."""
        self.parked.remove(task)
        task.waits = None
        self.ready.append(task)

    def block(self) -> None:
        """Wait until `unblock` has been called for this task and it has been chosen."""
        self._stepped(self.running())
        self._switch(self._next())

    def give_way(self) -> None:
        """End a step, and be ready again after all others who are."""
        self.ready.append(self.running())
        self.block()

    def unblock(self, task: Task) -> None:
        """Make a blocked task ready."""
        self.ready.append(task)

    def choose(self, n: int, label: str, tasks: Sequence[Task] = ()) -> int:
        """Return one of 0 ... n - 1, 0 being the default, as the strategy says."""
        value = self._ask(n, label, tasks)
        self.values.append(value)
        self.seen.append((label, tasks or range(n)))
        return value

    def give_up(self, failure: Failure) -> NoReturn:
        """End the run here. Raises Abandoned."""
        if not self.ending:
            if self.accesses and self.current is not None:
                self.strategy.stepped(self.current, self.accesses)
            self.failure, self.ending = failure, True
        raise Abandoned

    # -- what a kernel with more than these waits says

    def idle(self) -> bool:
        """Make somebody ready, now that nobody is, and return whether that was possible."""
        return False

    def stuck(self, left: Sequence[Task]) -> str:
        """Return in words that these cannot move, and nobody else is left."""
        return f"nobody can move, unfinished are {', '.join(task.name for task in left)}"

    # -- between two steps

    def _ask(self, n: int, label: str, tasks: Sequence[Task]) -> int:
        try:
            value = self.strategy.choose(n, label, tasks)
        except Exception as error:
            self.raised = error
            self.give_up(Failure("strategy", self._whose(), str(error), error=error))
        if value == PRUNE:
            self.give_up(Failure("pruned", self._whose(), "the run would repeat another one"))
        return value

    def _whose(self) -> str:
        return self.current.name if self.current else ""

    def _only(self, task: Task) -> Task:
        """Go on with the only task that can: no decision, but a strategy may know that it needs not be."""
        if self.strategy.footprints:
            self._ask(1, SWITCH, [task])
        return task

    def _run_task(self, task: Task) -> Task | None:
        task.started = True
        error = None if self.ending else _raised(task.body)
        task.ended = True
        if task.lost:
            return None
        try:
            if isinstance(error, Exception):
                self.give_up(Failure("crash", task.name, f"{type(error).__name__}: {error}", error=error))
            if error is not None and not isinstance(error, Abandoned):
                self.raised = self.raised or error
                self.give_up(Failure("interrupted", task.name, type(error).__name__, error=error))
            if not self.ending:
                self._stepped(task)
                self.current = self._next()
                return self.current
        except Abandoned:
            pass
        return None

    def _stepped(self, task: Task) -> None:
        self.steps += 1
        if self.steps > self.limit:
            self.give_up(Failure("limit", task.name, f"the run takes more than {self.limit} steps"))
        if self.strategy.footprints:
            accesses, self.accesses = self.accesses, []
            self.strategy.stepped(task, accesses)
        if self.parked:
            for parked in self.parked:
                if parked.waits is not None and parked.waits():
                    reason = f"{parked.name} could go on after this step of {task.name}, but nobody wakes it"
                    self.give_up(Failure("lost wake-up", task.name, reason))
            if self.watch is not None:
                self.watch(self.parked)

    def _next(self) -> Task | None:
        """Take a task from those ready; None if all have ended."""
        if len(self.ready) > 1:
            return self.ready.pop(self.choose(len(self.ready), SWITCH, list(self.ready)))
        if self.ready:
            return self._only(self.ready.pop())
        if self.idle():
            return self._next()
        left = [task for task in self.tasks if not task.ended]
        if all(task.daemon for task in left):
            self.ending = True
            return None
        self.give_up(Failure("stuck", left[0].name, self.stuck(left)))

    def _unwind(self) -> None:
        self.ending = True
        for task in self.tasks:
            if task.started and not task.ended:
                self.current = task
                try:
                    self.substrate.switch(task)
                except BaseException as error:
                    self._reclaim(error)

    def _reclaim(self, error: BaseException) -> None:
        """Take control back after an exception that came to whoever runs the kernel."""
        self.raised = self.raised or error
        self.ending = True
        if not self.substrate.reclaim():
            for task in self.tasks:
                task.lost = True
            self.tasks = []

    def _switch(self, task: Task | None) -> None:
        if task is not self.current:
            self.current = task
            self.substrate.switch(task)
            if self.ending:
                raise Abandoned


def _raised(body: Callable[[], None]) -> BaseException | None:
    """Run a body, and return what it raises."""
    try:
        body()
    except BaseException as error:
        return error
    return None
