"""The reductions by name: what a check with them says, beside one without."""

from __future__ import annotations

import pytest

from cowpath.model.bench.check import Result, check
from cowpath.model.designs import DESIGNS, Case
from cowpath.model.reductions.choice import NAMES
from cowpath.model.scenarios import find
from tests.counterexamples import result

RUNS = [
    ("rfc-2016", "unaligned-write"),
    ("fleecing-4.0", "unaligned-write"),
    ("unserialised", "two-by-two"),
    ("merged-2.8", "stop-undrained"),
    ("block-copy-4.2", "second-cluster"),
    ("block-copy-5.0", "neighbours"),
    ("copy-before-write-9.2", "break-snapshot"),
    ("rfc-repaired", "two-by-two"),
]


def outcome(result: Result) -> dict[str, object]:
    return {
        name: (found.verdict, found.depth, found.trace and found.trace.steps)
        for name, found in result.properties.items()
    }


@pytest.mark.parametrize(("name", "where"), RUNS)
@pytest.mark.parametrize("engine", ["python", "numpy", "native"])
def test_verdicts_and_shortest_traces_are_those_of_the_whole_search(
    engine: str, name: str, where: str
) -> None:
    design, scenario = DESIGNS[name], find(where)
    whole = result(name, where)
    reduced = check(Case(design, scenario), engine=engine, reductions=NAMES)
    assert outcome(reduced) == outcome(whole)
    assert reduced.exploration.states <= whole.exploration.states
    assert reduced.reductions
    refused = any("left aside" in remark for remark in reduced.exploration.remarks)
    assert refused == (engine == "numpy" and "partial order: certified by z3" in reduced.reductions)


def test_what_is_used_and_what_is_refused_is_said() -> None:
    result = check(Case(DESIGNS["unserialised"], find("two-by-two")), reductions=["symmetry"])
    assert result.reductions == ("symmetry: refused, no two requests are interchangeable",)
    assert check(Case(DESIGNS["unserialised"], find("two-by-two"))).reductions == ()
