"""An interleaving drawn as columns: one for each request, a row for each step."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Sequence

from cowpath.conformance.monitor import explain
from cowpath.conformance.monitor.monitor import Refusal
from cowpath.conformance.monitor.oracle import Oracle
from cowpath.conformance.runs.log import Event
from cowpath.model.render.text import WIDE, WIDTH, wrap

_NARROWEST = 12
_DISKS = "disks"


def draw(events: Sequence[Event], refused: int | None) -> Iterator[str]:
    """Yield the lines; a mark is at the event number `refused`, which ends the drawing.

    Who is found waiting at the end of a step, or at a rest, is not drawn, but where that is what is refused.
    """
    last = len(events) if refused is None else refused + 1
    shown = [(i, e) for i, e in enumerate(events[:last]) if e.kind not in ("parked", "rest") or i == refused]
    cells = [(i, e.request or _DISKS, _words(e)) for i, e in shown if e.kind in ("invoke", "step", "return")]
    columns = list(dict.fromkeys(column for _, column, _ in cells))
    if not columns:
        return
    most = max((WIDTH - 6) // len(columns) - 2, _NARROWEST)
    needed = {c: max(len(c), *(len(words) for _, own, words in cells if own == c)) for c in columns}
    widths = [min(needed[column], most) for column in columns]
    yield "     " + "  ".join(f"{c:<{w}}" for c, w in zip(columns, widths, strict=True)).rstrip()
    for number, (i, column, words) in enumerate(cells, 1):
        at = columns.index(column)
        indent = sum(widths[:at]) + 2 * at
        lines = textwrap.wrap(words, widths[at], break_on_hyphens=True) or [""]
        mark = "  <-- refused" if i == refused else ""
        yield f"{number:>3}  {' ' * indent}{lines[0]}{mark}"
        yield from (f"     {' ' * indent}{line}" for line in lines[1:])


def refused(oracle: Oracle, events: Sequence[Event], refusal: Refusal) -> Iterator[str]:
    """Yield the lines of a run that is refused: the interleaving, why, and where the model was."""
    yield from draw(events, refusal.position)
    yield from wrap(f"refused: {explain.reason(oracle, refusal)}.", WIDE, "  ")
    for state in explain.states(oracle, refusal):
        yield from wrap(f"the model then: {state}.", WIDE, "  ")


def _words(event: Event) -> str:
    if event.kind == "invoke":
        return "arrives"
    if event.kind == "return":
        return "returns" if event.fact("error") is None else "fails"
    if event.label:
        return event.label
    disk, wrote, _ = event.fact("transfer")
    return f"{'writes' if wrote else 'reads'} {disk}"
