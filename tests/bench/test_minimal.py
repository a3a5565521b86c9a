"""Minimal traces: nothing more can be left out, and what is left still fails."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise
from typing import Any

import pytest

from cowpath.model.bench import minimal as module
from cowpath.model.bench.check import Result, check
from cowpath.model.bench.kept import checked
from cowpath.model.bench.minimal import Minimiser
from cowpath.model.designs import DESIGNS, Case
from cowpath.model.explore.result import DEADLOCK, UNLIMITED, Limits, questions
from cowpath.model.explore.switches import fewest_switches
from cowpath.model.finite.reference import Reference, Vector
from cowpath.model.scenarios import Scenario, find, loads
from cowpath.model.trace.trace import Trace

CROWD = """
name = "crowd"
sectors = "256KiB"
cluster = "64KiB"
[secondary]
request_alignment = "4096B"
[[request]]
kind = "guest-read"
at = ["64KiB", "64KiB"]
[[request]]
kind = "nbd-write"
at = ["128KiB", "4096B"]
[[request]]
kind = "guest-read"
at = ["0B", "8192B"]
[[request]]
kind = "nbd-write"
at = ["512B", "512B"]
"""


def minimal(design: str, scenario: Scenario, name: str, limits: Limits = UNLIMITED) -> tuple[Scenario, Trace]:
    found = check(Case(DESIGNS[design], scenario), properties=(name,))
    case, trace = Minimiser(name, "python", limits, ()).minimise(found)
    return case.scenario, trace


def switches(trace: Trace) -> int:
    return sum(one.owner != other.owner for one, other in pairwise(trace.steps))


def test_of_a_crowd_two_requests_are_left_and_the_rest_is_named() -> None:
    scenario, trace = minimal("rfc-2016", loads(CROWD, "crowd"), "deadlock")
    assert [(r.label, r.offset, r.length) for r in scenario.requests] == [
        ("guest-read 0", 0, 512),
        ("nbd-write 1", 512, 512),
    ]
    assert trace.removed == (
        "guest-read 0, nbd-write 1 left out",
        "guest-read 2 is called guest-read 0",
        "guest-read 0 shortened from [0, 8192) to [0, 512)",
        "nbd-write 3 is called nbd-write 1",
        "2 context switches instead of 3",
    )


@pytest.mark.parametrize(
    ("design", "scenario", "name"),
    [
        ("fleecing-4.0", "unaligned-write", "deadlock"),
        ("rfc-2016", "neighbours", "assertion"),
        ("block-copy-4.2", "second-cluster", "snapshot"),
    ],
)
def test_what_is_left_fails_and_with_less_it_does_not(design: str, scenario: str, name: str) -> None:
    least, trace = minimal(design, find(scenario), name)
    again = check(Case(DESIGNS[design], least), properties=(name,)).properties[name].trace
    assert again is not None
    assert len(again.steps) == len(trace.steps)
    assert switches(trace) <= switches(again)
    for place in range(len(least.requests)):
        fewer = replace(least, requests=least.requests[:place] + least.requests[place + 1 :], expect={})
        assert check(Case(DESIGNS[design], fewer), properties=(name,)).violated == ()


def shortest_paths(design: str, scenario: Scenario, depth: int) -> list[tuple[int, ...]]:
    """All ways of that length to a deadlock, as owners, found by the reference alone."""
    narrowed = Case(DESIGNS[design], scenario).narrowed
    reference = Reference(DESIGNS[design].system, narrowed.model.instance)
    ways: dict[Vector, set[tuple[int, ...]]] = {reference.initial(): {()}}
    for _ in range(depth):
        after: dict[Vector, set[tuple[int, ...]]] = {}
        for state, before in ways.items():
            for step in reference.steps(state):
                after.setdefault(step.after, set()).update((*way, step.arguments[0]) for way in before)
        ways = after
    stuck = (s for s in ways if reference.unfinished(s) and not any(True for _ in reference.steps(s)))
    return [way for state in stuck for way in ways[state]]


def test_no_shortest_way_has_fewer_context_switches() -> None:
    scenario = find("unaligned-write")
    narrowed = Case(DESIGNS["rfc-2016"], scenario).narrowed
    path = fewest_switches(narrowed, None, UNLIMITED)
    owners = [narrowed.model.commands[number].owner for number in path]
    every = shortest_paths("rfc-2016", scenario, len(path))
    least = min(sum(a != b for a, b in pairwise(way)) for way in every)
    assert tuple(owners) in every
    assert sum(a != b for a, b in pairwise(owners)) == least
    assert max(sum(a != b for a, b in pairwise(way)) for way in every) > least


def test_a_path_to_what_cannot_be_is_an_error() -> None:
    scenario = find("race")
    narrowed = Case(DESIGNS["rfc-2016"], scenario).narrowed
    (sought,) = questions(narrowed.model, ("snapshot",))
    for question in (sought, None):
        with pytest.raises(ValueError, match=f"no state answers '{question.name if question else DEADLOCK}'"):
            fewest_switches(narrowed, question, UNLIMITED)


def test_a_limit_is_told_of() -> None:
    _, trace = minimal("rfc-2016", find("unaligned-write"), "deadlock", Limits(max_states=3))
    assert trace.removed == (
        "a limit left some smaller ones undecided",
        "a limit came before the fewest context switches were found",
    )


def test_ctrl_c_leaves_the_smallest_that_is_known(monkeypatch: pytest.MonkeyPatch) -> None:
    found = check(Case(DESIGNS["rfc-2016"], loads(CROWD, "crowd")), properties=("deadlock",))
    minimiser = Minimiser("deadlock", "python", UNLIMITED, ())

    def interrupted(case: Case, edges: Sequence[int]) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(minimiser, "_shrink_any", interrupted)
    case, trace = minimiser.minimise(found)
    assert len(case.scenario.requests) == 2
    assert trace.removed[-1] == "interrupted: there may be smaller ones"


MEBIBYTES = """
name = "blocks of a mebibyte"
sectors = "16MiB"
cluster = "1MiB"
[secondary]
request_alignment = "1MiB"
[[request]]
kind = "nbd-write"
at = ["512KiB", "3MiB"]
[[request]]
kind = "guest-read"
at = ["1MiB", "4MiB"]
"""


def noted(monkeypatch: pytest.MonkeyPatch) -> list[Case]:
    """Return the cases that are checked from now on, as they come."""
    tried: list[Case] = []

    def noting(case: Case, *asked: Any, **options: Any) -> Result:
        tried.append(case)
        return checked(case, *asked, **options)

    monkeypatch.setattr(module, "checked", noting)
    return tried


def test_extents_shrink_by_meaningful_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    """Down to a sector each, from thousands, by few searches."""
    searches = noted(monkeypatch)
    found = check(Case(DESIGNS["rfc-2016"], loads(MEBIBYTES, "mebibytes")), properties=("deadlock",))
    case, _ = Minimiser("deadlock", "auto", UNLIMITED, ()).minimise(found)
    assert [request.length for request in case.scenario.requests] == [512, 512]
    assert len(searches) < 50


def test_what_comes_to_the_same_instance_is_tried_once(monkeypatch: pytest.MonkeyPatch) -> None:
    tried = noted(monkeypatch)
    found = check(Case(DESIGNS["rfc-2016"], loads(CROWD, "crowd")), properties=("deadlock",))
    Minimiser("deadlock", "auto", UNLIMITED, ()).minimise(found)
    held = [
        repr((c.instance.sizes, c.instance.tables))
        for c in tried
        if not check(c, properties=("deadlock",)).violated
    ]
    assert len(held) == len({*held})


def test_a_limit_of_time_is_for_all_of_it() -> None:
    found = check(Case(DESIGNS["rfc-2016"], loads(CROWD, "crowd")), properties=("deadlock",))
    _, trace = Minimiser("deadlock", "auto", Limits(max_seconds=1e-6), ()).minimise(found)
    assert "a limit left some smaller ones undecided" in trace.removed
