"""Hypothesis drives a real QEMU: rules are arrivals, transfers and answers; the oracle judges every step."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import ClassVar

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, precondition, rule
from hypothesis.stateful import run_state_machine_as_test as run_machine

from cowpath.conformance.monitor import explain
from cowpath.conformance.monitor.monitor import Monitor
from cowpath.conformance.qemu.bench import Bench, Subject
from cowpath.conformance.qemu.binaries import Qemu
from cowpath.conformance.qemu.gate import Stage
from cowpath.conformance.qemu.nodes import Options
from cowpath.conformance.qemu.stacks import STACKS
from cowpath.conformance.qemu.walk import Action, Scheduled, Walk
from cowpath.conformance.runs.log import Sight
from cowpath.model.designs import ALL
from cowpath.model.scenarios import find

# Few of the rules are enabled at a time.
ROUND = settings(
    derandomize=True,
    deadline=None,
    database=None,
    max_examples=12,
    stateful_step_count=25,
    suppress_health_check=[HealthCheck.filter_too_much, HealthCheck.too_slow],
)

SHRINKING = settings(
    ROUND,
    max_examples=60,
    stateful_step_count=14,
    phases=(Phase.generate, Phase.shrink),
    report_multiple_bugs=False,
)


class Real(RuleBasedStateMachine):
    """A run on a stack, made by whoever draws the rules."""

    bench: ClassVar[Bench]
    subject: ClassVar[Subject]
    lengths: ClassVar[list[int]]

    def __init__(self) -> None:
        super().__init__()
        subject, how = self.subject, self.bench.how
        machine = self.bench.machine(subject.options)
        self.walk = Walk(machine, subject.scenario, how, subject.epilogue)
        self.monitor = Monitor(self.subject.oracle)
        self.seen = 0
        self.steps = 0
        self.moved: list[str] = []

    def possible(self, *, request: bool, stage: Stage | None = None) -> list[Action]:
        return [
            action
            for action in self.walk.actions()
            if (action.request is not None) == request
            and (action.transfer is None or action.transfer.stage is stage)
        ]

    def do(self, data: st.DataObject, actions: list[Action]) -> None:
        self.steps += 1
        last = {name: number for number, name in enumerate(self.moved)}
        by_name = {action.task.name: action for action in actions}
        names = sorted(by_name, key=lambda name: -last.get(name, -1))  # whoever moved last goes on
        self.moved.append(data.draw(st.sampled_from(names), label="whose"))
        self.walk.do(by_name[self.moved[-1]])
        for event in self.walk.log[self.seen :]:
            self.seen += 1
            refusal = self.monitor.observe(event)
            if refusal is not None:
                self.lengths.append(self.steps)
            assert refusal is None, explain.reason(self.subject.oracle, refusal)

    @precondition(lambda self: self.possible(request=True))
    @rule(data=st.data())
    def arrive(self, data: st.DataObject) -> None:
        self.do(data, self.possible(request=True))

    @precondition(lambda self: self.possible(request=False, stage=Stage.HELD))
    @rule(data=st.data())
    def transfer(self, data: st.DataObject) -> None:
        self.do(data, self.possible(request=False, stage=Stage.HELD))

    @precondition(lambda self: self.possible(request=False, stage=Stage.DONE))
    @rule(data=st.data())
    def answer(self, data: st.DataObject) -> None:
        self.do(data, self.possible(request=False, stage=Stage.DONE))

    @precondition(lambda self: not self.walk.actions())
    @rule()
    def nothing_is_left(self) -> None:
        """Hypothesis wants a rule for every state."""

    def teardown(self) -> None:
        assert self.walk.end() == ()


@contextmanager
def machine(
    qemu: Qemu, stack: str, slug: str, sight: Sight, *, no_snapshot: bool = False
) -> Iterator[type[Real]]:
    kind = STACKS[stack]
    how = Scheduled(sight, apart=True)
    with Bench(qemu, kind, Options(no_snapshot=no_snapshot), ALL[kind.judged_by(qemu.release)], how) as bench:
        subject = bench.prepare(find(slug))
        assert isinstance(subject, Subject)
        members = {"bench": bench, "subject": subject, "lengths": []}
        yield type("Machine", (Real,), members)


@pytest.mark.parametrize("stack", [name for name in STACKS if name != "mirror"])
def test_whatever_is_drawn_the_model_explains_it(qemu: Qemu, stack: str) -> None:
    with machine(qemu, stack, "unaligned-below", Sight.BLACK) as drawn:
        run_machine(drawn, settings=ROUND)
    with machine(qemu, stack, "race", Sight.GREY) as drawn:
        run_machine(drawn, settings=ROUND)


def test_shrinking_ends_with_the_shortest_failing_run(qemu: Qemu) -> None:
    """Two arrivals; the copy's read and write and their answers; the write's data; the read, its answer."""
    with (
        machine(qemu, "cbw", "race", Sight.BLACK, no_snapshot=True) as drawn,
        pytest.raises(AssertionError, match=r"guest-read 0 returns nbd-write 1 at \[512, 1024\)"),
    ):
        run_machine(drawn, settings=SHRINKING)
    assert min(drawn.lengths) == 9
