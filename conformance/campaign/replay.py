"""A model's trace on real threads: the same steps by the same requests, and what comes of them."""

from __future__ import annotations

from dataclasses import dataclass

from cowpath.conformance.monitor.cells import Cells
from cowpath.conformance.runs.workload import Run, Workload
from cowpath.conformance.strategies.simple import Guided, Wanted
from cowpath.impl.errors import Crash
from cowpath.model.designs import Case
from cowpath.model.trace.trace import Trace, TraceStep


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
    guide = Guided([_wanted(step, workload.case) for step in trace.steps])
    run = workload.run(guide)
    return Confirmation(trace, run, _ending(trace, run, guide) or _data(trace, run, workload))


def _wanted(step: TraceStep, case: Case) -> Wanted:
    names = case.instance.names[case.design.machine.clusters]
    named = [names.index(argument) for argument in step.arguments if argument in names]
    clusters = [case.geometry.clusters[i] for i in (named[0], named[-1])] if named else []
    bounds = (f"[{start}, {end})" for start, end in clusters)
    return Wanted(step.action, step.owner, step.waits_for, *bounds)


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
    case = workload.case
    names = case.instance.names
    cells = Cells(case.scenario, case.geometry, len(names["Request"]))
    who = (*names["Request"], "original data")
    for step, event in zip(trace.steps, run.events, strict=False):
        _, wrote, pieces = event.fact("transfer") or ("", True, ())
        values = {} if wrote else cells.values(pieces)
        read = {names["Sector"][cell]: sorted(who[i] for i in found) for cell, found in values.items()}
        said = {place: value for seen in step.seen if seen.label == "reads" for place, value in seen.values}
        for place, value in said.items():
            if value not in read.get(place, [value]):
                got = " or ".join(read[place]) or "what nobody has written"
                return f"step {step.number}: the model reads {value} at {place}, the threads {got}"
    return None
