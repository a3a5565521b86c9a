"""A trace as rows to be drawn: lanes for requests and disks, waits as arrows, and the state by sector."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from cowpath.model.trace.explain import DISKS
from cowpath.model.trace.trace import Trace, TraceState, TraceStep, WaitEdge

_ENDED = ("done", "failed")


@dataclass(frozen=True)
class Arrow:
    """A wait that begins: from lane to lane, counted from 0."""

    edge: WaitEdge
    start: int
    end: int


@dataclass(frozen=True)
class Row:
    """A step: in which lane it is, how each lane goes on after it, and what it does to each disk."""

    step: TraceStep
    lane: int
    lanes: tuple[str, ...]
    arrows: tuple[Arrow, ...]
    disks: tuple[str, ...]


@dataclass(frozen=True)
class Square:
    """What a disk has at some adjacent sectors, `width` many; `writer` is who wrote it."""

    text: str
    kind: str
    writer: str | None
    width: int
    changed: bool


@dataclass(frozen=True)
class Strip:
    """A disk, or the done bits, by sector."""

    name: str
    squares: tuple[Square, ...]


@dataclass(frozen=True)
class Standing:
    """A request in a state: how its lane goes on, its place in its program, what is set of it, its waits."""

    request: str
    lane: str
    place: str
    has: tuple[str, ...]
    waits: tuple[WaitEdge, ...]


def requests(trace: Trace) -> tuple[str, ...]:
    """Return the names of the requests, which are the owners of all steps, in order."""
    return tuple(who for (who,) in trace.states[0].values["pc"])


def lanes(trace: Trace) -> tuple[str, ...]:
    """Return the requests that the trace is about, in order: those that move, wait or are waited for."""
    edges = [edge for state in trace.states for edge in state.waits]
    active = {step.owner for step in trace.steps} | {who for e in edges for who in (e.waiter, e.holder)}
    return tuple(who for who in requests(trace) if who in active)


def rows(trace: Trace) -> Iterator[Row]:
    """Yield a row for each step."""
    names = lanes(trace)
    for step in trace.steps:
        before, after = trace.states[step.number - 1], trace.states[step.number]
        begun = [edge for edge in after.waits if edge not in before.waits]
        yield Row(
            step,
            names.index(step.owner),
            tuple(_lane(after, who) for who in names),
            tuple(Arrow(edge, names.index(edge.waiter), names.index(edge.holder)) for edge in begun),
            tuple(_touch(step, disk) for disk in DISKS),
        )


def standings(trace: Trace, number: int) -> Iterator[Standing]:
    """Yield how every request stands after the step of that number (0: at the start)."""
    state = trace.states[number]
    for who in requests(trace):
        place = state.values["pc"][who,]
        flags = (
            name.replace("_", " ")
            for name, values in state.values.items()
            if values.get((who,)) == "yes" and set(values.values()) <= {"yes", "no"}
        )
        waits = tuple(edge for edge in state.waits if edge.waiter == who)
        yield Standing(who, _lane(state, who), place, tuple(flags), waits)


def strips(trace: Trace, number: int) -> Iterator[Strip]:
    """Yield the disks, the done bits and the snapshot after the step of that number."""
    before, after = trace.states[max(number - 1, 0)], trace.states[number]
    for disk, called in DISKS.items():
        yield Strip(called.removeprefix("the "), tuple(_squares(trace, before, after, disk)))
    bits = []
    for cluster, width in clusters(trace):
        value, old = (state.values["done"][cluster,] for state in (after, before))
        text, kind = ("copied", "set") if value == "yes" else ("not copied", "clear")
        bits.append(Square(text, kind, None, width, value != old))
    yield Strip("done bits", tuple(bits))
    yield Strip("the snapshot", tuple(_squares(trace, before, after, "epoch")))


def clusters(trace: Trace) -> Iterator[tuple[str, int]]:
    """Yield every cluster with the number of its sectors, in disk order."""
    inside = list(trace.setting["cluster_of"].values())
    for cluster in dict.fromkeys(inside):
        yield cluster, inside.count(cluster)


def extents(trace: Trace) -> Iterator[Strip]:
    """Yield what each request touches: its own range, and what it is widened to at the secondary's node."""
    for who in requests(trace):
        squares = []
        for sector in trace.elements["Sector"]:
            kind, text = "none", ""
            if trace.setting["covers"][who, sector] == "yes":
                kind, text = "covers", "its range"
            elif trace.setting["unaligned"][who,] == trace.setting["wide"][who, sector] == "yes":
                kind, text = "wide", "its blocks"
            squares.append(Square(text, kind, who if text else None, 1, False))
        yield Strip(who, tuple(squares))


def _lane(state: TraceState, who: str) -> str:
    place = state.values["pc"][who,]
    if place == "idle" or place in _ENDED:
        return "idle" if place == "idle" else "ended"
    return "waiting" if any(edge.waiter == who for edge in state.waits) else "going"


def _touch(step: TraceStep, disk: str) -> str:
    """Say in a word what a step does to a disk; it may write what is there already."""
    mapped = f"in_{disk}"
    if not {disk, mapped}.isdisjoint(step.assigns):
        return "write"
    seen = {seen.of for seen in step.seen}
    return "read" if disk in seen else "look-up" if mapped in seen else ""


def _squares(trace: Trace, before: TraceState, after: TraceState, disk: str) -> Iterator[Square]:
    names = requests(trace)
    mapped = after.values.get(f"in_{disk}")
    old = before.values.get(f"in_{disk}")
    for cluster, width in clusters(trace):
        if mapped is not None and mapped[cluster,] == "no":
            yield Square("not mapped", "unmapped", None, width, old is not None and old[cluster,] == "yes")
            continue
        fresh = old is not None and old[cluster,] == "no"
        for (sector,), inside in trace.setting["cluster_of"].items():
            if inside == cluster:
                value = after.values[disk][sector,]
                writer = value if value in names else None
                text = writer or "original"
                changed = fresh or value != before.values[disk][sector,]
                yield Square(text, "data", writer, 1, changed)
