"""A trace as a Mermaid sequence diagram: requests and disks are its participants, waits are notes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from cowpath.model.render.text import conclusion, heading, sentence
from cowpath.model.render.timeline import Row, lanes, rows
from cowpath.model.trace.trace import Trace
from cowpath.model.trace.waiting import WaitEdge

_SETTING = '%%{init: {"sequence": {"wrap": true, "width": 220, "noteAlign": "left"}}}%%'

_ALARM = "rgba(220, 60, 60, 0.15)"
_SPECIAL = str.maketrans({"#": "\N{FULLWIDTH NUMBER SIGN}", ";": ","})


def render(trace: Trace, meaning: str) -> str:
    """Return the diagram; `meaning` is the property in words."""
    lines = (f"    {line}\n" for line in _lines(trace, meaning))
    return f"{_SETTING}\nsequenceDiagram\n{''.join(lines)}"


def _lines(trace: Trace, meaning: str) -> Iterator[str]:
    made, names = list(rows(trace)), lanes(trace)
    yield f"title {_plain(heading(trace))}"
    for name in names:
        yield f"participant {_name(name)} as {name}"
    for number, (disk, called) in reversed([*enumerate(trace.scene.disks.items())]):
        if any(row.disks[number] for row in made):
            yield f"participant {disk} as {called}"
    for row in made:
        if row.step.number == trace.loop:
            yield "loop for ever"
        yield from _row(row, tuple(trace.scene.disks))
    if trace.loop is not None and trace.loop <= len(trace.steps):
        yield "end"
    ends = trace.cycle or trace.stuck
    if ends:
        yield f"rect {_ALARM}"
    everybody = ",".join(dict.fromkeys((_name(names[0]), _name(names[-1]))))
    yield f"Note over {everybody}: {_plain(conclusion(trace, meaning))}"
    if ends:
        yield from map(_wait, ends)
        yield "end"


def _row(row: Row, disks: Sequence[str]) -> Iterator[str]:
    """Yield an arrow for each disk that the step touches, a note if it touches none, and who waits then."""
    owner, words = _name(row.step.owner), _plain(f"{row.step.number} {row.step.action}: {sentence(row.step)}")
    for disk, how in zip(disks, row.disks, strict=True):
        if how:
            yield f"{owner}->>{disk}: {words}" if how == "write" else f"{disk}-->>{owner}: {words}"
    if not any(row.disks):
        yield f"Note over {owner}: {words}"
    yield from (_wait(arrow.edge) for arrow in row.arrows)


def _wait(edge: WaitEdge) -> str:
    return f"{_name(edge.waiter)}-x{_name(edge.holder)}: {_plain(f'waits on {edge.on}')}"


def _name(request: str) -> str:
    return request.replace(" ", "_").replace("-", "_")


def _plain(words: str) -> str:
    """Return the words without what ends a statement; entities for it come out garbled in wrapped text."""
    return words.translate(_SPECIAL)
