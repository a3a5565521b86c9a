"""Why the last state of a trace is the end of the story: the waits of a deadlock in order, or what failed."""

from __future__ import annotations

from collections.abc import Iterator

from cowpath.model.trace.conjunct import Fact
from cowpath.model.trace.trace import Trace
from cowpath.model.trace.waiting import WaitEdge


def waits(trace: Trace) -> Iterator[str]:
    """Say in which order the waits of the cycle began, and since when each holder had what it holds."""
    order = sorted(trace.cycle, key=lambda edge: _since_wait(trace, edge))
    for number, edge in enumerate(order, 1):
        step = _since_wait(trace, edge)
        held = _since_listed(trace, edge, step)
        since = "already" if held is None else f"since step {held}"
        closes = ", which closes the cycle" if number == len(order) else ""
        yield (
            f"{edge.holder} has held {edge.held} {since}; {edge.waiter} has waited for it since step "
            f"{step}{closes}."
        )


def _since_wait(trace: Trace, edge: WaitEdge) -> int:
    """Return the step since which the edge is there."""
    without = (n for n in range(len(trace.steps), -1, -1) if edge not in trace.states[n].waits)
    return next(without, -1) + 1


def _since_listed(trace: Trace, edge: WaitEdge, until: int) -> int | None:
    """Return the last step up to `until` that put the holder on the list; None if that is not said."""
    if edge.on not in trace.states[0].on_lists:
        return None
    on = [edge.holder in state.on_lists[edge.on] for state in trace.states[: until + 1]]
    return next((n for n in range(until, 0, -1) if on[n] and not on[n - 1]), 0)


def failed(trace: Trace) -> str:
    """Say which conjunct fails, with its values and since when they are so."""
    values = []
    for fact in trace.facts:
        since = since_fact(trace, fact)
        when = "" if since is None else f" since step {since}" if since else " from the start"
        values.append(f"{fact}{when}")
    if [f"not ({fact})" for fact in trace.facts] == [trace.conjunct]:
        return f"It fails: {values[0]}."
    between = " and " if len(values) < 3 else "; "
    return f"It fails at this conjunct: {trace.conjunct}, where {between.join(values)}."


def since_fact(trace: Trace, fact: Fact) -> int | None:
    """Return the step since which the fact is so, 0 for the start; None for what never changes."""
    if fact.variable not in trace.states[-1].values:
        return None
    return written(trace, fact.variable, fact.indices, len(trace.steps))


def written(trace: Trace, variable: str, indices: tuple[str, ...], until: int) -> int:
    """Return the last step up to `until` that changed the component; 0 if none did."""
    values = [state.values[variable][indices] for state in trace.states[: until + 1]]
    return next((n for n in range(until, 0, -1) if values[n] != values[n - 1]), 0)
