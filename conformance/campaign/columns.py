"""An interleaving drawn as columns: one for each request, a row for each step."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from cowpath.conformance.campaign.grid import Row, lines
from cowpath.conformance.monitor import explain
from cowpath.conformance.monitor.monitor import Refusal
from cowpath.conformance.monitor.oracle import Oracle
from cowpath.conformance.runs.log import Event
from cowpath.model.render.text import WIDE, WIDTH, wrap

_DISKS = "disks"


def draw(events: Sequence[Event], refused: int | None) -> Iterator[str]:
    """Yield the lines; a mark is at the event number `refused`, which ends the drawing.

    Who is found waiting at the end of a step, or at a rest, is not drawn, but where that is what is refused.
    """
    last = len(events) if refused is None else refused + 1
    shown = [(i, e) for i, e in enumerate(events[:last]) if e.kind not in ("parked", "rest") or i == refused]
    cells = [(i, e.request or _DISKS, _words(e)) for i, e in shown if e.kind in ("invoke", "step", "return")]
    rows = [Row(column, words, "<-- refused" * (i == refused)) for i, column, words in cells]
    yield from lines(rows, WIDTH)


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
