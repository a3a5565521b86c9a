"""A trace as rows to be drawn: lanes for owners and disks, waits as arrows, and the state by its cells.

Of any system the owners, their program and the disks that steps transfer are drawn. Of a block stack, which
is known by its tables, also clusters, the done bits, the snapshot, and what each request touches.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from cowpath.model.trace.trace import Trace, TraceState, TraceStep
from cowpath.model.trace.waiting import WaitEdge


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
    """An owner in a state: how its lane goes on, where it is in words, what else is true of it, its waits."""

    request: str
    lane: str
    place: str
    has: tuple[str, ...]
    waits: tuple[WaitEdge, ...]


def requests(trace: Trace) -> tuple[str, ...]:
    """Return the names of the owners of steps, in order."""
    return trace.scene.owners


def lanes(trace: Trace) -> tuple[str, ...]:
    """Return the requests that the trace is about, in order: those that move, wait or are waited for.

    All of them where nobody does: before the first step.
    """
    edges = [edge for state in trace.states for edge in state.waits]
    active = {step.owner for step in trace.steps} | {who for e in edges for who in (e.waiter, e.holder)}
    return tuple(who for who in requests(trace) if who in active) or requests(trace)


def rows(trace: Trace) -> Iterator[Row]:
    """Yield a row for each step."""
    names = lanes(trace)
    for step in trace.steps:
        before, after = trace.states[step.number - 1], trace.states[step.number]
        begun = [edge for edge in after.waits if edge not in before.waits]
        yield Row(
            step,
            names.index(step.owner),
            tuple(_lane(trace, after, who) for who in names),
            tuple(Arrow(edge, names.index(edge.waiter), names.index(edge.holder)) for edge in begun),
            tuple(_touch(step, disk) for disk in trace.scene.disks),
        )


def standings(trace: Trace, number: int) -> Iterator[Standing]:
    """Yield how every request stands after the step of that number (0: at the start)."""
    state = trace.states[number]
    for who in requests(trace):
        flags = (says for name, says in trace.scene.flags.items() if state.values[name][who,] == "yes")
        waits = tuple(edge for edge in state.waits if edge.waiter == who)
        yield Standing(who, _lane(trace, state, who), _place(trace, state, who), tuple(flags), waits)


@dataclass(frozen=True)
class Table:
    """Strips that are divided alike, under the names of their cells."""

    cells: tuple[str, ...]
    strips: tuple[Strip, ...]


def is_block_stack(trace: Trace) -> bool:
    """Tell whether the trace is of a block stack: its disks lie in clusters, its requests cover sectors."""
    return {"cluster_of", "covers", "wide", "unaligned"} <= trace.setting.keys()


def tables(trace: Trace, number: int) -> Iterator[Table]:
    """Yield the disks after the step of that number; of a block stack with its bits and its snapshot."""
    disks = disk_strips(trace, number)
    if is_block_stack(trace):
        yield Table(trace.elements["Sector"], (*disks.values(), *_bits_and_snapshot(trace, number)))
        return
    for cells in dict.fromkeys(trace.scene.cells.values()):
        alike = tuple(strip for disk, strip in disks.items() if trace.scene.cells[disk] == cells)
        yield Table(cells, alike)


def shared(trace: Trace, number: int) -> Iterator[tuple[str, str]]:
    """Yield what else the state shows that is no owner's and no disk's, by name, in words."""
    state = trace.states[number]
    for name, says in trace.scene.shared.items():
        yield says, state.values[name][()]


def disk_strips(trace: Trace, number: int) -> dict[str, Strip]:
    """Return each disk by its cells after the step of that number."""
    before, after = trace.states[max(number - 1, 0)], trace.states[number]
    squares = _squares if is_block_stack(trace) else _plain_squares
    return {
        disk: Strip(called.removeprefix("the "), tuple(squares(trace, before, after, disk)))
        for disk, called in trace.scene.disks.items()
    }


def _bits_and_snapshot(trace: Trace, number: int) -> Iterator[Strip]:
    before, after = trace.states[max(number - 1, 0)], trace.states[number]
    bits = []
    for cluster, width in clusters(trace):
        value, old = (state.values["done"][cluster,] for state in (after, before))
        text, kind = ("copied", "set") if value == "yes" else ("not copied", "clear")
        bits.append(Square(text, kind, None, width, value != old))
    yield Strip("done bits", tuple(bits))
    yield Strip("the snapshot", tuple(_squares(trace, before, after, "epoch")))


def _plain_squares(trace: Trace, before: TraceState, after: TraceState, disk: str) -> Iterator[Square]:
    for cell, value in after.values[disk].items():
        writer = value if value in trace.scene.owners else None
        yield Square(value, "data", writer, 1, value != before.values[disk][cell])


def clusters(trace: Trace) -> Iterator[tuple[str, int]]:
    """Yield every cluster with the number of its sectors, in disk order."""
    inside = list(trace.setting["cluster_of"].values())
    for cluster in dict.fromkeys(inside):
        yield cluster, inside.count(cluster)


def extents(trace: Trace) -> Iterator[Strip]:
    """Yield what each request touches: its own range, and what it is widened to at the secondary's node.

    Nothing of a system that is no block stack.
    """
    for who in requests(trace) if is_block_stack(trace) else ():
        squares = []
        for sector in trace.elements["Sector"]:
            kind, text = "none", ""
            if trace.setting["covers"][who, sector] == "yes":
                kind, text = "covers", "its range"
            elif trace.setting["unaligned"][who,] == trace.setting["wide"][who, sector] == "yes":
                kind, text = "wide", "its blocks"
            squares.append(Square(text, kind, who if text else None, 1, False))
        yield Strip(who, tuple(squares))


def _at(trace: Trace, state: TraceState, who: str) -> str:
    return state.values[trace.scene.program][who,] if trace.scene.program else ""


def _place(trace: Trace, state: TraceState, who: str) -> str:
    """Say where an owner is in its program."""
    place = _at(trace, state, who)
    if place in trace.scene.ends:
        return {"done": "has completed", "failed": "has failed"}.get(place, f"has ended: {place}")
    says = trace.scene.places.get(place, "")
    return f"is {says}" if says else f"is at {place}" if place else ""


def _lane(trace: Trace, state: TraceState, who: str) -> str:
    place = _at(trace, state, who)
    if place in trace.scene.ends:
        return "ended"
    if place and place == trace.scene.start and not any(edge.waiter == who for edge in state.waits):
        return "idle"
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
