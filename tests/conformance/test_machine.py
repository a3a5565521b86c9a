"""Hypothesis against the monitor: drawn workloads under random schedules, and model actions as rules."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any

import greenlet
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule
from hypothesis.stateful import run_state_machine_as_test as run_machine

from cowpath.conformance import scenarios, wide
from cowpath.conformance.campaign.alarm import examine
from cowpath.conformance.monitor.monitor import Monitor
from cowpath.conformance.monitor.oracle import Oracle
from cowpath.conformance.monitor.view import Move
from cowpath.conformance.pairs import PAIRS
from cowpath.conformance.runs.workload import Workload
from cowpath.conformance.scheduler.kernel import Kernel, Strategy, Task
from cowpath.conformance.scheduler.schedule import Replay, Schedule
from cowpath.conformance.scheduler.substrate import Greenlets
from cowpath.conformance.strategies.portfolio import Portfolio
from cowpath.model.designs import DESIGNS
from cowpath.model.scenarios import find

DETERMINISTIC = settings(derandomize=True, deadline=None, database=None)
# Few of the rules are enabled at a time.
ROUND = settings(
    DETERMINISTIC,
    max_examples=6,
    stateful_step_count=30,
    suppress_health_check=[HealthCheck.filter_too_much],
)
SAVED = json.loads(Path(__file__).with_name("tokens.json").read_text())


@pytest.mark.parametrize("saved", SAVED, ids=lambda saved: f"{saved['design']}, {saved['scenario']}")
def test_what_was_refused_once_is_refused_again(saved: dict[str, str]) -> None:
    scenario = find(saved["scenario"])
    workload = Workload(PAIRS[saved["design"]], scenario, Kernel(Greenlets()))
    run = workload.run(Replay(Schedule.parse(saved["token"])))
    workload.close()
    assert examine(Oracle(DESIGNS[saved["design"]], scenario), run) is None
    assert examine(Oracle(DESIGNS[saved["as"]], scenario), run) is not None


# -- drawn workloads


@pytest.mark.parametrize("design", list(DESIGNS))
@settings(DETERMINISTIC, max_examples=12)
@given(data=st.data())
def test_drawn_workloads_are_explained(design: str, data: st.DataObject) -> None:
    model = DESIGNS[design]
    scenario = data.draw(scenarios(wide(model.kinds, model.faults, model.options)))
    workload = Workload(PAIRS[design], scenario, Kernel(Greenlets()))
    oracle, strategy = Oracle(DESIGNS[design], scenario), Portfolio(data.draw(st.integers(0, 1000)))
    try:
        for _ in range(20):
            assert examine(oracle, workload.run(strategy)) is None
    finally:
        workload.close()


# -- model actions as rules


class Asking(Strategy):
    """Hands every decision to whoever made it."""

    def __init__(self) -> None:
        self.asked = greenlet.getcurrent()

    def choose(self, n: int, label: str, tasks: Any) -> int:
        self.asker = greenlet.getcurrent()
        return int(self.asked.switch((n, tasks)))


@cache
def oracle_of(design: str, slug: str) -> Oracle:
    return Oracle(DESIGNS[design], find(slug))


class Walk(RuleBasedStateMachine):
    """A run of threads that stops at each decision; a rule makes one step of the model.

    As long as a state has steps that no run of earlier rounds has made, only those are offered.
    """

    design, slug = "", ""
    covered: frozenset[tuple[bytes, int]] = frozenset()
    question: tuple[int, list[Task]] | None = None

    @initialize()
    def submit(self) -> None:
        self.oracle = oracle_of(self.design, self.slug)
        self.monitor = Monitor(self.oracle)
        self.strategy = Asking()
        self.runner = greenlet.greenlet(self.run_all)
        self.question = self.runner.switch()
        self.watch()

    def run_all(self) -> None:
        """Run on a stack of its own, where the substrate takes root; None for a question ends it."""
        self.workload = Workload(PAIRS[self.design], find(self.slug), Kernel(Greenlets()))
        self.run = self.workload.run(self.strategy)

    def watch(self) -> None:
        for event in self.workload.log[self.monitor.position :]:
            assert self.monitor.observe(event) is None, event

    def answer(self, value: int) -> None:
        self.question = self.strategy.asker.switch(value)
        self.watch()

    def offered(self) -> list[Move]:
        """The steps to choose from: those of whom the scheduler lets run."""
        if self.question is None or not self.question[1]:
            return []
        (state,) = self.monitor.states
        ready = {task.index for task in self.question[1]}
        moves = [move for move in self.oracle.moves(state) if move.owner in ready]
        return [m for m in moves if (state, m.command) not in self.covered] or moves

    def step(self, label: str, choice: int) -> None:
        assert self.question is not None
        moves = [move for move in self.offered() if move.action.label == label]
        owner = moves[choice % len(moves)].owner
        self.answer([task.index for task in self.question[1]].index(owner))

    @precondition(lambda self: not self.offered())
    @rule(choice=st.integers(0, 3))
    def go_on(self, choice: int) -> None:
        """A choice of data, such as how far a block status goes; or the run is over."""
        if self.question is not None:
            self.answer(choice % self.question[0])

    def teardown(self) -> None:
        while self.question is not None:
            self.answer(0)
        self.watch()
        self.workload.close()


def walk(design: str, slug: str) -> type[Walk]:
    """Return the machine of a design, with a rule for each action that can happen in its model."""

    def a_rule(label: str) -> Any:
        def body(self: Walk, choice: int) -> None:
            self.step(label, choice)

        enabled = precondition(lambda self: any(move.action.label == label for move in self.offered()))
        body.__name__ = label.replace(".", "_").replace("-", "_")
        return enabled(rule(choice=st.integers(0, 3))(body))

    labels = dict.fromkeys(command.action.label for command in oracle_of(design, slug).model.commands)
    rules = {label: a_rule(label) for label in labels}
    return type("Walk", (Walk,), {"design": design, "slug": slug, **rules})


WALKS = [("rfc-repaired", "two-readers"), ("block-copy-5.0", "second-cluster")]


@pytest.mark.parametrize(("design", "slug"), WALKS)
def test_the_models_actions_are_the_threads(design: str, slug: str) -> None:
    """In rounds: what is offered depends on the rounds before, so that each is deterministic."""
    oracle_of.cache_clear()
    machine, reached = walk(design, slug), []
    for _ in range(3):
        machine.covered = frozenset(oracle_of(design, slug).edges)
        reached.append(len(machine.covered))
        run_machine(machine, settings=ROUND)
    assert reached[0] == 0
    assert reached == sorted(set(reached))  # each round finds more
