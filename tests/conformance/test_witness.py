"""The path by which the model follows a run: it explains what was seen, and ends at what is refused."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from cowpath.command_line import run
from cowpath.conformance.monitor import explain, witness
from cowpath.conformance.monitor.monitor import judge
from cowpath.conformance.monitor.oracle import Oracle
from cowpath.conformance.pairs import PAIRS
from cowpath.conformance.runs import log_file
from cowpath.conformance.runs.log import Event, Sight
from cowpath.conformance.runs.stress import Stress
from cowpath.conformance.runs.workload import Workload
from cowpath.conformance.scheduler.kernel import Kernel
from cowpath.conformance.scheduler.substrate import Greenlets
from cowpath.conformance.strategies.portfolio import Portfolio
from cowpath.model.designs import DESIGNS
from cowpath.model.render.formats import FORMATS
from cowpath.model.render.text import render
from cowpath.model.scenarios import find

each_sight = pytest.mark.parametrize("sight", list(Sight))
RUNS = 6


def logs(design: str, slug: str, *, runs: int = RUNS, free: bool = False) -> list[list[Event]]:
    workload, strategy = Workload(PAIRS[design], find(slug), Kernel(Greenlets())), Portfolio(5)
    stress = Stress(workload, 5)
    try:
        return [list((stress.run() if free else workload.run(strategy)).log) for _ in range(runs)]
    finally:
        workload.close()


def told(events: list[Event]) -> list[tuple[str, str]]:
    return [(event.request, event.label) for event in events if event.kind == "step"]


@each_sight
@pytest.mark.parametrize(
    ("design", "slug"),
    [("rfc-repaired", "race"), ("rfc-2016", "copy-on-read"), ("block-copy-5.0", "copied-in-part")],
)
def test_a_run_that_is_explained_has_a_path(design: str, slug: str, sight: Sight) -> None:
    oracle = Oracle(DESIGNS[design], find(slug), sight)
    for events in logs(design, slug):
        trace = witness.trace(oracle, events, judge(oracle, events))
        assert (trace.property, trace.refused, trace.fails) == ("refinement", "", False)
        assert trace.steps
        if sight is Sight.WHITE:
            assert [(step.owner, step.action) for step in trace.steps] == told(events)


def test_steps_of_free_threads_may_be_told_late() -> None:
    oracle = Oracle(DESIGNS["rfc-2016"], find("copy-on-read"))
    for events in logs("rfc-2016", "copy-on-read", free=True):
        trace = witness.trace(oracle, events, judge(oracle, events))
        assert sorted((step.owner, step.action) for step in trace.steps) == sorted(told(events))


@each_sight
def test_a_run_that_is_refused_has_a_path_until_then(sight: Sight) -> None:
    oracle = Oracle(DESIGNS["rfc-repaired"], find("race"), sight)
    found = 0
    for events in logs("unserialised", "race", runs=100):
        refusal = judge(oracle, events)
        if refusal is None:
            continue
        found += 1
        trace = witness.trace(oracle, events, refusal)
        assert trace.fails
        assert explain.reason(oracle, refusal) in trace.refused
        assert trace.refused in " ".join(render(trace, "").split())
        if sight is Sight.WHITE:
            assert [(step.owner, step.action) for step in trace.steps] == told(events[: refusal.position])
    assert found


@pytest.fixture
def refused(tmp_path: Path) -> Path:
    """The log of a run of `unserialised`, to be judged as `rfc-repaired`."""
    oracle = Oracle(DESIGNS["rfc-repaired"], find("race"))
    events = next(events for events in logs("unserialised", "race") if judge(oracle, events))
    path = tmp_path / "run.ndjson"
    path.write_text(log_file.write(log_file.Header(find("race"), "rfc-repaired", Sight.WHITE), events))
    return path


def status(*arguments: str | Path) -> int:
    return run([str(argument) for argument in arguments])


@pytest.mark.parametrize("form", list(FORMATS))
def test_a_log_is_drawn_in_every_format(form: str, refused: Path, tmp_path: Path) -> None:
    with pytest.raises(SystemExit) as ended:
        status("validate", refused, "--format", form, "-o", tmp_path / "out")
    assert ended.value.code == 1
    assert (tmp_path / "out").stat().st_size > 100


def test_what_is_drawn_can_be_read_back(
    refused: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def shown(*arguments: str | Path) -> str:
        with pytest.raises(SystemExit) as ended:
            status(*arguments)
        assert ended.value.code == 1
        return capsys.readouterr().out

    (tmp_path / "t.json").write_text(shown("validate", refused, "--format", "json"))
    again = shown("trace", "rfc-repaired", "--scenario", "race", "--from", tmp_path / "t.json")
    assert again == shown("validate", refused, "--format", "text")
    assert "refinement is violated: the run goes on with step" in again


@pytest.mark.parametrize(
    ("alter", "says"),
    [
        (lambda written: written | {"property": "snapshot"}, "what it says was refused cannot be"),
        (lambda written: written | {"refused": 3}, "no 'refused' as"),
    ],
)
def test_a_refusal_of_another_property_is_no_record(
    alter: Callable[[dict[str, object]], dict[str, object]],
    says: str,
    refused: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    with pytest.raises(SystemExit):
        status("validate", refused, "--format", "json", "-o", tmp_path / "t.json")
    (tmp_path / "t.json").write_text(json.dumps(alter(json.loads((tmp_path / "t.json").read_text()))))
    assert status("trace", "rfc-repaired", "--scenario", "race", "--from", tmp_path / "t.json") == 2
    assert says in capsys.readouterr().err


def test_a_file_to_write_needs_a_format(refused: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert status("validate", refused, "-o", "out") == 2
    assert "-o: goes with --format; accepted: text, json, " in capsys.readouterr().err
