"""What was seen on real QEMU builds, in the bytes it was seen with, must come out of the model."""

from collections.abc import Callable

import pytest

from cowpath.model.bench.check import Result, check
from cowpath.model.designs import DESIGNS, Case
from cowpath.model.finite.reference import Reference
from cowpath.model.language.verdict import Verdict
from cowpath.model.scenarios import loads
from cowpath.model.scenarios.geometry import reduce
from cowpath.model.stack.binding import bind
from cowpath.model.trace.waiting import explain_deadlock

Run = Callable[..., Result]


def scenario(write: str, alignment: str, *, options: str = "", more: str = "") -> str:
    return f"""
name = "seen"
sectors = "64MiB"
cluster = "64KiB"
[secondary]
request_alignment = "{alignment}"
{options}
[[request]]
kind = "guest-read"
at = ["0B", "4096B"]
[[request]]
kind = "nbd-write"
at = {write}
{more}
"""


def run(design: str, text: str, *properties: str) -> Result:
    asked = properties or ("snapshot", "deadlock", "lifetime")
    return check(Case(DESIGNS[design], loads(text, "seen")), properties=asked)


UNALIGNED, ALIGNED = '["512B", "512B"]', '["0B", "4096B"]'


def test_unserialised_reader_past_its_look_up_returns_new_data() -> None:
    result = run("unserialised", scenario(UNALIGNED, "1B"))
    trace = result.properties["snapshot"].trace
    assert trace is not None
    looked_up = next(step for step in trace.steps if step.action == "read.lookup-hidden")
    transfer = trace.steps[-1]
    assert transfer.action == "read.secondary"
    written = next(step for step in trace.steps if step.action == "write.data")
    assert looked_up.number < written.number < transfer.number
    assert ("[512, 1024)", "nbd-write 1") in transfer.seen[0].values


def test_merged_hangs_where_the_write_is_unaligned() -> None:
    result = run("merged-2.8", scenario(UNALIGNED, "4096B"))
    assert result.violated == ("deadlock",)
    trace = result.properties["deadlock"].trace
    assert trace is not None
    assert [(e.waiter, e.holder, e.on) for e in trace.cycle] == [
        ("guest-read 0", "nbd-write 1", "the secondary's tracked list"),
        ("nbd-write 1", "guest-read 0", "the job's CowRequest list"),
    ]


@pytest.mark.parametrize("first", ["read.begin", "write.begin"])
def test_it_hangs_in_either_order_of_arrival(first: str) -> None:
    """Explored here by the reference alone, with the first step given."""
    seen = loads(scenario(UNALIGNED, "4096B"), "seen")
    system = DESIGNS["merged-2.8"].system
    reference = Reference(system, bind(seen, reduce(seen)))
    start = next(s.after for s in reference.steps(reference.initial()) if s.action.label == first)
    reached, todo, dead = {start}, [start], 0
    while todo:
        state = todo.pop()
        steps = list(reference.steps(state))
        unfinished = "idle" in [reference.layout.show_value(i, state[i]) for i in range(2)]
        if not steps:
            places = [reference.layout.show_value(i, state[i]) for i in range(2)]
            if places != ["done", "done"]:
                cycle, _, names = explain_deadlock(reference, state)
                assert len(cycle) == 2
                assert names == ("guest-read 0", "nbd-write 1")
                dead += 1
        assert steps or not unfinished
        for step in steps:
            if step.after not in reached:
                reached.add(step.after)
                todo.append(step.after)
    assert dead > 0


@pytest.mark.parametrize(("write", "alignment"), [(ALIGNED, "4096B"), (UNALIGNED, "1B")])
def test_merged_is_fine_where_the_write_is_aligned(write: str, alignment: str) -> None:
    assert run("merged-2.8", scenario(write, alignment)).verdict is Verdict.HOLDS


def test_merged_uses_the_job_after_it_is_freed_when_nothing_drains() -> None:
    text = scenario(
        ALIGNED, "1B", options="[options]\ndrain_on_stop = false", more='[[request]]\nkind = "stop"'
    )
    result = run("merged-2.8", text)
    assert result.violated == ("lifetime",)
    trace = result.properties["lifetime"].trace
    assert trace is not None
    assert trace.steps[-1].action == "read.end"  # cow_request_end
    drained = text.replace("drain_on_stop = false", "drain_on_stop = true")
    assert run("merged-2.8", drained).verdict is Verdict.HOLDS


@pytest.mark.parametrize(
    ("design", "verdict"), [("merged-2.8", Verdict.VIOLATED), ("fleecing-4.0", Verdict.HOLDS)]
)
def test_a_second_overlapping_reader(design: str, verdict: Verdict) -> None:
    more = '[[request]]\nkind = "guest-read"\nat = ["0B", "512B"]'
    result = run(design, scenario(UNALIGNED, "1B", more=more), "concurrency")
    assert result.properties["concurrency"].verdict is verdict
