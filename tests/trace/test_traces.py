"""What the text of a trace says, of every trace that is expected of a design on a bundled scenario."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import pytest

from cowpath.model.bench.kept import checked
from cowpath.model.designs import DESIGNS, Case
from cowpath.model.language.action import HANGS
from cowpath.model.render.text import conclusion, describe_cycle, render
from cowpath.model.scenarios import Scenario, bundled, find, loads
from cowpath.model.scenarios.vocabulary import PROPERTIES, STALL
from cowpath.model.trace import record
from cowpath.model.trace.trace import Trace
from cowpath.model.trace.waiting import WaitEdge
from tests.in_process import sharing

RANGE = re.compile(r"\[(\d+), (\d+)\)")


@dataclass(frozen=True)
class Found:
    """A trace that a check found, with the scenario it was found on."""

    scenario: Scenario
    trace: Trace

    @cached_property
    def text(self) -> str:
        return render(self.trace, PROPERTIES[self.trace.property], width=100)

    def __str__(self) -> str:
        return f"{self.trace.property} of {self.trace.design} on {self.trace.scenario}"


def traces_of(design: str, scenario: Scenario, *properties: str) -> Iterator[Trace]:
    asked: dict[str, Any] = {"properties": properties} if properties else {}
    with sharing():
        result = checked(Case(DESIGNS[design], scenario), **asked)
    for outcome in result.properties.values():
        if outcome.trace is not None:
            yield outcome.trace


def trace_of(design: str, scenario: Scenario, name: str) -> Trace:
    (trace,) = traces_of(design, scenario, name)
    return trace


pytestmark = pytest.mark.xdist_group("traces")  # which share what was found


@pytest.fixture(scope="module")
def found() -> list[Found]:
    """Every trace that is expected of a design on a bundled scenario, and a witness for concurrency."""
    everything = [
        Found(scenario, trace)
        for scenario in bundled()
        for design in DESIGNS
        if "violated" in scenario.expect.get(design, {}).values()
        for trace in traces_of(design, scenario)
    ]
    readers = find("two-readers")
    everything.append(Found(readers, trace_of("fleecing-4.0", readers, "concurrency")))
    seen = {each.trace.property for each in everything}
    assert {"snapshot", "guest-write", "deadlock", "lifetime", "assertion", "concurrency"} <= seen
    return everything


def joined(text: str) -> str:
    return " ".join(text.split())


# -- the text


def test_the_text_fits_100_columns(found: list[Found]) -> None:
    for each in found:
        for line in each.text.splitlines():
            assert len(line) <= 100, f"{each}: {line}"
            assert line == line.rstrip(), f"{each}: {line!r}"


def test_the_text_fits_a_narrower_page(found: list[Found]) -> None:
    deadlock = next(each.trace for each in found if str(each) == "deadlock of rfc-2016 on unaligned write")
    narrow = render(deadlock, PROPERTIES["deadlock"], width=75)
    assert max(map(len, narrow.splitlines())) <= 75
    park = "waits for nbd-write 1 on the secondary's tracked list [read.enter-secondary.park]"
    assert f" 5 guest-read 0 {park} 6 nbd-write 1 reads head and tail" in joined(narrow)


def test_the_first_line_says_what_it_is_a_trace_of(found: list[Found]) -> None:
    for each in found:
        trace = each.trace
        length = f"shortest trace, {len(trace.steps)} steps"
        if trace.loop is not None:
            length = f"{trace.loop - 1} steps, then {len(trace.steps) - trace.loop + 1} that repeat"
        first, _, rest = each.text.partition("\n  1  ")
        assert rest
        assert joined(first) == f"{trace.design} on '{each.scenario.name}': {trace.property}, {length}"


def test_each_step_is_one_numbered_entry_that_names_who_and_what(found: list[Found]) -> None:
    entry = re.compile(r"^ *(\d+)  (\S+ \d+(?:\.\w+)*) +(\S+)  +(\S.*(?:\n {9}.*)*)$", re.M)
    for each in found:
        trace = each.trace
        entries = entry.findall(each.text)
        assert [int(number) for number, *_ in entries] == list(range(1, len(trace.steps) + 1)), str(each)
        requests = [request.label for request in each.scenario.requests]
        says = {action.label: action.says.rstrip(".") for action in DESIGNS[trace.design].system.actions}
        for step, (_, who, rule, what) in zip(trace.steps, entries, strict=True):
            assert (who, rule) == (step.owner, step.action)
            assert who.partition(".")[0] in requests  # it or a piece of it
            whom = "|".join(requests)
            words = "".join(
                re.escape(c) if "{" not in c else rf"({whom})(\.\w+)*" for c in _pieces(says[rule])
            )
            assert re.match(words, joined(what), re.I), f"{each}: {what}"


def _pieces(says: str) -> list[str]:
    """Cut at placeholders, which are kept."""
    return re.split(r"({\w+})", says)


def test_no_placeholder_is_left_in_the_text(found: list[Found]) -> None:
    for each in found:
        assert not re.search(r"[{}]|None|nobody\b", each.text), str(each)


def test_steps_are_numbered_from_one_and_each_changes_the_state(found: list[Found]) -> None:
    for each in found:
        assert [step.number for step in each.trace.steps] == [*range(1, len(each.trace.steps) + 1)]
        for step in each.trace.steps:
            assert step.changes, f"{each}: step {step.number} changes nothing"
            assert all(change.before != change.after for change in step.changes)


def test_internal_changes_are_in_the_data_and_not_in_the_text(found: list[Found]) -> None:
    trace = next(each.trace for each in found if each.trace.property == "deadlock")
    internal = {change.what for step in trace.steps for change in step.changes if change.internal}
    written = {change["what"] for step in record.steps(trace) for change in step["changes"]}
    assert internal
    assert internal <= written
    assert not any(f"{what} :=" in joined(render(trace, "")) for what in internal)


IN_BYTES = """
name = "units"
sectors = "64KiB"
cluster = "4KiB"
[secondary]
request_alignment = "{alignment}"
[[request]]
kind = "guest-read"
at = ["1KiB", "8KiB"]
[[request]]
kind = "nbd-write"
at = ["2048B", "1536B"]
"""
IN_SECTORS = """
name = "units"
unit = "sectors"
sectors = 128
cluster = 8
[secondary]
request_alignment = {alignment}
[[request]]
kind = "guest-read"
at = [2, 16]
[[request]]
kind = "nbd-write"
at = [4, 3]
"""


@pytest.mark.parametrize(
    ("design", "name", "in_bytes", "in_sectors"),
    [("rfc-2016", "deadlock", "2048B", 4), ("unserialised", "snapshot", "512B", 1)],
)
def test_positions_are_in_the_unit_of_the_scenario(
    design: str, name: str, in_bytes: str, in_sectors: int
) -> None:
    of_bytes = trace_of(design, loads(IN_BYTES.format(alignment=in_bytes), "units"), name)
    of_sectors = trace_of(design, loads(IN_SECTORS.format(alignment=in_sectors), "units"), name)
    text, other = (joined(render(trace, PROPERTIES[name])) for trace in (of_bytes, of_sectors))
    assert "[2048, 3584)" in text
    assert "[4, 7)" in other
    assert RANGE.sub(lambda match: f"[{int(match[1]) // 512}, {int(match[2]) // 512})", text) == other


def test_positions_lie_on_the_disk(found: list[Found]) -> None:
    for each in found:
        scenario = each.scenario
        end = scenario.size if scenario.in_bytes else scenario.size // 512
        for start, stop in RANGE.findall(each.text):
            assert int(start) < int(stop) <= end, f"{each}: [{start}, {stop})"


# -- what the last state shows


def test_a_snapshot_violation_ends_with_a_read_of_another_value_than_the_snapshot_s(
    found: list[Found],
) -> None:
    violated = [each for each in found if each.trace.property == "snapshot"]
    assert violated
    for each in violated:
        last = each.trace.steps[-1]
        assert last.owner.startswith("guest-read")
        seen = {observation.label: dict(observation.values) for observation in last.seen}
        differing = seen["but the snapshot has"]
        assert differing
        for place, value in differing.items():
            assert seen["reads"][place] != value, f"{each}: {place}"
        assert "; but the snapshot has " in joined(each.text)
        told = f" snapshot is violated; it says that {PROPERTIES['snapshot']}. It fails: guest-read"
        assert told in joined(each.text)


def test_only_the_last_step_of_a_snapshot_violation_reads_a_wrong_value(found: list[Found]) -> None:
    for each in found:
        if each.trace.property == "snapshot":
            labels = [{seen.label for seen in step.seen} for step in each.trace.steps]
            assert [("but the snapshot has" in some) for some in labels] == [False] * (len(labels) - 1) + [
                True
            ]


def test_the_cycle_of_a_deadlock_closes_and_every_edge_names_holder_place_and_waiter(
    found: list[Found],
) -> None:
    deadlocks = [each for each in found if each.trace.property == "deadlock"]
    assert {each.trace.design for each in deadlocks} >= {"rfc-2016", "merged-2.8", "fleecing-4.0"}
    for each in deadlocks:
        cycle = each.trace.cycle
        assert len(cycle) >= 2, str(each)
        assert len({edge.waiter for edge in cycle}) == len(cycle)
        last = conclusion(each.trace, "").removeprefix("deadlock: ")
        assert f" deadlock: {last} " in joined(each.text)
        clauses = last.removesuffix(".").split("; ")
        assert len(clauses) == len(cycle)
        for edge, following in zip(cycle, (*cycle[1:], cycle[0]), strict=True):
            assert edge.holder == following.waiter, f"{each}: {edge}"
            # What the holder holds is why this edge's waiter waits: it belongs into the holder's clause.
            assert f"{following.waiter} holds {edge.held}, waits for " in last
            assert f"{edge.waiter} holds " in last
            assert f"waits for {edge.holder} on {edge.on}" in last
            assert edge.waiter in each.trace.unfinished
        assert all("list" in edge.on for edge in cycle)


def test_the_cycle_of_the_rfc_in_words() -> None:
    trace = trace_of("rfc-2016", find("unaligned-write"), "deadlock")
    assert conclusion(trace, "") == (
        "deadlock: guest-read 0 holds CowRequest [0, 65536), waits for nbd-write 1 on the secondary's "
        "tracked list; nbd-write 1 holds [512, 1024) on the secondary's tracked list, waits for guest-read 0 "
        "on the job's CowRequest list."
    )
    assert record.cycle(trace) == [
        {
            "request": "guest-read 0",
            "waits_for": "nbd-write 1",
            "on": "the secondary's tracked list",
            "because_of": "[512, 1024) on the secondary's tracked list",
        },
        {
            "request": "nbd-write 1",
            "waits_for": "guest-read 0",
            "on": "the job's CowRequest list",
            "because_of": "CowRequest [0, 65536)",
        },
    ]


RING = (
    WaitEdge("a 0", "b 1", "list x", "what b holds"),
    WaitEdge("b 1", "c 2", "list y", "what c holds"),
    WaitEdge("c 2", "a 0", "list z", "what a holds"),
)


def test_a_longer_cycle_gives_each_request_what_it_holds_itself() -> None:
    assert list(describe_cycle(RING)) == [
        "a 0 holds what a holds, waits for b 1 on list x",
        "b 1 holds what b holds, waits for c 2 on list y",
        "c 2 holds what c holds, waits for a 0 on list z",
    ]


def test_a_standstill_without_a_cycle_names_the_unfinished_and_their_waits() -> None:
    trace = Trace("d", "s", "deadlock", (), (), RING[:1], ("a 0", "b 1"))
    assert conclusion(trace, "").startswith(
        "stuck: nobody can move, unfinished are a 0, b 1. a 0 waits for b 1 on list x."
    )
    assert record.cycle(trace)[0]["waits_for"] == "b 1"


def test_a_witness_ends_with_the_property_in_words(found: list[Found]) -> None:
    for each in found:
        name = each.trace.property
        if name == STALL:
            (hangs,) = (r.label for r in each.scenario.requests if r.fault.endswith(HANGS))
            assert f" for a transfer that never completes, of {hangs}." in joined(each.text)
        elif name != "deadlock":
            ends = " It fails" if name not in ("concurrency", "progress") else "\n"
            assert f"{PROPERTIES[name]}.{ends}" in f"{joined(each.text)}\n", str(each)
            assert each.trace.cycle == ()
