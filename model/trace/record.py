"""A trace as plain data, for JSON."""

from __future__ import annotations

from typing import Any

from cowpath.model.trace.trace import Trace, TraceStep


def document(trace: Trace) -> dict[str, Any]:
    """Return the whole trace: of what it is one, its steps, and what it shows."""
    return {
        "design": trace.design,
        "scenario": trace.scenario,
        "property": trace.property,
        "trace": steps(trace),
        **decided(trace),
    }


def steps(trace: Trace) -> list[dict[str, Any]]:
    """Return the steps, each as `step` has it."""
    return [step(each) for each in trace.steps]


def step(made: TraceStep) -> dict[str, Any]:
    """Return a step: number, action, who, and every component that changed, with both values."""
    return {
        "step": made.number,
        "action": made.action,
        "request": made.owner,
        "changes": [{"what": c.what, "from": c.before, "to": c.after} for c in made.changes],
        "sees": [
            {"what": s.label, "at": place, "value": value} for s in made.seen for place, value in s.values
        ],
        "source": made.source,
    }


def decided(trace: Trace) -> dict[str, Any]:
    """Return what the trace shows beside its steps: a deadlock's cycle, or a loop and who starves in it.

    Of a minimal trace also what it does without; of a run what the model refuses.
    """
    told: dict[str, Any] = {"removed": list(trace.removed)} if trace.removed else {}
    if trace.refused:
        told["refused"] = trace.refused
    if trace.property == "deadlock":
        told["cycle"] = cycle(trace)
    elif trace.loop is not None:
        told |= {"loop": trace.loop, "starved": list(trace.starved)}
    return told


def cycle(trace: Trace) -> list[dict[str, str]]:
    """Return the wait-for edges of a deadlock's cycle (or, when nobody can move, all of them)."""
    return [
        {"request": e.waiter, "waits_for": e.holder, "on": e.on, "because_of": e.held}
        for e in trace.cycle or trace.stuck
    ]
