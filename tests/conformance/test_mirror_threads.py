"""The mirror's threads beside its model: every release, every bundled scenario that threads run."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable
from typing import Any

import pytest
from click.testing import CliRunner

from cowpath.conformance.campaign.alarm import examine
from cowpath.conformance.campaign.conform import Plan, conform
from cowpath.conformance.campaign.mirror_drawing import mirror_workloads
from cowpath.conformance.campaign.replay import confirm
from cowpath.conformance.campaign.tours import cover
from cowpath.conformance.commands.conform import conform_command
from cowpath.conformance.monitor.explain import reason
from cowpath.conformance.monitor.monitor import judge
from cowpath.conformance.monitor.oracle import Oracle
from cowpath.conformance.pairs import find_pair
from cowpath.conformance.runs import log_file
from cowpath.conformance.runs.log import Event, Sight
from cowpath.conformance.runs.workload import Run, Workload
from cowpath.conformance.scheduler.kernel import Kernel
from cowpath.conformance.scheduler.substrate import Greenlets, PooledThreads
from cowpath.conformance.strategies.portfolio import Portfolio
from cowpath.conformance.strategies.priorities import POS
from cowpath.conformance.strategies.simple import Sequential
from cowpath.impl.designs import MIRRORS as RUN
from cowpath.impl.mirror.active import Filter
from cowpath.impl.mirror.background import Background
from cowpath.impl.mirror.target import Target
from cowpath.model.bench.check import check
from cowpath.model.designs import MIRRORS, Case
from cowpath.model.language.errors import InputError
from cowpath.model.language.verdict import Verdict
from cowpath.model.scenarios import bundled, find, loads
from cowpath.model.scenarios.mirror import BACKINGS, COPY_MODES
from cowpath.model.scenarios.vocabulary import MIRROR_FAULTS
from cowpath.model.trace.trace import Trace

NEVER = {"stream.next", "iterate.slot.park"}
"""Threads run each request once; and 16 slots are never all taken where as many chunks are not."""
SMALL = ("write-while-paused", "dirtied-under-copy", "completed-under-a-write", "write-at-start-background")
each_mirror = pytest.mark.parametrize("name", list(MIRRORS))


def _fitting(name: str) -> list[str]:
    return [
        scenario.slug
        for scenario in bundled()
        if MIRRORS[name].unsupported(scenario) is None and not any(r.stream for r in scenario.requests)
    ]


def _workload(name: str, slug: str) -> Workload:
    return Workload(find_pair(name), find(slug), Kernel(Greenlets()))


def test_every_mirror_runs() -> None:
    assert list(RUN) == list(MIRRORS)
    assert len(_fitting("mirror-8.2")) == 27


def _labels(name: str, slug: str, runs: int) -> set[str]:
    """Make some runs, each of which the release's model must explain, and return the labels seen."""
    workload, strategy = _workload(name, slug), Portfolio(1)
    oracle, seen = Oracle(MIRRORS[name], find(slug)), set[str]()
    for _ in range(runs):
        run = workload.run(strategy)
        assert examine(oracle, run) is None
        seen |= {event.label for event in run.events}
    workload.close()
    return seen


@each_mirror
def test_runs_are_explained_by_the_release_s_model(name: str) -> None:
    seen = {label for slug in SMALL for label in _labels(name, slug, 6)}
    assert {"write.enter", "iterate.start", "copy.end", "loop.ready"} <= seen


@pytest.mark.lengthy
@each_mirror
def test_all_labels_are_the_models_and_nearly_all_of_these_are_seen(name: str) -> None:
    seen = {label for slug in _fitting(name) for label in _labels(name, slug, 40)}
    known = {action.label for action in MIRRORS[name].system.actions}
    assert seen <= known
    assert known - seen - NEVER <= {
        "copy.park", "copy.begin", "finish.again", "iterate.again", "pause.park", "write.after",
        "loop.synced", "iterate.park", "loop.active.park",
    }  # fmt: skip


def _counterexamples(name: str, slugs: Iterable[str]) -> list[tuple[str, Trace]]:
    found = []
    for slug in slugs:
        outcomes = check(Case(MIRRORS[name], find(slug))).properties
        if slug == "write-at-start" and "assertion" in outcomes and outcomes["assertion"].trace:
            outcomes = {"assertion": outcomes["assertion"]}  # the others' traces go on where QEMU has died
        found += [(slug, outcome.trace) for outcome in outcomes.values() if outcome.trace is not None]
    return found


def _follow(name: str, slugs: Iterable[str]) -> int:
    traces = _counterexamples(name, slugs)
    for slug, trace in traces:
        workload = _workload(name, slug)
        assert confirm(trace, workload).departure is None, (slug, trace.property)
        workload.close()
    return len(traces)


@pytest.mark.parametrize(
    ("name", "slug", "many"),
    [
        ("mirror-3.0", "failing-source-write", 1),
        ("mirror-6.1", "dirtied-under-copy", 1),
        ("mirror-8.2", "write-at-start", 1),
        ("mirror-8.2", "backing-by-name", 1),
        ("mirror-8.2", "mode-changed-at-flush", 1),
    ],
)
def test_counterexamples_are_followed_to_their_end(name: str, slug: str, many: int) -> None:
    assert _follow(name, [slug]) == many


@pytest.mark.lengthy
@each_mirror
def test_every_counterexample_is_followed_to_its_end(name: str) -> None:
    assert bool(_follow(name, _fitting(name))) is (name != "mirror-repaired")


def test_a_deadlock_of_writes_closes_on_real_threads() -> None:
    trace = (
        check(Case(MIRRORS["mirror-5.0"], find("active-writes-meet-background"))).properties["deadlock"].trace
    )
    assert trace is not None
    workload = Workload(
        find_pair("mirror-5.0"), find("active-writes-meet-background"), Kernel(PooledThreads())
    )
    confirmation = confirm(trace, workload)
    workload.close()
    assert confirmation.departure is None
    assert "guest-write 1 holds an operation on [32768, 98304), waits for guest-write 0" in (
        confirmation.run.reason
    )


@pytest.mark.parametrize(
    ("name", "slug"),
    [
        ("mirror-8.2", "write-while-paused"),
        ("mirror-8.2", "completed-under-a-write"),
        ("mirror-8.2", "write-at-start"),
        ("mirror-3.0", "failing-source-write"),
        ("mirror-6.2", "dirtied-under-copy"),
        ("mirror-repaired", "backing-by-name"),
    ],
)
def test_tours_reach_every_step_and_every_wait(name: str, slug: str) -> None:
    workload, oracle = _workload(name, slug), Oracle(MIRRORS[name], find(slug))
    found = cover(workload, oracle, most=600)
    workload.close()
    assert found.alarm is None
    assert found.complete
    assert found.edges[1] > 20


def test_who_waits_for_itself_alone_is_a_deadlock() -> None:
    """By default the others have ended when operation 2 parks on itself (3.0), so nobody else is parked."""
    workload = _workload("mirror-3.0", "short-of-buffers")
    run = workload.run(Sequential())
    workload.close()
    assert run.reason.startswith("operation 2 holds an operation on its chunks, waits for operation 2")
    assert examine(Oracle(MIRRORS["mirror-3.0"], find("short-of-buffers")), run) is None


def _first_refused(name: str, slug: str, sight: Sight, runs: int = 60) -> str | None:
    workload, strategy = _workload(name, slug), Portfolio(1)
    oracle = Oracle(MIRRORS[name], find(slug), sight)
    findings = (examine(oracle, workload.run(strategy)) for _ in range(runs))
    found = next(filter(None, findings), None)
    workload.close()
    return found.by if found else None


@pytest.mark.parametrize("sight", [Sight.BLACK, Sight.GREY])
def test_with_less_sight_runs_are_explained_too(sight: Sight) -> None:
    for slug in (
        "whole-active-write",
        "paused-with-a-chunk",
        "shared-target-cluster",
        "failing-target-write",
    ):
        assert _first_refused("mirror-8.2", slug, sight, 10) is None


@pytest.mark.parametrize(
    ("run", "judge", "slug"),
    [
        ("mirror-3.0", "mirror-4.2", "failing-source-write"),
        ("mirror-6.2", "mirror-5.0", "active-writes-meet-background"),
        ("mirror-6.1", "mirror-6.2", "dirtied-under-copy"),
        ("mirror-7.2", "mirror-6.2", "write-while-paused"),
        ("mirror-8.0", "mirror-7.2", "write-at-start"),
        ("mirror-8.2", "mirror-8.0", "write-at-start"),
        ("mirror-repaired", "mirror-8.2", "backing-by-name"),
        ("mirror-10.1", "mirror-8.2", "zeroes-over-an-unopened-base"),
        ("mirror-11.0", "mirror-10.1", "write-at-start"),
        ("mirror-11.0", "mirror-10.1", "zeroes-within-a-chunk"),
        ("mirror-10.1-repaired", "mirror-11.0", "zeroes-over-an-unopened-base"),
    ],
)
def test_one_release_is_not_another(run: str, judge: str, slug: str) -> None:
    workload, strategy = Workload(find_pair(run), find(slug), Kernel(Greenlets())), Portfolio(1)
    runs = [workload.run(strategy) for _ in range(100)]
    own, other = (Oracle(MIRRORS[design], find(slug)) for design in (run, judge))
    assert all(examine(own, made) is None for made in runs)
    assert any(examine(other, made) is not None for made in runs)
    workload.close()


def test_black_sight_sees_what_the_disks_hold(monkeypatch: pytest.MonkeyPatch) -> None:
    """A write of which the target lacks the last byte returns as it should; only the disk tells."""

    def short(
        filter_: Filter,
        request: Any,
        part: Any,
        data: bytes,
        *,
        write: Any = Filter._write_target,
        **how: Any,
    ) -> bool:
        return bool(write(filter_, request, part, data[:-1] + b"\xee", **how))

    monkeypatch.setattr(Filter, "_write_target", short)
    assert _first_refused("mirror-8.2", "backing-opened", Sight.BLACK) == "monitor"


def test_a_background_that_rests_too_early_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Background, "_rests", lambda background: not background.job.to_complete)
    assert _first_refused("mirror-8.2", "job-alone", Sight.WHITE) == "monitor"


def _log(run: Run) -> list[tuple[str, str]]:
    return [(event.kind, event.request) for event in run.log]


def test_a_run_ends_when_only_the_job_and_commands_that_are_refused_are_left() -> None:
    scenario = find("completed-under-a-write")
    complete = dataclasses.replace(scenario, requests=scenario.requests[1:] * 2)
    second = dataclasses.replace(complete.requests[1], label="complete 9")
    complete = dataclasses.replace(complete, requests=(complete.requests[0], second))
    workload = Workload(find_pair("mirror-8.2"), complete, Kernel(Greenlets()))
    run = workload.run(Sequential())
    workload.close()
    assert run.failure is None
    assert Event("quiescent") in run.log
    assert [kind for kind, who in _log(run) if who.startswith("complete")].count("return") == 1


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("--strategy", "free"), "--strategy free: mirror-8.2 has a job that does not end"),
        (("--scenario", "stream-in-background"), "mirror-8.2: no scenario given fits it"),
    ],
)
def test_what_a_campaign_of_a_mirror_has_not_is_said_in_one_line(words: tuple[str, ...], says: str) -> None:
    done = CliRunner().invoke(conform_command, ["mirror-8.2", *words])
    assert isinstance(done.exception, InputError)
    assert str(done.exception).startswith(says)


def test_a_campaign_takes_a_mirror_by_its_release() -> None:
    words = ["--release", "8.2", "--role", "mirror", "--scenario", "job-alone", "--schedules", "5"]
    done = CliRunner().invoke(conform_command, [*words, "--sight", "black"])
    assert done.exit_code == 0
    assert "mirror-8.2   explained" in done.stdout


def test_a_log_of_black_sight_says_what_the_disks_hold_and_is_judged_again() -> None:
    scenario, design = find("backing-opened"), MIRRORS["mirror-8.2"]
    workload = _workload("mirror-8.2", "backing-opened")
    run = workload.run(Sequential())
    workload.close()
    seen = [event for event in map(Sight.BLACK.of, run.log) if event is not None]
    written = log_file.write(log_file.Header(scenario, design.name, Sight.BLACK), seen)
    assert [line for line in written.splitlines() if '"content"' in line][1].count('"at"') == 2
    header, again = log_file.read(written.splitlines(), "log")
    assert judge(Oracle(design, header.scenario, Sight.BLACK), again) is None


@pytest.mark.parametrize("name", ["mirror-4.2", "mirror-repaired"])
def test_drawn_workloads_are_explained(name: str) -> None:
    plan = Plan((find_pair(name),), (), None, ("portfolio",), 24, Sight.WHITE, drawn=8)
    drawn = plan.fitting(plan.pairs[0])
    assert len(drawn) == 8
    assert drawn == plan.fitting(plan.pairs[0])
    (outcome,) = conform(plan)
    assert outcome.verdict is Verdict.HOLDS
    assert outcome.schedules == 24


def test_what_is_drawn_has_all_that_a_mirror_has() -> None:
    drawn = list(mirror_workloads("1", MIRRORS["mirror-8.2"].kinds, 80, lambda scenario: True))
    jobs = [scenario.mirror for scenario in drawn if scenario.mirror is not None]
    assert {job.copy_mode for job in jobs} == {*COPY_MODES}
    assert {job.backing for job in jobs} == {*BACKINGS}
    assert any(job.buffers is not None for job in jobs)
    requests = [request for scenario in drawn for request in scenario.requests]
    assert {request.kind for request in requests} == {*MIRRORS["mirror-8.2"].kinds}
    assert {request.fault for request in requests} == {"none", *MIRROR_FAULTS}
    assert {scenario.option("requests_at_start") for scenario in drawn} == {True, False}
    chunks = {scenario.size / scenario.cluster for scenario in drawn}
    assert {2, 3, 4} <= chunks
    assert any(number % 1 for number in chunks), "none has a last chunk that is short"
    ends = {
        edge % scenario.cluster
        for scenario, request in ((s, r) for s in drawn for r in s.requests)
        if request.offset is not None and request.length is not None
        for edge in (request.offset, request.offset + request.length)
    }
    assert {0, 1, 512, 1023} <= ends
    struck = [{r.fault for r in scenario.requests} - {"none"} for scenario in drawn]
    assert struck == [set(), {MIRROR_FAULTS[0]}, set(), {MIRROR_FAULTS[1]}] * 20


@pytest.mark.parametrize("slug", ["failing-source-write", "failing-target-write"])
def test_a_guest_is_told_of_an_error_if_its_own_write_has_failed(slug: str) -> None:
    workload, oracle = _workload("mirror-8.2", slug), Oracle(MIRRORS["mirror-8.2"], find(slug))
    log = list(workload.run(Sequential()).log)
    workload.close()
    at = next(i for i, event in enumerate(log) if event.kind == "return" and event.request == "guest-write 0")
    fails = log[at].fact("error") is not None
    assert fails == (slug == "failing-source-write")
    assert judge(oracle, log) is None
    log[at] = log[at]._replace(facts=() if fails else (("error", "Input/output error"),))
    refusal = judge(oracle, log)
    assert refusal is not None
    assert f"in the model its transfer {'has failed' if fails else 'has not failed'}" in reason(
        oracle, refusal
    )


def test_what_the_disks_hold_at_the_end_is_judged_with_every_sight(monkeypatch: pytest.MonkeyPatch) -> None:
    """A write that fills also what of its cluster is not new: no step tells of that."""
    alone = find("backing-by-name")
    other = dataclasses.replace(alone.requests[0], offset=8192, label="guest-write 1", group=1)
    scenario = dataclasses.replace(alone, requests=(*alone.requests, other))
    workload = Workload(find_pair("mirror-8.2"), scenario, Kernel(Greenlets()))
    oracle = Oracle(MIRRORS["mirror-8.2"], scenario)
    assert examine(oracle, workload.run(Sequential())) is None
    monkeypatch.setattr(Target, "is_new", lambda target, extent: True)
    finding = examine(oracle, workload.run(Sequential()))
    workload.close()
    assert finding is not None
    assert finding.refusal is not None
    assert finding.refusal.event.kind == "content"


def test_a_write_after_the_mirror_s_end_fills_nothing_of_the_target() -> None:
    """What is behind the target is opened then; drawn workloads met it."""
    alone, other = find("backing-by-name"), find("completed-under-a-write")
    complete = next(request for request in other.requests if request.kind == "complete")
    scenario = dataclasses.replace(alone, requests=(*alone.requests, complete))
    workload = Workload(find_pair("mirror-8.2"), scenario, Kernel(Greenlets()))
    oracle, strategy, late = Oracle(MIRRORS["mirror-8.2"], scenario), Portfolio(1), 0
    for _ in range(30):
        run = workload.run(strategy)
        assert examine(oracle, run) is None
        late += any(event.label == "write.after" for event in run.events)
    workload.close()
    assert late


def test_who_waits_for_a_new_cluster_waits_for_no_more_than_a_chunk_when_it_is_written() -> None:
    """The repair claims whole clusters only where they are new; drawn workloads met one that was no more."""
    text = 'name = "s"\nunit = "sectors"\nsectors = 4\ncluster = 2\n[mirror]\ncopy_mode = "background"\n'
    text += 'dirty = [[0, 2]]\ntarget_cluster = 4\nbacking = "name-only"\n'
    text += '[[request]]\nkind = "guest-write"\nat = [2, 2]\n[[request]]\nkind = "guest-write"\nat = [0, 1]\n'
    scenario = loads(text + '[[request]]\nkind = "change-mode"\n', "claimed")
    workload = Workload(find_pair("mirror-repaired"), scenario, Kernel(Greenlets()))
    oracle, strategy = Oracle(MIRRORS["mirror-repaired"], scenario), POS(1)
    for _ in range(60):
        assert examine(oracle, workload.run(strategy)) is None
    workload.close()


def test_more_operations_may_be_short_of_buffers_than_there_are_buffers() -> None:
    dirty = '[["0B", "64KiB"], ["128KiB", "384KiB"]]'
    text = f'name = "s"\nsectors = "512KiB"\ncluster = "64KiB"\n[mirror]\nbuffers = 2\ndirty = {dirty}\n'
    scenario = loads(text, "short")
    workload = Workload(find_pair("mirror-5.0"), scenario, Kernel(Greenlets()))
    run = workload.run(Sequential())
    workload.close()
    assert sum(event.label == "iterate.start.short" for event in run.events) == 3
    assert judge(Oracle(MIRRORS["mirror-5.0"], scenario), run.log) is None


def test_a_job_has_buffers_for_a_cluster_of_its_target() -> None:
    text = 'name = "s"\nsectors = "256KiB"\ncluster = "64KiB"\n[mirror]\nbuffers = 1\n'
    text += 'target_cluster = "128KiB"\nbacking = "{}"\n'
    found = [loads(text.format(backing), "s").mirror for backing in BACKINGS[1:]]
    assert [job and job.buffers for job in found] == [1, 2]


def test_a_step_that_tells_of_no_extent_is_refused() -> None:
    workload, oracle = _workload("mirror-8.2", "job-alone"), Oracle(MIRRORS["mirror-8.2"], find("job-alone"))
    run = workload.run(Sequential())
    workload.close()
    assert judge(oracle, run.log) is None
    silent = [event.fact("extent") is not None for event in run.log].index(True)
    log = list(run.log)
    log[silent] = log[silent]._replace(facts=(("extent", None),))
    refusal = judge(oracle, log)
    assert refusal is not None
    assert "the run's on None" in reason(oracle, refusal)


def test_a_step_on_nothing_that_tells_of_an_extent_is_refused() -> None:
    workload, oracle = _workload("mirror-8.2", "job-alone"), Oracle(MIRRORS["mirror-8.2"], find("job-alone"))
    log = list(workload.run(Sequential()).log)
    workload.close()
    ready = [event.label for event in log].index("loop.ready")
    log[ready] = log[ready]._replace(facts=(("extent", (0, 65536)), *log[ready].facts))
    refusal = judge(oracle, log)
    assert refusal is not None
    assert "the model's step is on nothing, the run's on (0, 65536)" in reason(oracle, refusal)
