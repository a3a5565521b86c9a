"""A trace as plain data, for JSON."""

from __future__ import annotations

from typing import Any

from model.trace.trace import Trace


def steps(trace: Trace) -> list[dict[str, Any]]:
    """Return the steps: number, action, who, and every component that changed, with both values."""
    return [
        {
            "step": step.number,
            "action": step.action,
            "request": step.owner,
            "changes": [{"what": c.what, "from": c.before, "to": c.after} for c in step.changes],
            "sees": [
                {"what": s.label, "at": place, "value": value} for s in step.seen for place, value in s.values
            ],
            "source": step.source,
        }
        for step in trace.steps
    ]


def decided(trace: Trace) -> dict[str, Any]:
    """Return what the trace shows beside its steps: a deadlock's cycle, or a loop and who starves in it.

    Of a minimal trace also what it does without.
    """
    told: dict[str, Any] = {"removed": list(trace.removed)} if trace.removed else {}
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
