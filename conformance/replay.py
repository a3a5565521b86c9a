"""A model's trace on real threads: the same steps by the same requests, and what comes of them."""

from __future__ import annotations

from dataclasses import dataclass

from conformance.strategies.simple import Guided
from conformance.workload import ORIGINAL, Event, Run, Workload
from impl.errors import Crash
from model.scenarios.geometry import reduce
from model.stack.binding import bind
from model.trace.trace import Trace


@dataclass(frozen=True)
class Confirmation:
    """A trace and the run that followed it; `departure` says where the two differ, None if they agree."""

    trace: Trace
    run: Run
    departure: str | None


def confirm(trace: Trace, workload: Workload) -> Confirmation:
    """Run the trace's steps on the workload's design, and compare what the model says with what happens.

    Compared are every step, all data that a step reads from a disk, and the end: the cycle of a deadlock, the
    assertion that falls, the use of freed memory.
    """
    path = [(step.action, step.owner) for step in trace.steps]
    guide = Guided(path)
    run = workload.run(guide)
    return Confirmation(trace, run, _ending(trace, run, guide) or _data(trace, run, workload))


def _ending(trace: Trace, run: Run, guide: Guided) -> str | None:
    failure = run.failure
    crash = failure.error.property if failure and isinstance(failure.error, Crash) else None
    made = guide.at
    if trace.property == "lifetime" and crash == "lifetime":
        made += 1  # the crash is in the midst of the last step, which is never told of
    if guide.departed:
        return guide.departed[1]
    if made < len(trace.steps):
        return f"the run ends after {made} of {len(trace.steps)} steps"
    if trace.property == "deadlock" and run.cycle != trace.cycle:
        return f"no such cycle closes; {run.reason}"
    if trace.property in ("assertion", "lifetime") and crash != trace.property:
        return f"no {trace.property} error; {run.reason}"
    return None


def _data(trace: Trace, run: Run, workload: Workload) -> str | None:
    cells = _cells(workload)
    for step, event in zip(trace.steps, run.events, strict=False):
        said = {place: value for seen in step.seen if seen.label == "reads" for place, value in seen.values}
        read = _values(event, cells, workload)
        for place, value in said.items():
            if value not in read.get(place, {value}):
                got = " or ".join(sorted(read[place]))
                return f"step {step.number}: the model reads {value} at {place}, the threads {got}"
    return None


def _cells(workload: Workload) -> dict[str, int]:
    """Return a byte of each of the model's cells, by the cell's name."""
    geometry = reduce(workload.scenario)
    names = bind(workload.scenario, geometry).names["Sector"]
    return {name: cell.ranges[0][0] for name, cell in zip(names, geometry.cells, strict=True)}


def _values(event: Event, cells: dict[str, int], workload: Workload) -> dict[str, set[str]]:
    """Return who may have written what the step read of each cell."""
    labels = [request.label for request in workload.scenario.requests]
    writers = {ORIGINAL: {"original data"}}
    for number, request in enumerate(workload.scenario.requests):
        byte = 0 if request.kind == "nbd-zero" else number + 1
        writers.setdefault(byte, set()).add(labels[number])
    return {
        name: writers.get(data[byte - extent.start], {"nobody"})
        for extent, data in event.facts.get("data", ())
        for name, byte in cells.items()
        if extent.start <= byte < extent.end
    }
