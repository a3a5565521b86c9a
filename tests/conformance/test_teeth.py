"""What the harness sees beside: moved data, steps that spin, deadlocks that nobody reports, missed steps."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from types import SimpleNamespace
from typing import Any, cast

import pytest

from cowpath.conformance.campaign.alarm import UNREPORTED, Finding, examine
from cowpath.conformance.campaign.conform import TOURS, Plan, conform
from cowpath.conformance.campaign.tours import cover, missed
from cowpath.conformance.monitor.cells import Cells
from cowpath.conformance.monitor.explain import reason
from cowpath.conformance.monitor.oracle import Oracle
from cowpath.conformance.pairs import PAIRS, find_pair
from cowpath.conformance.runs import log_file, rigs, workload
from cowpath.conformance.runs.log import Event, Sight
from cowpath.conformance.runs.original import ORIGINAL, is_original, original
from cowpath.conformance.runs.recorder import TappedDisk
from cowpath.conformance.runs.watchdog import Spin, watchdog
from cowpath.conformance.runs.workload import SPINS, Workload
from cowpath.conformance.scheduler import kernel
from cowpath.conformance.scheduler.kernel import Kernel, Task
from cowpath.conformance.scheduler.substrate import Greenlets
from cowpath.conformance.strategies.portfolio import STRATEGIES
from cowpath.conformance.strategies.simple import ZEROES, Sequential
from cowpath.impl.backup import BackupJob
from cowpath.impl.bitmap import Bitmap
from cowpath.impl.context import AioContext
from cowpath.impl.errors import LifetimeError
from cowpath.impl.extent import Extent
from cowpath.impl.overlay import Active
from cowpath.model.designs import DESIGNS, Case
from cowpath.model.scenarios import ScenarioError, find, loads

# -- original data


def test_original_data_tell_where_they_belong() -> None:
    assert original(0, 65536)[1000:5000] == original(1000, 5000)
    assert len(original(7, 7)) == 0
    for by in (64, 512, 4096, 65536, 1 << 20):
        assert original(by, by + 512) != original(0, 512)
    assert is_original(512, original(512, 1024))
    assert not is_original(512, original(0, 512))
    assert is_original(512, bytes([ORIGINAL]) * 512)  # who fills a disk with it does not say where
    assert not is_original(0, original(0, 256) + bytes([ORIGINAL]) * 256)


def test_moved_original_data_are_nobodys() -> None:
    case = Case(DESIGNS["rfc-2016"], find("second-cluster"))
    cells = Cells(case.scenario, case.geometry, len(case.instance.names["Request"]))
    (start, end), *_ = cells.ranges[0]
    nobody = {len(case.scenario.requests)}
    assert cells.values([(Extent(start, end), original(start, end))])[0] == nobody
    assert cells.values([(Extent(start, end), original(start + 512, end + 512))])[0] == set()
    assert cells.values([(Extent(start, end), bytes([ORIGINAL]) * (end - start))])[0] == nobody


def test_a_stack_that_moves_original_data_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """The second cluster is copied from where the first one is."""
    read = TappedDisk._read

    def moved(disk: TappedDisk, extent: Extent) -> bytes:
        return read(disk, Extent(extent.start % 1024, extent.start % 1024 + extent.length))

    monkeypatch.setattr(TappedDisk, "_read", moved)
    plan = Plan((PAIRS["rfc-repaired"],), (find("second-cluster"),), None, ("random",), 20, Sight.WHITE)
    assert _first_finding(plan).by == "monitor"


def _first_finding(plan: Plan) -> Finding:
    (pair,), (scenario,) = plan.pairs, plan.scenarios
    work, oracle = plan.prepare(pair, scenario, Kernel(Greenlets()))
    strategy = STRATEGIES["random"](0)
    runs = (work.run(strategy) for _ in range(plan.schedules))
    found = next(filter(None, (examine(oracle, run) for run in runs)))
    work.close()
    return found


def test_a_log_says_original_and_shows_what_was_moved() -> None:
    scenario = find("race")
    header = log_file.Header(scenario, "rfc-2016", Sight.WHITE)
    right = ((Extent(0, 4096), original(0, 4096)),)
    moved = ((Extent(0, 512), original(64, 576)),)
    mixed = ((Extent(0, 1536), original(0, 512) + bytes([2]) * 512 + original(1024, 1536)),)
    events = [Event("return", "guest-read 0", facts=(("data", data),)) for data in (right, moved, mixed)]
    text = log_file.write(header, events)
    written = [json.loads(line)["pieces"][0]["data"] for line in text.splitlines()[1:]]
    assert written[0] == [[4096, "original"]]
    assert written[1][:2] == [[64, 129], [64, 130]]
    assert written[2] == [[512, "original"], [512, 2], [512, "original"]]
    assert log_file.read(text.splitlines(), "log")[1] == events
    for bad in ('[4096, "orginal"]', '[-1, "original"]', '["original"]'):
        with pytest.raises(log_file.LogError, match="accepted: runs"):
            log_file.read(text.replace('[4096, "original"]', bad).splitlines(), "log")


HUNG = """
name = "hung while it is drained"
unit = "sectors"
sectors = 7
cluster = 4
[[request]]
kind = "guest-read"
at = [4, 2]
fault = "secondary-read-hangs"
[[request]]
kind = "guest-read"
at = [3, 4]
[[request]]
kind = "stop"
"""


def test_who_waits_for_one_that_hangs_need_not_report_the_cycle_with_another() -> None:
    """A stop waits for all that is in flight, a queued reader in the drained section is (4.2)."""
    plan = Plan((find_pair("drain-4.2"),), (loads(HUNG, "hung"),), None, ("portfolio",), 40, Sight.WHITE)
    (outcome,) = conform(plan)
    assert outcome.failure is None


# -- the watchdog


def test_what_spins_is_interrupted_where_it_is() -> None:
    def spin() -> None:
        with watchdog(0.05):
            while True:
                pass

    with pytest.raises(Spin, match=r"^test_teeth.py:\d+, in test_what_spins"):
        spin()
    with watchdog(0.05):
        pass


def test_one_long_call_such_as_a_collection_of_garbage_is_no_spin() -> None:
    with watchdog(0.02):
        sum(range(5_000_000))


def test_a_step_that_spins_is_a_finding_with_place_and_token(monkeypatch: pytest.MonkeyPatch) -> None:
    def spin(bitmap: Bitmap, extent: Extent) -> None:
        while extent.start < extent.end:
            pass

    monkeypatch.setattr(Bitmap, "next_clear", spin)
    monkeypatch.setattr(workload, "watchdog", partial(watchdog, 0.1))
    plan = Plan((PAIRS["rfc-2016"],), (find("race"),), None, ("random",), 20, Sight.WHITE)
    found = _first_finding(plan)
    assert found.by == SPINS
    assert "test_teeth.py:" in found.run.reason
    assert "spin" in found.run.reason
    assert str(found.run.schedule)


def test_a_design_that_cannot_be_made_is_a_finding(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(BackupJob, "__init__", lambda self, *given: self.nothing)
    plan = Plan((PAIRS["rfc-2016"],), (find("race"),), None, ("random",), 2, Sight.WHITE)
    found = _first_finding(plan)
    assert found.by == "crash"
    assert "it cannot be made: AttributeError" in found.run.reason


def test_a_design_that_cannot_be_asked_in_the_end_is_a_finding(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Active, "__init__", lambda active, *disks, merges: None)  # nobody uses it there
    plan = Plan((PAIRS["copy-before-write-9.2"],), (find("race"),), None, ("random",), 1, Sight.WHITE)
    found = _first_finding(plan)
    assert found.by == "crash"
    assert "in the end it cannot be asked: AttributeError" in found.run.reason


# -- deadlocks, the bitmap, tours


def test_a_deadlock_that_the_detector_does_not_report_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kernel, "wait_cycle", lambda parked, name: ())
    plan = Plan((PAIRS["rfc-2016"],), (find("unaligned-write"),), None, ("random",), 200, Sight.WHITE)
    found = _first_finding(plan)
    assert found.by == UNREPORTED
    assert "in the model" in found.says
    assert "waits for" in found.says


def test_an_overlay_that_keeps_its_clusters_is_refused_though_nobody_reads(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(Active, "empty", lambda active: active.disk.empty())  # but not its map
    scenario = loads(KEPT, "kept")
    found = _first_finding(Plan((PAIRS["block-copy-5.1"],), (scenario,), None, ("random",), 40, Sight.WHITE))
    assert found.refusal is not None
    assert found.refusal.event == Event("map", facts=(("disk", "active"), ("clusters", (1,))))
    oracle = Oracle(DESIGNS["block-copy-5.1"], scenario)
    says = "in the end the active disk has cluster [0, 2), not so in the model"
    assert reason(oracle, found.refusal) == says


def test_what_is_written_as_zeroes_is_said_to_be_data() -> None:
    """The model's source is zeroes where nobody has written."""
    run = Workload(PAIRS["block-copy-5.1"], loads(ZEROED, "zeroed"), Kernel(Greenlets())).run(_AllZeroes())
    labels = [event.label for event in run.events if event.label.startswith("cow.")]
    assert labels[:3] == ["cow.zeroes", "cow.serialise", "cow.write"]
    assert labels[3:] == ["cow.enter", "cow.read", "cow.serialise", "cow.write"]
    assert examine(Oracle(DESIGNS["block-copy-5.1"], loads(ZEROED, "zeroed")), run) is None


class _AllZeroes(Sequential):
    """One request after the other; whatever may be said to be zeroes is."""

    def choose(self, n: int, label: str, tasks: Sequence[Task]) -> int:
        return int(label.startswith(ZEROES))


def test_no_read_hangs_where_a_checkpoint_may_empty_the_disk_under_it() -> None:
    hung = loads(KEPT.replace("guest-write", "guest-read") + FAULT, "hung")
    with pytest.raises(ScenarioError, match="'kept' is for the model alone; no thread's read hangs in the"):
        Workload(PAIRS["block-copy-5.1"], hung, Kernel(Greenlets()))


KEPT = """
name = "kept"
unit = "sectors"
sectors = 2
cluster = 2
options = { quiesced_checkpoint = false }
[[request]]
kind = "checkpoint"
[[request]]
kind = "guest-write"
at = [0, 1]
"""
FAULT = 'fault = "active-read-hangs"'
ZEROED = """
name = "zeroed"
unit = "sectors"
sectors = 2
cluster = 2
options = { zeroes = true }
[[request]]
kind = "nbd-zero"
at = [0, 2]
[[request]]
kind = "checkpoint"
[[request]]
kind = "nbd-write"
at = [0, 1]
"""


def test_the_jobs_bitmap_is_gone_with_the_end_of_the_job() -> None:
    context, nobody = cast(AioContext, SimpleNamespace(touch=lambda *access: None)), cast(Any, None)
    job = BackupJob(context, nobody, nobody, 1024)
    for use in (job.done.set, job.done.reset, job.done.run, job.done.next_clear):
        job._state = "ending"
        use(Extent(0, 1024))
        job._state = "ended"
        with pytest.raises(LifetimeError, match="the done bitmap of a job that is ended"):
            use(Extent(0, 1024))
    with pytest.raises(LifetimeError):
        job.done.clear()


def test_tours_that_miss_a_step_are_refused_and_say_which(monkeypatch: pytest.MonkeyPatch) -> None:
    """A secondary disk of which all is always of one status never shrinks a copy."""
    monkeypatch.setattr(rigs._FickleDisk, "same_status", lambda disk, extent: (extent, False))
    pair, scenario = PAIRS["block-copy-5.0"], find("copied-in-part")
    work, oracle = Workload(pair, scenario, Kernel(Greenlets())), Oracle(pair.model, scenario)
    found = cover(work, oracle, most=400)
    work.close()
    assert found.alarm is None
    complete = replace(found, over=False)
    assert missed(replace(found, over=True), oracle) is None
    finding = missed(complete, oracle)
    assert finding is not None
    assert finding.by == TOURS
    assert "no run makes copy.shrink of" in finding.says


def test_tours_that_the_budget_ends_are_undetermined() -> None:
    plan = Plan((PAIRS["rfc-2016"],), (find("race"),), None, (TOURS,), 3, Sight.WHITE)
    (outcome,) = conform(plan)
    assert outcome.verdict.value == "undetermined"
    assert outcome.failure is None
