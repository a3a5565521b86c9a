"""A trace as text: one line a step, then why the last state is the end of the story."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterator

from model.trace.trace import Change, Seen, Trace, TraceStep, WaitEdge

WIDTH = 100
_GLUE = "\x00"
_UNBROKEN = re.compile(r"\[\d+, \d+\)|(nbd-\w+|guest-\w+|client-\w+|checkpoint|stop) \d+")


def render(trace: Trace, meaning: str, *, width: int = WIDTH) -> str:
    """Return the trace in at most `width` columns; `meaning` is the property in words."""
    who = max((len(step.owner) for step in trace.steps), default=0)
    rule = max((len(step.action) for step in trace.steps), default=0)
    lines = wrap(heading(trace), width, "  ")
    for step in trace.steps:
        if step.number == trace.loop:
            lines.append("     from here on for ever:")
        lead = f"{step.number:>3}  {step.owner:<{who}}  {step.action:<{rule}}  "
        lines += wrap(lead + sentence(step), width, " " * len(lead))
    lines += wrap(conclusion(trace, meaning), width, "  ")
    return "\n".join(lines) + "\n"


def heading(trace: Trace) -> str:
    """Return in one line what it is a trace of, and how long it is."""
    what = ", ".join(filter(None, (trace.property, _length(trace))))
    return f"{trace.design} on '{trace.scenario}': {what}"


def wrap(line: str, width: int, indent: str) -> list[str]:
    """Wrap at spaces, but never inside a range such as [0, 512) or between a kind and its number."""
    glued = _UNBROKEN.sub(lambda match: match[0].replace(" ", _GLUE), line)
    wrapped = textwrap.wrap(glued, width, subsequent_indent=indent, break_on_hyphens=False)
    return [piece.replace(_GLUE, " ") for piece in wrapped]


def conclusion(trace: Trace, meaning: str) -> str:
    """Return what the last state shows: the wait cycle in words, or the property that it decides."""
    if trace.cycle:
        return f"deadlock: {'; '.join(describe_cycle(trace.cycle))}."
    if trace.property == "deadlock":
        waits = "; ".join(f"{edge.waiter} waits for {edge.holder} on {edge.on}" for edge in trace.stuck)
        return f"stuck: nobody can move, unfinished are {', '.join(trace.unfinished)}. {waits}"
    if trace.loop is not None:
        return f"{_starves(trace)} {trace.property} is violated; it says that {meaning}."
    if trace.property == "concurrency":
        return f"concurrency: {meaning}."
    if not trace.property:
        return "Nothing is decided here."
    return f"{trace.property} is violated; it says that {meaning}."


def describe_cycle(cycle: tuple[WaitEdge, ...]) -> Iterator[str]:
    """Yield a clause for each request of the cycle: what it holds, whom it waits for and where."""
    for before, edge in zip((cycle[-1], *cycle[:-1]), cycle, strict=True):
        yield f"{edge.waiter} holds {before.held}, waits for {edge.holder} on {edge.on}"


def _starves(trace: Trace) -> str:
    """Say who starves, what it waits for all the time, and who else can starve."""
    victim, *others = trace.starved
    by_list: dict[str, list[str]] = {}
    for edge in trace.passed:
        by_list.setdefault(edge.on, []).append(edge.holder)
    waits = "; ".join(f"{' and '.join(holders)} on {on}" for on, holders in by_list.items())
    turn = "in turn " if len(trace.passed) > 1 else ""
    why = f"it waits {turn}for {waits}" if waits else "it never comes to its end"
    also = f" So can {', '.join(others)} be." if others else ""
    if trace.loop == len(trace.steps) + 1:
        return f"{victim} is left behind: {why}, and only an arrival could help.{also}"
    return f"{victim} is passed over for ever: {why}.{also}"


def _length(trace: Trace) -> str:
    if trace.loop is None:
        return f"{'shortest ' if trace.shortest else ''}trace, {_count(len(trace.steps))}"
    repeated = len(trace.steps) - trace.loop + 1
    return f"{_count(trace.loop - 1)}, then {f'{repeated} that repeat' if repeated else 'nothing'}"


def _count(steps: int) -> str:
    return f"{steps} step{'s' if steps != 1 else ''}"


def sentence(step: TraceStep) -> str:
    """Return what the step did, saw and changed."""
    says = step.says.rstrip(".")
    seen = (_seen(seen) for seen in step.seen)
    changes = (_change(change) for change in step.changes if not change.internal)
    details = "; ".join([*seen, *changes])
    return f"{says[:1].lower()}{says[1:]}" + (f": {details}" if details else "")


def _change(change: Change) -> str:
    if (change.before, change.after) == ("no", "yes"):
        return f"{change.what} set"
    if (change.before, change.after) == ("yes", "no"):
        return f"{change.what} cleared"
    return f"{change.what} := {change.after}"


def _seen(seen: Seen) -> str:
    if {value for _, value in seen.values} <= {"yes", "no"}:
        verdicts = {"yes": seen.label, "no": f"not {seen.label}"}
        return grouped(tuple((place, verdicts[value]) for place, value in seen.values), "")
    values = grouped(seen.values, "at ")
    return values if seen.label == "reads" else f"{seen.label} {values}"


def grouped(values: tuple[tuple[str, str], ...], at: str) -> str:
    """Return the values, each with its places unless all are the same."""
    by_value: dict[str, list[str]] = {}
    for place, value in values:
        by_value.setdefault(value, []).append(place)
    if len(by_value) == 1:
        return next(iter(by_value))
    return ", ".join(f"{value} {at}{' '.join(places)}" for value, places in by_value.items())
