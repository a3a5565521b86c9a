"""A trace as a Mermaid sequence diagram: requests and disks are its participants, waits are notes."""

from __future__ import annotations

from collections.abc import Iterator

from model.trace.text import conclusion, heading, sentence
from model.trace.timeline import Timeline
from model.trace.trace import TraceStep, WaitEdge

_SETTING = (
    '%%{init: {"sequence": {"wrap": true, "width": 220, "messageAlign": "left", "noteAlign": "left"}}}%%'
)

_ALARM = "rgba(220, 60, 60, 0.15)"
_ENTITIES = str.maketrans({"#": "#35;", ";": "#59;"})


def render(timeline: Timeline, meaning: str) -> str:
    """Return the diagram; `meaning` is the property in words."""
    return (
        "\n".join([_SETTING, "sequenceDiagram", *(f"    {line}" for line in _lines(timeline, meaning))])
        + "\n"
    )


def _lines(timeline: Timeline, meaning: str) -> Iterator[str]:
    trace = timeline.trace
    yield f"title {_plain(heading(trace))}"
    for request in timeline.requests:
        yield f"participant {_name(request)} as {request}"
    for disk in timeline.disks:
        yield f"participant {disk} as {disk} disk"
    for step in trace.steps:
        if step.number == trace.loop:
            yield "loop for ever"
        yield from _step(timeline, step)
        yield from (_wait(wait.edge) for wait in timeline.waits if wait.since == step.number)
    if trace.loop is not None and trace.loop <= len(trace.steps):
        yield "end"
    ends = [wait.edge for wait in timeline.waits if timeline.ends(wait)]
    first, last = _name(timeline.requests[0]), _name(timeline.requests[-1])
    if ends:
        yield f"rect {_ALARM}"
    yield f"Note over {first if first == last else f'{first},{last}'}: {_plain(conclusion(trace, meaning))}"
    if ends:
        yield from map(_wait, ends)
        yield "end"


def _step(timeline: Timeline, step: TraceStep) -> Iterator[str]:
    """Yield an arrow for each disk that the step touches, or a note where it touches none."""
    owner, words = _name(step.owner), _plain(f"{step.number} {step.action}: {sentence(step)}")
    accesses = timeline.accesses(step)
    for access in accesses:
        yield f"{owner}->>{access.disk}: {words}" if access.writes else f"{access.disk}-->>{owner}: {words}"
    if not accesses:
        yield f"Note over {owner}: {words}"


def _wait(edge: WaitEdge) -> str:
    return f"{_name(edge.waiter)}-x{_name(edge.holder)}: {_plain(f'waits on {edge.on}')}"


def _name(request: str) -> str:
    return request.replace(" ", "_").replace("-", "_")


def _plain(words: str) -> str:
    """Return the words with what would begin an entity, or end the statement, as entities."""
    return words.translate(_ENTITIES)
