"""cbw-timeout: every write ends though a copy never does; one whose time is up leaves the source alone."""

from __future__ import annotations

import errno
from collections.abc import Callable
from pathlib import Path

import pytest

from cowpath.conformance.campaign.tours import Graph, cover
from cowpath.conformance.monitor.oracle import Oracle
from cowpath.conformance.pairs import find_pair
from cowpath.conformance.runs.workload import Workload
from cowpath.conformance.scheduler.kernel import Kernel
from cowpath.conformance.scheduler.substrate import Greenlets
from cowpath.conformance.scheduler.sync import ScheduledSync
from cowpath.conformance.strategies.simple import Sequential
from cowpath.impl.context import AioContext, Request
from cowpath.impl.copy_timeout import TimedCopies
from cowpath.impl.design import Geometry
from cowpath.impl.stack import Stack
from cowpath.impl.sync import Threads
from cowpath.model.designs import ALL, Case
from cowpath.model.scenarios import Scenario, ScenarioError, find, loads

TIMED = (
    "copy-before-write-7.1",
    "copy-before-write-7.2.15",
    "copy-before-write-9.1",
    "copy-before-write-9.2",
)
WRITES = (0, 2)  # of both scenarios, by number
CLUSTER = 1024


def states_at_rest(design: str, scenario: Scenario) -> tuple[Oracle, list[bytes]]:
    oracle = Oracle(ALL[design], scenario)
    return oracle, [state for state, moves in Graph(oracle).moves.items() if not moves]


@pytest.mark.parametrize("design", TIMED)
def test_every_write_ends_though_a_copy_never_does(design: str) -> None:
    oracle, ends = states_at_rest(design, find("copy-timeout"))
    hanging = [state for state in ends if list(oracle.under_way(state, ()))]
    assert 0 < len(hanging) < len(ends)
    assert all(oracle.is_finished(state, write) for state in ends for write in WRITES)


def test_without_a_timeout_they_wait_for_ever() -> None:
    oracle, ends = states_at_rest("copy-before-write-9.2", find("hanging-copy"))
    waiting = [state for state in ends if not all(oracle.is_finished(state, write) for write in WRITES)]
    assert 0 < len(waiting) < len(ends)


def test_a_write_that_fails_leaves_the_source_alone() -> None:
    oracle = Oracle(ALL["copy-before-write-9.2"], find("copy-timeout"))
    failed = 0
    for state in Graph(oracle).moves:
        for write in WRITES:
            if oracle.place(state, write) == "failed":
                failed += 1
                assert all(oracle.value(state, "secondary", cell) != write for cell in (0, 1))
    assert failed > 0


@pytest.mark.parametrize("slug", ["read-past-timeout"])
def test_the_threads_make_every_step(slug: str) -> None:
    workload = Workload(find_pair("copy-before-write-9.2"), find(slug), Kernel(Greenlets()))
    assert cover(workload, Oracle(ALL["copy-before-write-9.2"], find(slug))).complete
    workload.close()


def test_designs_without_a_timeout_say_so() -> None:
    for design in ("copy-before-write-7.0", "block-copy-10.1", "rfc-2016"):
        with pytest.raises(ScenarioError, match="has no cbw_timeout"):
            Case(ALL[design], find("copy-timeout"))


def test_a_stream_of_writes_has_none() -> None:
    text = """
name = "stream"
sectors = "1KiB"
cluster = "1KiB"
options = { cbw_timeout = true }
[[request]]
kind = "nbd-write"
at = ["0B", "512B"]
stream = true
"""
    with pytest.raises(ScenarioError, match="has no stream of writes with cbw_timeout"):
        Case(ALL["copy-before-write-9.2"], loads(text, "stream"))


def test_real_threads_go_on_and_the_late_copy_keeps_its_cluster(tmp_path: Path) -> None:
    hung, context = [True], AioContext(Threads())
    never = context.condition()

    def hang(label: str, request: Request) -> None:
        if label == "cow.write" and request.root.name == "nbd-write 0":
            never.wait_for(lambda: not hung[0])

    context.fault_hook = hang
    geometry = Geometry(4 * CLUSTER, CLUSTER, cbw_timeout=0.01)
    with Stack(tmp_path, "copy-before-write-9.2", geometry, context) as stack:
        for _ in range(2):
            with pytest.raises(OSError, match="timed out") as caught:
                stack.nbd_write(0, b"n" * 512)
            assert caught.value.errno == errno.ETIMEDOUT
        assert stack.nbd_read(0, 512) == bytes(512)
        job = stack.design.job
        assert isinstance(job, TimedCopies)
        assert [entry.owner.name for entry in job.in_flight.entries] == ["nbd-write 0.copy"]
        with context:
            hung[0] = False
            never.notify_all()
        while job.calls:
            stack.nbd_read(0, 512)
        stack.nbd_write(0, b"n" * 512)
        assert (stack.nbd_read(0, 512), stack.guest_read(0, 512)) == (b"n" * 512, bytes(512))


def test_when_the_time_is_up_is_a_matter_of_the_schedule() -> None:
    """By default others go first; whoever waits so is never stuck."""
    kernel, log = Kernel(Greenlets()), []
    sync = ScheduledSync(kernel)
    lock = sync.lock()
    here: list[int] = []
    condition = sync.condition(lock)

    def body(name: str, does: Callable[[], object]) -> tuple[str, Callable[[], None]]:
        def run() -> None:
            lock.acquire()
            does()
            log.append((name, bool(here)))
            lock.release()

        return name, run

    waits = body("waits", lambda: condition.wait_for(lambda: bool(here), 1.0))
    assert kernel.run([waits, body("other", lambda: here.append(1))], Sequential()) is None
    assert log == [("other", True), ("waits", True)]
    assert kernel.run([body("alone", lambda: condition.wait_for(lambda: False, 1.0))], Sequential()) is None
