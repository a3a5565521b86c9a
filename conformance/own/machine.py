"""Hypothesis: a model's steps as the rules of a state machine, made by somebody's threads.

A rule lets one thread go on until it has made a step of that label, where the model allows it one; what
Hypothesis draws, and shrinks, is whose step comes next. As long as there are steps that no run has made,
only those are offered. It documents how a model is walked; `explore` sees a hundred times more schedules.
"""

from __future__ import annotations

import unittest
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from typing import Any

import greenlet
from hypothesis import HealthCheck, Phase, note, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule
from hypothesis.stateful import run_state_machine_as_test as run_machine

from cowpath.conformance.own.events import Rested, Stepped
from cowpath.conformance.own.exchange import Exchange
from cowpath.conformance.own.explain import reason
from cowpath.conformance.own.explorer import Explorer, OwnRun, Way, modules_of
from cowpath.conformance.own.oracle import Move, Node
from cowpath.conformance.own.text import drawing
from cowpath.conformance.own.watch import Watch
from cowpath.conformance.scheduler.kernel import Strategy, Task

_POINTS = 400  # that a thread may go on for until it has made its step
PHASES = tuple(phase for phase in Phase if phase is not Phase.explain)  # which traces every line
SETTINGS = settings(
    max_examples=30,
    stateful_step_count=40,
    deadline=None,
    phases=PHASES,
    suppress_health_check=list(HealthCheck),
)


class _Asking(Strategy):
    """Hands every decision to whoever made it: all is on one thread of the system."""

    def __init__(self) -> None:
        self.asked = greenlet.getcurrent()
        self.asker: greenlet.greenlet = self.asked

    def choose(self, n: int, label: str, tasks: Sequence[Task]) -> int:
        """Ask, and return the answer."""
        self.asker = greenlet.getcurrent()
        return int(self.asked.switch((n, list(tasks))))


class Walk(RuleBasedStateMachine):
    """A run that stops at each decision. `covered`: the model's steps that runs before have made."""

    watch: Watch
    test: Callable[[], object]
    covered: frozenset[tuple[bytes, int]] = frozenset()
    made: Exchange | None = None

    def __init__(self) -> None:
        super().__init__()
        self.question: tuple[int, list[Task]] | None = None
        self.stack = ExitStack()
        self.run: OwnRun | None = None
        self.refused = False

    @initialize()
    def begin(self) -> None:
        """Start the test, up to the first decision."""
        self.node: Node = self.watch.oracle.first
        self.position = 0
        self.strategy = _Asking()
        self.question = greenlet.greenlet(self._run).switch()
        self._judge()

    @precondition(lambda self: self.question is not None)
    @rule(who=st.integers(0, 7), points=st.integers(1, 8))
    def goes_on(self, who: int, points: int) -> None:
        """One thread goes on by a few points: others come in within what is one step of the model."""
        assert self.question is not None
        name = self.question[1][who % len(self.question[1])].name if self.question[1] else ""
        for _ in range(points):
            if self.question is not None:
                self._answer(self._ready().get(name, 0))

    @precondition(lambda self: not self._offered())
    @rule()
    def goes_on_by_default(self) -> None:
        """Threads start, or end, or the run is over."""
        while self.question is not None and not self._offered():
            self._answer(0)

    def teardown(self) -> None:
        """Let the run come to its end, and judge that."""
        try:
            while self.question is not None:
                self._answer(0, judge=not self.refused)
            if self.run is not None and not self.refused:
                self._judge()
                self._judge_end(self.run)
        finally:
            while self.question is not None:
                self.question = self.strategy.asker.switch(0)
            self.stack.close()
            if self.run is not None and self.refused:
                note(f"token {self.run.schedule}")

    # -- details

    def _run(self) -> None:
        """Make the run, on a stack of its own, where the substrate takes root."""
        kind = type(self)
        test = kind.__dict__["test"]
        modules = list({m.__name__: m for m in (*modules_of(test), *self.watch.modules())}.values())
        way = Way(substrate="greenlets")
        self.explorer = Explorer(test, modules, way, self.watch.watching(), made=kind.made)
        kind.made = self.explorer.exchange
        self.stack.enter_context(self.explorer.active())
        self.run = self.explorer.run(self.strategy)

    def _answer(self, value: int, judge: bool = True) -> None:
        self.question = self.strategy.asker.switch(value)
        if judge:
            self._judge()

    def _ready(self) -> dict[str, int]:
        """Return the answer that lets each thread go on."""
        return {task.name: i for i, task in enumerate(self.question[1])} if self.question else {}

    def _judge(self) -> None:
        events = self.explorer.watching.seen_events()
        for event in events[self.position :]:
            self._follow(event)
        self.position = len(events)

    def _judge_end(self, run: OwnRun) -> None:
        failure = run.failure
        if failure is not None and failure.error is not None:
            self.refused = True
            raise failure.error
        if failure is not None and failure.kind != "stuck":
            self._refuse(f"{failure.kind}: {failure.reason}")
        self._follow(Rested())

    def _follow(self, event: Any) -> None:
        following = self.watch.oracle.follow(self.node, event)
        if following is None:
            self._refuse(reason(self.watch.oracle, self.node, event))
        else:
            self.node = following

    def _refuse(self, why: str) -> None:
        self.refused = True
        run = OwnRun(self.explorer.made, (), None, (), ())
        lines = "\n".join(drawing(self.explorer, run))
        raise AssertionError(f"{lines}\nthe model refuses it: {why}")

    def _offered(self) -> list[Move]:
        """Return the steps that the model allows to whoever can go on; of these the new ones, if any is."""
        if self.question is None:
            return []
        ready = {self._owner(name) for name in self._ready()}
        there = [
            (state, move)
            for state in sorted(self.node.states)
            for move in self.watch.oracle.moves(state)
            if move.owner in ready and move.after != state and move.label in self.watch.seen
        ]
        new = [move for state, move in there if (state, move.command) not in self.covered]
        return new or [move for _, move in there]

    def _owner(self, thread: str) -> int | None:
        eyes: Any = self.explorer.watching
        owner: int | None = eyes.owner_of(thread)
        return owner

    def _step(self, label: str, which: int) -> None:
        """Let one who may make the step go on until it has made one."""
        moves = [move for move in self._offered() if move.label == label]
        owner = moves[which % len(moves)].owner
        eyes: Any = self.explorer.watching
        before = self._made(owner)
        for _ in range(_POINTS):
            thread = next((name for name in self._ready() if eyes.owner_of(name) == owner), None)
            if self.question is None or thread is None or self._made(owner) > before:
                return
            self._answer(self._ready()[thread])

    def _made(self, owner: int) -> int:
        events = self.explorer.watching.seen_events()
        return sum(isinstance(event, Stepped) and event.owner == owner for event in events)


def state_machine(
    watch: Watch, test: Callable[[], object], *, rounds: int = 3, settings: settings = SETTINGS
) -> type[unittest.TestCase]:
    """Return a test case: the model's steps as rules, the model's guards as when they may be made.

    `test` starts the threads, as one under `@schedules` does. What has been covered is looked at between
    rounds, so that within one all is the same from run to run, as Hypothesis needs it to be.
    """

    def a_rule(label: str) -> Any:
        def step(self: Walk, which: int) -> None:
            self._step(label, which)

        step.__name__ = "".join(c if c.isalnum() else "_" for c in label)
        step.__doc__ = label
        allowed = precondition(lambda self: any(move.label == label for move in self._offered()))
        return allowed(rule(which=st.integers(0, 3))(step))

    rules = {each.__name__: each for each in map(a_rule, sorted(watch.seen))}
    machine: Any = type("Machine", (Walk,), {"watch": watch, "test": staticmethod(test), **rules})

    class Case(unittest.TestCase):
        """The machine, as a test that pytest collects."""

        def runTest(self) -> None:
            """Run it for so many rounds."""
            for _ in _rounds(machine, watch, rounds):
                run_machine(machine, settings=settings)

    Case.__name__ = Case.__qualname__ = getattr(test, "__name__", "Machine")
    Case.__module__ = test.__module__
    return Case


def _rounds(machine: Any, watch: Watch, rounds: int) -> Iterator[int]:
    for number in range(rounds):
        machine.covered = frozenset(watch.oracle.edges)
        yield number
