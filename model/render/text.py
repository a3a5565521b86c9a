"""A trace as text: one line a step, then why the last state is the end of the story."""

from __future__ import annotations

import re
import textwrap
import unicodedata
from collections.abc import Iterator

from cowpath.model.render.stories import reasons
from cowpath.model.trace.trace import REFINEMENT, STALL, Trace, TraceStep
from cowpath.model.trace.waiting import WaitEdge

WIDTH = 72
WIDE = 100
_GLUE = "\N{NO-BREAK SPACE}"
_UNBROKEN = re.compile(r"\[\d+, \d+\)|(nbd-\w+|guest-\w+|client-\w+|checkpoint|stop|step) \d+")


def render(trace: Trace, meaning: str, *, width: int = WIDTH) -> str:
    """Return the trace in at most `width` columns; `meaning` is the property in words.

    The rule is a column of its own if the page is wide, else it follows what the step does, in brackets.
    """
    who = max((len(step.owner) for step in trace.steps), default=0)
    rule = max((len(step.action) for step in trace.steps), default=0)
    narrow = width < WIDE
    lines = wrap(heading(trace), width, "  ")
    for step in trace.steps:
        if step.number == trace.loop:
            lines.append("     from here on for ever:")
        lead = f"{step.number:>3}  {step.owner:<{who}}  " + ("" if narrow else f"{step.action:<{rule}}  ")
        last = f" [{step.action}]" if narrow else ""
        lines += wrap(lead + sentence(step) + last, width, " " * len(lead))
    minimal = [f"Minimal: {'; '.join(trace.removed)}."] if trace.removed else []
    for told in (conclusion(trace, meaning), *reasons(trace), *minimal):
        lines += wrap(told, width, "  ")
    return "\n".join(lines) + "\n"


def heading(trace: Trace) -> str:
    """Return in one line what it is a trace of, and how long it is."""
    what = ", ".join(filter(None, (trace.property, _length(trace))))
    return f"{trace.design} on '{trace.scenario}': {what}"


def wrap(line: str, width: int, indent: str) -> list[str]:
    """Wrap at spaces, but never inside a range such as [0, 512) or between a kind and its number."""
    wrapped = textwrap.wrap(glued(line), width, subsequent_indent=indent, break_on_hyphens=False)
    return [piece.replace(_GLUE, " ") for piece in wrapped]


def glued(line: str) -> str:
    """Return the line with spaces that do not break where none should."""
    return _UNBROKEN.sub(lambda match: match[0].replace(" ", _GLUE), line)


def to_ascii(content: str) -> str:
    """Return the text in ASCII: letters without their accents, other characters as escapes."""
    letters = "".join(c for c in unicodedata.normalize("NFKD", content) if not unicodedata.combining(c))
    return letters.encode("ascii", "backslashreplace").decode()


def conclusion(trace: Trace, meaning: str) -> str:
    """Return what the last state shows, the property's name first where the words do not have it."""
    told = ending(trace, meaning)
    return f"{trace.property}: {told}" if trace.cycle or trace.property == "concurrency" else told


def ending(trace: Trace, meaning: str) -> str:
    """Return what the last state shows: the wait cycle in words, or the property that it decides."""
    if trace.cycle:
        return f"{'; '.join(describe_cycle(trace.cycle))}."
    if trace.property == "deadlock":
        waits = "; ".join(f"{edge.waiter} waits for {edge.holder} on {edge.on}" for edge in trace.stuck)
        stuck = f"stuck: nobody can move, unfinished are {', '.join(trace.unfinished)}."
        return f"{stuck} {waits}." if waits else stuck
    if trace.property == STALL:
        never = "a transfer that never completes"
        return f"{'; '.join(f'{e.waiter} waits on {e.on} for {never}, of {e.holder}' for e in trace.stuck)}."
    if trace.loop is not None:
        return f"{_starves(trace)} {trace.property} is violated; it says that {meaning}."
    if trace.property == "concurrency":
        return f"{meaning}."
    if trace.refused:
        return f"{trace.property} is violated: {trace.refused}."
    if trace.property == REFINEMENT:
        return "So the model explains the run."
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
    return step.does + (f": {'; '.join(step.details)}" if step.details else "")
