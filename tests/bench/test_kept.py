"""Kept checks: the same as those carried out, and of no use where anything is different or damaged."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from cowpath.model.bench import batch, kept
from cowpath.model.bench.check import Result
from cowpath.model.designs import DESIGNS, Case
from cowpath.model.explore.result import Limits
from cowpath.model.kept.answers import Answers, current, keeping
from cowpath.model.kept.store import Store
from cowpath.model.render import text
from cowpath.model.render.verdicts import as_json
from cowpath.model.scenarios import bundled, find
from tests.in_process import Command

NAMES = ("unaligned-write", "race", "two-by-two", "starvation")
SCENARIOS = [s for s in bundled() if s.slug in NAMES or any(r.stream for r in s.requests)]


@pytest.fixture
def keep(tmp_path: Path) -> Iterator[Path]:
    with keeping(Answers(Store(tmp_path / "kept"))):
        yield tmp_path / "kept"


def told(result: Result) -> tuple[Any, ...]:
    written = as_json(result)
    traces = [each.trace for each in result.properties.values() if each.trace is not None]
    return ({**written, "seconds": 0, "kept": False}, [text.render(trace, "meaning") for trace in traces])


def test_results_are_the_same_kept_and_not(keep: Path) -> None:
    plan = batch.Plan([DESIGNS["rfc-2016"], DESIGNS["block-copy-4.2"]], SCENARIOS, ("concurrency",))
    whole = batch.Plan(plan.designs, SCENARIOS, ())
    for each in (plan, whole):
        with keeping(None):
            without = batch.run(each)
        first, second = batch.run(each), batch.run(each)
        assert not any(result.kept for result in (*without, *first))
        assert all(result.kept for result in second)
        assert [*map(told, without)] == [*map(told, first)] == [*map(told, second)]
    assert any(t.loop is not None for r in second for p in r.properties.values() if (t := p.trace))


def test_what_a_limit_left_open_is_not_kept(keep: Path) -> None:
    case = Case(DESIGNS["rfc-2016"], find("unaligned-write"))
    for _ in range(2):
        assert not kept.checked(case, limits=Limits(max_states=5)).kept
    assert not kept.checked(case).kept
    assert kept.checked(case).kept
    assert not kept.checked(case, limits=Limits(max_states=5)).kept


def test_another_design_scenario_engine_property_or_reduction_is_another_question(keep: Path) -> None:
    def asked(design: str = "rfc-2016", scenario: str = "unaligned-write", **how: Any) -> bool:
        return kept.checked(Case(DESIGNS[design], find(scenario)), **how).kept

    different: list[dict[str, Any]] = [
        {},
        {"design": "unserialised"},
        {"scenario": "race"},
        {"engine": "numpy"},
        {"properties": ("deadlock",)},
        {"reductions": ("symmetry",)},
    ]
    assert not any(asked(**how) for how in different)
    assert all(asked(**how) for how in different)


@pytest.mark.parametrize("change", ["path", "loop", "verdict", "keys", "type"])
def test_an_answer_that_the_reference_does_not_follow_is_none(keep: Path, change: str) -> None:
    case = Case(DESIGNS["rfc-2016"], find("unaligned-write"))
    first = kept.checked(case)
    question = kept._question(case, (), "auto", Limits(), ())
    known = current()
    assert known is not None
    answer = known.recall(question)
    _, trace = answer["properties"]["deadlock"]
    if change == "path":
        trace["path"] = trace["path"][:-1]
    elif change == "loop":
        trace["loop"] = 3
    elif change == "verdict":
        answer["properties"]["deadlock"] = ("fallen", trace)
    elif change == "keys":
        answer["exploration"]["more"] = 1
    known.keep(question, [answer] if change == "type" else answer)
    again = kept.checked(case)
    assert not again.kept
    assert told(again) == told(first)


def test_commands_say_what_was_kept(
    cowpath: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COWPATH_CACHE", str(tmp_path / "kept"))
    asked = ("check", "rfc-2016", "--scenario", "unaligned-write", "--json", "-")
    first, second = cowpath(*asked), cowpath(*asked)
    assert first.status == second.status == 1
    assert second.out == first.out.replace('"kept": false', '"kept": true') != first.out
    assert '"kept": false' in cowpath(*asked, "--fresh").out
    for path in (tmp_path / "kept").rglob("*"):
        if path.is_file():
            path.write_bytes(b"damaged")
    assert '"kept": false' in cowpath(*asked).out
    shown = cowpath("check", "rfc-2016", "--scenario", "unaligned-write")
    assert "This is kept from an earlier run" in shown.out
    trace = ("trace", "rfc-2016", "--scenario", "unaligned-write", "--property", "deadlock")
    one, two = cowpath(*trace), cowpath(*trace)
    assert one.out == two.out
    assert "kept from an earlier run" in two.err
    assert not one.err
    survey = ("survey", "rfc-2016", "--requests", "1", "--property", "deadlock")
    once, again = cowpath(*survey).out, cowpath(*survey).out
    assert "kept" not in once
    assert again.replace("; kept from an earlier run (--fresh explores again)", "") == once != again


def test_a_damaged_survey_is_made_again(
    cowpath: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COWPATH_CACHE", str(tmp_path / "kept"))
    asked = ("survey", "rfc-2016", "--requests", "1", "--property", "deadlock", "--json", "-")
    first = cowpath(*asked)
    for path in (tmp_path / "kept").rglob("*"):
        if path.is_file():
            path.write_bytes(path.read_bytes()[:-1])
    again = cowpath(*asked)
    assert '"kept": false' in again.out
    assert '"kept": true' in cowpath(*asked).out
    assert first.status == again.status
