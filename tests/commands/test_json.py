"""What `cowpath check --json` writes: the keys that others rely on, and what stands behind them."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from cowpath.model.designs import DESIGNS
from cowpath.model.stack.properties import STANDARD
from tests.commands.running import STEP, Ran, run
from tests.commands.tables import table

RESULT = {
    *("design", "scenario", "verdict", "states", "transitions", "depth", "seconds", "engine"),
    *("reductions", "properties", "stopped", "kept"),
}
EDGE = {"request", "waits_for", "on", "because_of"}


def without_seconds(results: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [{key: value for key, value in result.items() if key != "seconds"} for result in results]


ON_TWO = ("rfc-2016", "fleecing-4.0", "--scenario", "unaligned-write", "--scenario", "race")


@pytest.fixture(scope="module")
def two_by_two(tmp_path_factory: pytest.TempPathFactory) -> list[dict[str, Any]]:
    ran = run(tmp_path_factory.mktemp("json"), "check", *ON_TWO, "--json", "-")
    assert (ran.status, ran.err) == (1, "")
    results: list[dict[str, Any]] = json.loads(ran.out)  # so nothing but JSON is on stdout
    return results


def test_json_is_an_object_for_each_design_and_scenario(two_by_two: list[dict[str, Any]]) -> None:
    assert [(result["design"], result["scenario"]) for result in two_by_two] == [
        ("rfc-2016", "unaligned write"),
        ("fleecing-4.0", "unaligned write"),
        ("rfc-2016", "the race"),
        ("fleecing-4.0", "the race"),
    ]
    assert [result["verdict"] for result in two_by_two] == ["violated", "violated", "holds", "holds"]
    for result in two_by_two:
        assert result.keys() == RESULT
        assert result["engine"] == "python"  # of so few states
        assert result["stopped"] is None
        assert result["transitions"] >= result["states"] - 1 > 0
        assert 0 < result["depth"] < result["states"]
        assert isinstance(result["seconds"], float)
        assert result["reductions"]
        assert all(isinstance(reduction, str) for reduction in result["reductions"])


def test_json_has_a_verdict_for_each_property(two_by_two: list[dict[str, Any]]) -> None:
    for result in two_by_two:
        properties = result["properties"]
        assert list(properties) == list(STANDARD)
        fallen = {"deadlock"} if result["scenario"] == "unaligned write" else set()
        for name, outcome in properties.items():
            if name in fallen:
                assert outcome.keys() == {"verdict", "depth", "trace", "cycle"}
                assert outcome["verdict"] == "violated"
            else:
                assert outcome == {"verdict": "holds", "depth": None, "trace": None}


def test_a_trace_in_json_has_as_many_steps_as_it_is_deep(two_by_two: list[dict[str, Any]]) -> None:
    rfc = two_by_two[0]["properties"]["deadlock"]
    assert rfc["depth"] == 8
    for result in two_by_two[:2]:
        outcome = result["properties"]["deadlock"]
        assert [step["step"] for step in outcome["trace"]] == list(range(1, outcome["depth"] + 1))
        labels = {action.label for action in DESIGNS[result["design"]].system.actions}
        for step in outcome["trace"]:
            assert step.keys() == STEP
            assert step["action"] in labels
            assert step["request"] in {"guest-read 0", "nbd-write 1"}
            assert all(change.keys() == {"what", "from", "to"} for change in step["changes"])
            assert any(change["from"] != change["to"] for change in step["changes"])


def test_the_cycle_of_a_deadlock_in_json_closes(two_by_two: list[dict[str, Any]]) -> None:
    for result in two_by_two[:2]:
        cycle = result["properties"]["deadlock"]["cycle"]
        assert all(edge.keys() == EDGE and all(edge.values()) for edge in cycle)
        assert [edge["waits_for"] for edge in cycle] == [edge["request"] for edge in (*cycle[1:], cycle[0])]
        assert {edge["request"] for edge in cycle} == {"guest-read 0", "nbd-write 1"}


def test_json_of_both_engines_is_the_same(
    cowpath: Callable[..., Ran], two_by_two: list[dict[str, Any]]
) -> None:
    results = json.loads(cowpath("check", *ON_TWO, "--engine", "numpy", "--json", "-").out)
    assert {result["engine"] for result in results} == {"numpy"}
    for result in results:
        result["engine"] = "python"
    assert without_seconds(results) == without_seconds(two_by_two)


def test_json_into_a_file_comes_beside_the_report(
    tmp_path: Path, cowpath: Callable[..., Ran], two_by_two: list[dict[str, Any]]
) -> None:
    (tmp_path / "out.json").write_text("of an earlier run")
    ran = cowpath("check", *ON_TWO, "--json", "out.json")
    assert without_seconds(json.loads((tmp_path / "out.json").read_text())) == without_seconds(two_by_two)
    assert table(ran.out)["unaligned write"]["rfc-2016"] == "deadlock 8"
    assert [path.name for path in tmp_path.iterdir()] == ["out.json"]


def test_json_says_what_a_limit_left_open(cowpath: Callable[..., Ran]) -> None:
    ran = cowpath("check", "rfc-2016", "--scenario", "race", "--max-states", "5", "--json", "-")
    (result,) = json.loads(ran.out)
    assert result["verdict"] == "undetermined"
    assert result["stopped"] == "--max-states 5 was reached"
    assert {outcome["verdict"] for outcome in result["properties"].values()} == {"undetermined"}
