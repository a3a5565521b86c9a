"""The threaded stack beside the model: the same labels, and every counterexample followed to its end."""

from __future__ import annotations

import dataclasses
import os
from typing import Any

import pytest

from cowpath.conformance.campaign.replay import confirm
from cowpath.conformance.pairs import PAIRS
from cowpath.conformance.runs.original import is_original, original
from cowpath.conformance.runs.workload import Workload
from cowpath.conformance.scheduler.kernel import Kernel
from cowpath.conformance.scheduler.substrate import Greenlets, PooledThreads
from cowpath.conformance.strategies.simple import RandomWalk
from cowpath.impl.designs import DESIGNS as RUN
from cowpath.model.bench.check import check
from cowpath.model.bench.kept import checked
from cowpath.model.designs import DESIGNS, Case
from cowpath.model.finite.reference import Reference
from cowpath.model.language.system import Action
from cowpath.model.scenarios import ScenarioError, bundled, find
from cowpath.model.scenarios.geometry import reduce as smallest
from cowpath.model.stack.binding import bind
from cowpath.model.trace.trace import Trace, replay
from tests.draws import first
from tests.in_process import sharing

each_design = pytest.mark.parametrize("design", list(DESIGNS))

NEVER = {
    "protocol.settle.park",  # it is what an assertion says never happens
    "stream.next",  # threads run each request once
}
NEVER_IN = {
    "copy-before-write-9.2": {"filter.gone"},  # there is no stop
    # Its checkpoint drains, so it is one step.
    "rfc-repaired": {f"checkpoint.{part}" for part in ("clear-done", "empty-active", "empty-hidden")},
}


def test_every_design_of_the_model_runs() -> None:
    assert list(RUN) == list(DESIGNS)


def _fitting(design: str) -> list[str]:
    return [
        scenario.slug
        for scenario in bundled()
        if DESIGNS[design].unsupported(scenario) is None
        and not any(request.stream for request in scenario.requests)
    ]


# Tours reach each of them in the others, too.
@pytest.mark.parametrize("design", first(DESIGNS, "rfc-2016", "copy-before-write-9.2", "rfc-repaired"))
def test_the_labels_of_the_steps_are_the_models(design: str) -> None:
    """Those seen in random runs are the model's; and they are all of them."""
    known = {action.label for action in DESIGNS[design].system.actions}
    expected = known - NEVER - NEVER_IN.get(design, set())
    seen: set[str] = set()
    workloads = [Workload(PAIRS[design], find(slug), Kernel(Greenlets())) for slug in _fitting(design)]
    faulty = [w for w in workloads if any(request.fault != "none" for request in w.scenario.requests)]
    for seed in range(1200):
        # What comes after a copy that broke the snapshot is rare, and nowhere but where there is a fault.
        for workload in workloads if seed < 200 else faulty:
            seen |= {event.label for event in workload.run(RandomWalk(seed)).events}
        if seed >= 3 and seen == expected:
            break
    for workload in workloads:
        workload.close()
    assert seen == expected


# What the model's `assertion` finds broken is where QEMU stops, and the threads with it; the model runs on.
BEYOND_AN_ASSERTION = {
    (
        "writes-of-a-block",
        "write-through",
    ): "AssertionFailed: nbd-write 1 was serialising and had to wait again"
}


@pytest.mark.parametrize("design", [name for name in DESIGNS if name != "rfc-repaired"])  # it has none
def test_every_counterexample_happens_on_real_threads(design: str) -> None:
    followed = 0
    for slug in _fitting(design):
        scenario = find(slug)
        with sharing():
            result = checked(Case(DESIGNS[design], scenario))
        for outcome in result.properties.values():
            if outcome.trace is not None:
                for substrate in (Greenlets(), PooledThreads()):
                    workload = Workload(PAIRS[design], scenario, Kernel(substrate))
                    confirmation = confirm(outcome.trace, workload)
                    workload.close()
                    followed += 1
                    if (slug, outcome.trace.property) in BEYOND_AN_ASSERTION:
                        assert confirmation.run.reason == BEYOND_AN_ASSERTION[slug, outcome.trace.property]
                        assert confirmation.departure is not None
                        continue
                    assert confirmation.departure is None, (slug, outcome.trace.property)
    assert followed


@pytest.fixture(scope="module")
def deadlock() -> Trace:
    trace = check(Case(DESIGNS["rfc-2016"], find("unaligned-write"))).properties["deadlock"].trace
    assert trace is not None
    return trace


def test_the_rfcs_deadlock_is_the_models_cycle_in_its_words(deadlock: Trace) -> None:
    run = confirm(deadlock, Workload(PAIRS["rfc-2016"], find("unaligned-write"), Kernel(PooledThreads()))).run
    assert run.cycle == deadlock.cycle
    assert run.reason == (
        "guest-read 0 holds CowRequest [0, 65536), waits for nbd-write 1 on the secondary's tracked list; "
        "nbd-write 1 holds [512, 1024) on the secondary's tracked list, waits for guest-read 0 on the job's "
        "CowRequest list"
    )


@pytest.mark.parametrize("holder", [0, 1])
def test_a_trace_says_on_which_of_two_a_request_parks(holder: int) -> None:
    """QEMU finds the newer first; the order of the list is not in the model's state."""
    system, scenario = DESIGNS["fleecing-4.0"].system, find("two-readers")
    enters = ("read.begin", "read.lookup-active", "read.enter-hidden")
    wanted = [(label, 2) for label in ("write.settle", "cow.begin", "cow.copy", "cow.read")]
    wanted += [(label, reader) for reader in (0, 1) for label in enters]
    instance = bind(scenario, smallest(scenario))
    reference = Reference(system, instance)
    state, path = reference.initial(), list[tuple[Action, tuple[int, ...]]]()
    for label, owner in [*wanted, ("cow.serialise.park", 2)]:
        able = [e for e in reference.steps(state) if (e.action.label, e.arguments[0]) == (label, owner)]
        each = able[holder] if label.endswith(".park") else able[-1]
        path.append((each.action, each.arguments))
        state = reference.apply(each.action, each.arguments, state)
    trace = replay(system, instance, scenario.name, "", path)
    assert trace.steps[-1].arguments == ("nbd-write 2", f"guest-read {holder}")
    workload = Workload(PAIRS["fleecing-4.0"], scenario, Kernel(Greenlets()))
    confirmed = confirm(trace, workload)
    workload.close()
    assert confirmed.departure is None
    parked = next(e for e in confirmed.run.events if e.label == "cow.serialise.park")
    assert parked.fact("waits_for") == f"guest-read {holder}"


def _altered(trace: Trace, number: int, **changes: Any) -> Trace:
    steps = list(trace.steps)
    steps[number - 1] = dataclasses.replace(steps[number - 1], **changes)
    return dataclasses.replace(trace, steps=tuple(steps))


def test_a_trace_that_is_not_what_happens_is_refused(deadlock: Trace) -> None:
    def departure(trace: Trace, design: str = "rfc-2016", scenario: str = "unaligned-write") -> str | None:
        return confirm(trace, Workload(PAIRS[design], find(scenario), Kernel(Greenlets()))).departure

    assert departure(deadlock) is None
    assert departure(_altered(deadlock, 3, action="read.hidden")) == (
        "step 3 is read.hidden of guest-read 0, but guest-read 0 makes the step read.lookup-hidden"
    )
    assert departure(deadlock, design="unserialised") == (
        "step 8 is cow.wait of nbd-write 1, but nbd-write 1 makes the step cow.begin"
    )
    assert departure(deadlock, design="fleecing-4.0") is not None
    assert departure(dataclasses.replace(deadlock, property="lifetime")) is not None
    reads = deadlock.steps[5]
    other = dataclasses.replace(
        reads.seen[0], values=tuple((place, "nbd-write 1") for place, _ in reads.seen[0].values)
    )
    assert departure(_altered(deadlock, 6, seen=(other,))) == (
        "step 6: the model reads nbd-write 1 at [0, 512)+[1024, 4096), the threads original data"
    )


def test_the_race_returns_new_data_on_real_threads() -> None:
    trace = check(Case(DESIGNS["unserialised"], find("race"))).properties["snapshot"].trace
    assert trace is not None
    run = confirm(trace, Workload(PAIRS["unserialised"], find("race"), Kernel(PooledThreads()))).run
    data = run.results["guest-read 0"]
    assert data == original(0, 512) + bytes([2]) * 512 + original(1024, 4096)


def test_the_bug_of_4_2_is_in_the_second_cluster_only() -> None:
    """The wait for copies in flight takes an end and is given a length; see the model's `notices`."""
    wrong = {}
    for design in ("block-copy-4.2", "block-copy-5.0"):
        workload = Workload(PAIRS[design], find("second-cluster"), Kernel(Greenlets()))
        reads = [workload.run(RandomWalk(seed)).results["guest-read 2"] for seed in range(200)]
        wrong[design] = sum(not (isinstance(data, bytes) and is_original(1024, data)) for data in reads)
    assert wrong["block-copy-4.2"] > 0 == wrong["block-copy-5.0"]


def test_faults_are_those_of_the_scenario() -> None:
    workload = Workload(PAIRS["rfc-2016"], find("failing-copies"), Kernel(Greenlets()))
    errors = set()
    for seed in range(50):
        results = workload.run(RandomWalk(seed)).results
        errors |= {error.strerror for error in results.values() if isinstance(error, OSError)}
    assert errors == {
        f"{step} of nbd-write {number} is made to fail"
        for number, step in enumerate(("cow.read", "cow.write", "write.data"))
    }


@pytest.mark.parametrize("slug", ["write-among-reads"])
def test_what_threads_do_not_run_is_refused(slug: str) -> None:
    with pytest.raises(ScenarioError, match="is for the model alone"):
        Workload(PAIRS["copy-before-write-9.2"], find(slug), Kernel(Greenlets()))


def test_what_a_design_lacks_is_refused() -> None:
    with pytest.raises(ScenarioError, match="has no stop"):
        Workload(PAIRS["copy-before-write-9.2"], find("stop"), Kernel(Greenlets()))


def test_a_closed_workload_leaves_no_file_open() -> None:
    before = len(os.listdir("/proc/self/fd"))
    for _ in range(3):
        workload = Workload(PAIRS["rfc-2016"], find("race"), Kernel(Greenlets()))
        workload.run(RandomWalk(1))
        workload.close()
    assert len(os.listdir("/proc/self/fd")) == before
