"""Tasks in several processes: all are done, an exception comes through, an interrupt keeps what is known."""

from __future__ import annotations

import os
import signal
import threading
import time
from typing import Any

import pytest

from cowpath.model.bench import batch
from cowpath.model.bench.workers import Send, Workers
from cowpath.model.designs import ALL, DESIGNS
from cowpath.model.scenarios import bundled, find

each_way = pytest.mark.parametrize("processes", [1, 2, 3])


def received(workers: Workers, tasks: list[int]) -> list[Any]:
    found: list[Any] = []
    workers.run(tasks, found.append)
    return found


@each_way
def test_every_task_is_done_once(processes: int) -> None:
    def work(task: int, send: Send) -> None:
        send((task, os.getpid()))

    found = received(Workers(work, processes), list(range(20)))
    assert sorted(task for task, _ in found) == list(range(20))
    assert (os.getpid() in {pid for _, pid in found}) == (processes == 1)


@each_way
def test_an_exception_comes_through(processes: int) -> None:
    def work(task: int, send: Send) -> None:
        if task == 3:
            raise ZeroDivisionError("three")

    with pytest.raises(ZeroDivisionError, match="three"):
        received(Workers(work, processes), [1, 2, 3, 4])


@each_way
def test_an_interrupt_ends_what_is_at_work_with_what_it_knows(processes: int) -> None:
    def work(task: int, send: Send) -> None:
        send(("begun", task))
        try:
            time.sleep(60)
        except KeyboardInterrupt:
            send(("known", task))
            raise

    workers, found = Workers(work, processes), []

    def receive(what: Any) -> None:
        found.append(what)
        if len(found) == processes:
            threading.Timer(0.1, os.kill, (os.getpid(), signal.SIGINT)).start()

    workers.run(list(range(10)), receive)
    assert workers.interrupted
    tasks = [*range(processes - 1), 0 if processes == 1 else 9]  # of several, one begins at the end
    assert sorted(found) == sorted([*(("begun", t) for t in tasks), *(("known", t) for t in tasks)])
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_what_a_process_did_that_is_killed_is_left_open() -> None:
    def work(task: int, send: Send) -> None:
        if task == 2:
            os.kill(os.getpid(), signal.SIGKILL)
        send(task)

    assert sorted(received(Workers(work, 2), list(range(6)))) == [0, 1, 3, 4, 5]


def test_results_are_the_same_in_one_process_and_in_two_together_and_alone() -> None:
    designs = [DESIGNS[name] for name in ("rfc-2016", "merged-2.8", "block-copy-4.2")]
    scenarios = [s for s in bundled() if len(s.requests) < 4][::3]
    together = [batch.run(batch.Plan(designs, scenarios, ()), processes=processes) for processes in (1, 2)]
    alone = [
        batch.run(batch.Plan([design], [scenario], ()), processes=1)[0]
        for scenario in scenarios
        for design in designs
        if design.unsupported(scenario) is None
    ]
    assert len(alone) > 20
    for one, two, three in zip(*together, alone, strict=True):
        assert one.properties == two.properties == three.properties
        for this in (one, two, three):
            assert this.case.design is one.case.design
            assert this.case.scenario is one.case.scenario
        numbers = [
            (r.exploration.states, r.exploration.transitions, r.exploration.depth) for r in (one, two, three)
        ]
        assert numbers[0] == numbers[1] == numbers[2]
        for name, outcome in one.properties.items():
            if outcome.trace is not None:
                states = [r.properties[name].trace.states for r in (one, two, three)]
                assert [s.values for s in states[0]] == [s.values for s in states[1]]
                assert [s.values for s in states[0]] == [s.values for s in states[2]]


def test_of_whom_a_property_claims_progress_is_each_cases_own() -> None:
    """Also where cases of one shape are searched together, by a model whose requests may be of any kind."""
    design = ALL["mirror-6.2"]
    scenarios = [find(slug) for slug in ("small-active-write", "stream-of-active-writes")]
    together = batch.run(batch.Plan([design], scenarios, ()), processes=1)
    assert [result.violated for result in together] == [(), ("convergence",)]
    for result in together:
        alone = batch.run(batch.Plan([design], [result.scenario], ()), processes=1)[0]
        found = [{n: (p.verdict, p.depth) for n, p in each.properties.items()} for each in (alone, result)]
        assert found[0] == found[1]


@pytest.mark.parametrize(
    ("seconds", "part", "said"),
    [(0.9, 0.5, ""), (30.0, 0.04, ""), (30.0, 0.25, ", about 90 s left"), (30.0, 1.0, ", about 0 s left")],
)
def test_what_is_left_is_estimated_once_something_is_done(seconds: float, part: float, said: str) -> None:
    assert batch.about_left(seconds, part) == said
