"""What the monitor explains, what it refuses with each sight, and why."""

from __future__ import annotations

import re
from collections.abc import Sequence

import pytest

from cowpath.conformance.campaign.alarm import Finding, examine
from cowpath.conformance.campaign.columns import draw
from cowpath.conformance.monitor import explain
from cowpath.conformance.monitor.monitor import Monitor, judge
from cowpath.conformance.monitor.oracle import Oracle
from cowpath.conformance.pairs import PAIRS
from cowpath.conformance.runs.log import Event, Sight
from cowpath.conformance.runs.stress import Stress
from cowpath.conformance.runs.workload import Workload
from cowpath.conformance.scheduler.kernel import Kernel, Strategy
from cowpath.conformance.scheduler.substrate import Greenlets
from cowpath.conformance.strategies.exhaustive import DPOR
from cowpath.conformance.strategies.portfolio import Portfolio
from cowpath.impl.extent import Extent
from cowpath.model.designs import ALL, DESIGNS
from cowpath.model.scenarios import bundled, find
from tests.draws import first

each_sight = pytest.mark.parametrize("sight", list(Sight))


def fitting(design: str) -> list[str]:
    return [
        scenario.slug
        for scenario in bundled()
        if DESIGNS[design].unsupported(scenario) is None
        and not any(request.stream for request in scenario.requests)
    ]


def find_first(
    design: str, model: str, slug: str, sight: Sight, strategy: Strategy | None = None
) -> tuple[Oracle, Finding | None]:
    oracle = Oracle(DESIGNS[model], find(slug), sight)
    workload, strategy = Workload(PAIRS[design], find(slug), Kernel(Greenlets())), strategy or Portfolio(1)
    try:
        for _ in range(400):
            if strategy.exhausted:
                break
            finding = examine(oracle, workload.run(strategy))
            if finding is not None:
                return oracle, finding
    finally:
        workload.close()
    return oracle, None


@pytest.mark.parametrize(
    "design", first(DESIGNS, "rfc-2016", "block-copy-5.1", "copy-before-write-9.2", "rfc-repaired")
)
def test_every_design_is_explained_by_its_own_model(design: str) -> None:
    for slug in fitting(design):
        oracle = Oracle(DESIGNS[design], find(slug))
        workload, strategy = Workload(PAIRS[design], find(slug), Kernel(Greenlets())), Portfolio(1)
        for number in range(8):
            assert examine(oracle, workload.run(strategy)) is None, (slug, number)
        workload.close()


@pytest.mark.parametrize("sight", [Sight.GREY, Sight.BLACK])
def test_with_less_sight_too(sight: Sight) -> None:
    for design, slug in (("rfc-2016", "copy-on-read"), ("block-copy-5.0", "copied-in-part")):
        assert find_first(design, design, slug, sight)[1] is None


@pytest.mark.parametrize("design", list(DESIGNS))
def test_every_other_model_refuses_it(design: str) -> None:
    """But for the merge of the RFC, which changed nothing that a run shows, and for writes of one cluster."""
    alike = ({"rfc-2016", "merged-2.8"}, {"block-copy-5.0", "block-copy-5.1"})
    for model in DESIGNS:
        if {design, model} not in alike and design != model:
            assert find_first(design, model, "unaligned-write", Sight.WHITE)[1] is not None, model


@each_sight
def test_the_race_is_seen_by_everyone(sight: Sight) -> None:
    oracle, finding = find_first("unserialised", "rfc-repaired", "race", sight, DPOR())
    assert finding is not None
    assert finding.refusal is not None
    expected = {
        Sight.WHITE: "the model does not let it: it waits on the job's CowRequest list for guest-read 0",
        Sight.GREY: "no request can make this transfer (a read of the secondary disk at [0, 4096))",
        Sight.BLACK: "guest-read 0 returns nbd-write 1 at [512, 1024), in the model original data",
    }
    assert explain.reason(oracle, finding.refusal) == expected[sight]


def test_all_outcomes_of_a_design_with_less_sight_are_the_models() -> None:
    """Exhaustively: whatever the threads can do, the model explains."""
    for sight in Sight:
        assert find_first("unserialised", "unserialised", "race", sight, DPOR())[1] is None


# -- logs that are not quite right


@pytest.fixture
def log() -> list[Event]:
    workload = Workload(PAIRS["rfc-2016"], find("race"), Kernel(Greenlets()))
    run = workload.run(Portfolio(3))
    workload.close()
    return list(run.log)


def refused(log: Sequence[Event], slug: str = "race", sight: Sight = Sight.WHITE) -> str | None:
    oracle = Oracle(DESIGNS["rfc-2016"], find(slug), sight)
    refusal = judge(oracle, log)
    return None if refusal is None else explain.reason(oracle, refusal)


def changed(log: Sequence[Event], label: str, **facts: object) -> list[Event]:
    return [
        event._replace(
            facts=tuple(facts.get(n, v) if False else (n, facts.get(n, v)) for n, v in event.facts)
        )
        if event.label == label
        else event
        for event in log
    ]


def test_a_run_is_explained_and_its_state_known(log: list[Event]) -> None:
    monitor = Monitor(Oracle(DESIGNS["rfc-2016"], find("race")))
    for event in log:
        assert monitor.observe(event) is None
        assert len(monitor.states) == 1


def test_every_fact_counts(log: list[Event]) -> None:
    cluster = Extent(0, 65536)
    stale = b"\xff" * 512 + b"\x02" * 512 + b"\xff" * (65536 - 1024)
    assert refused(log) is None
    mapped = next(event for event in log if event.label == "read.lookup-hidden").fact("mapped")
    assert "the model finds the clusters" in str(
        refused(changed(log, "read.lookup-hidden", mapped=not mapped))
    )
    assert refused(changed(log, "cow.copy", extent=Extent(0, 4096))) is None  # of that cluster, cut at a cell
    assert refused(changed(log, "cow.copy", extent=Extent(0, 100))) is not None
    assert refused(changed(log, "cow.read", transfer=("hidden", False, ((cluster, b"\xff" * 65536),)))) == (
        "the model reads from the secondary disk, the run reads from the hidden disk"
    )
    assert refused(changed(log, "cow.read", transfer=("secondary", False, ((cluster, stale),)))) == (
        "the model reads original data at [512, 1024), the run nbd-write 1"
    )
    torn = b"\x02" * 256 + b"\xff" * 256
    transfer = ("secondary", True, ((Extent(512, 1024), torn),))
    assert refused(changed(log, "write.data", transfer=transfer)) == (
        "the model writes nbd-write 1 at [512, 1024), the run what nobody has written"
    )


def test_a_step_left_out_or_made_twice_is_refused(log: list[Event]) -> None:
    steps = [i for i, event in enumerate(log) if event.kind in ("invoke", "step", "return")]
    for i in steps:
        assert refused([*log[:i], *log[i + 1 :]]) is not None, log[i]
        assert refused([*log[: i + 1], *log[i:]]) is not None or log[i].kind == "invoke", log[i]


def test_who_waits_though_the_model_lets_it_go_is_refused(log: list[Event]) -> None:
    first = log.index(next(event for event in log if event.kind == "step"))
    who = Event("parked", facts=(("who", (log[first].request,)),))
    assert "waits, but the model lets it go on: " in str(refused([*log[: first + 1], who]))
    assert "waits, but the model lets it go on: " in str(refused([*log[: first + 1], Event("quiescent")]))


def test_a_deadlock_and_a_crash_must_be_the_models(log: list[Event]) -> None:
    for cycle in ((("guest-read 0", "nbd-write 1"), ("nbd-write 1", "guest-read 0")),):
        assert refused([*log[:4], Event("deadlock", facts=(("cycle", cycle),))]) is not None
    crash = Event("crash", "nbd-write 1", facts=(("property", "lifetime"),))
    assert refused([log[0], Event("invoke", "nbd-write 1"), crash]) == (
        "nbd-write 1 crashes: lifetime, which holds in the model"
    )


def test_an_assertion_that_falls_in_the_model_must_in_the_run() -> None:
    workload, strategy = Workload(PAIRS["rfc-2016"], find("neighbours"), Kernel(Greenlets())), Portfolio(1)
    for _ in range(200):
        run = workload.run(strategy)
        if run.failure is not None and run.log[-1].kind == "crash":
            assert refused(run.log, "neighbours") is None
            assert refused([*run.log[:-1], Event("quiescent")], "neighbours") is not None
            break
    else:
        pytest.fail("no run has crashed")
    workload.close()


# -- transfers that overlap others' steps


def test_a_transfer_may_take_effect_at_any_moment_while_it_lasts() -> None:
    """A read returns what is written, by what its log tells, only afterwards."""
    workload = Workload(PAIRS["unserialised"], find("race"), Kernel(Greenlets()))
    strategy = DPOR()
    while True:
        log = list(workload.run(strategy).log)
        labels = [event.label for event in log]
        data, read = (
            labels.index("write.data"),
            labels.index("read.secondary") if "read.secondary" in labels else 0,
        )
        if 0 < data < read and log[read - 1].kind == "step" and data == read - 1:
            break
    workload.close()
    oracle = Oracle(DESIGNS["unserialised"], find("race"))
    late = [*log[:data], log[data + 1], log[data], *log[data + 2 :]]
    assert judge(oracle, log) is None
    assert judge(oracle, late) is not None
    assert judge(oracle, [*log[:data], Event("begin", "nbd-write 1"), *late[data:]]) is None
    assert judge(oracle, [*log[:data], Event("begin", "guest-read 0"), *late[data:]]) is not None


@pytest.mark.parametrize("design", ["rfc-2016", "fleecing-4.0", "block-copy-5.0", "copy-before-write-9.2"])
def test_free_threads_are_explained(design: str) -> None:
    for slug in ("unaligned-write", "two-by-two", "failing-copies"):
        workload = Workload(PAIRS[design], find(slug), Kernel(Greenlets()))
        oracle, stress = Oracle(DESIGNS[design], find(slug)), Stress(workload, 1)
        for _ in range(15):
            assert examine(oracle, stress.run()) is None
        workload.close()


def test_free_threads_of_another_design_are_refused() -> None:
    workload = Workload(PAIRS["unserialised"], find("two-readers"), Kernel(Greenlets()))
    oracle, stress = Oracle(DESIGNS["rfc-repaired"], find("two-readers")), Stress(workload, 1)
    assert any(examine(oracle, stress.run()) for _ in range(50))
    workload.close()


def test_a_disk_s_content_is_kept_as_who_wrote_it_not_as_bytes() -> None:
    oracle = Oracle(ALL["mirror-7.2"], find("job-alone"), Sight.BLACK)
    size = oracle.scenario.size
    data = [((Extent(0, size), bytes([0xEE, n]) * (size // 2)),) for n in range(3)]
    events = [Event("content", facts=(("disk", "source"), ("data", each))) for each in data]
    refusals = {judge(oracle, [event]) for event in events}
    assert len(refusals) == len(oracle.first.following) == 1
    (refusal,) = refusals
    assert refusal is not None
    assert "the source has what nobody has written at " in explain.reason(oracle, refusal)


def test_an_oracle_begins_anew_before_it_fills_the_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    model, scenario = DESIGNS["rfc-2016"], find("two-readers")
    free, bounded = (Oracle(model, scenario, Sight.BLACK) for _ in range(2))
    workload, strategy = Workload(PAIRS["unserialised"], scenario, Kernel(Greenlets())), Portfolio(1)
    try:
        logs = [workload.run(strategy).log for _ in range(60)]
    finally:
        workload.close()
    found = [judge(free, log) for log in logs]
    assert {refusal is None for refusal in found} == {True, False}
    largest = max(len(node.explaining) for node in free._nodes.values())
    most = free.kept // 10
    monkeypatch.setattr("cowpath.conformance.monitor.oracle.MOST_KEPT", most)
    for log, refusal in zip(logs, found, strict=True):
        again = judge(bounded, log)
        assert (again and (again.position, again.before.explaining)) == (
            refusal and (refusal.position, refusal.before.explaining)
        )
        assert bounded.kept <= most + largest


# -- drawing


def test_an_interleaving_is_drawn_as_columns(log: list[Event]) -> None:
    lines = list(draw(log, None))
    assert sorted(re.split("  +", lines[0].strip())) == ["guest-read 0", "nbd-write 1"]
    steps = [event for event in log if event.kind in ("invoke", "step", "return")]
    assert len(lines) == len(steps) + 1
    assert all(event.label in line for event, line in zip(steps, lines[1:], strict=True))
    refused_at = log.index(steps[3])
    assert list(draw(log, refused_at))[-1].endswith(f"{steps[3].label or 'arrives'}  <-- refused")
