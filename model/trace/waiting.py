"""Who waits for whom in a state, and what of it is a deadlock: by the reference, in words."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass

from cowpath.model.finite.reference import Reference, Vector


class ReplayError(Exception):
    """The reference does not follow an engine's trace: an error of cowpath itself, never of the user's."""


@dataclass(frozen=True)
class WaitEdge:
    """`waiter` waits for `holder` on something (`on`), because of what the holder holds."""

    waiter: str
    holder: str
    on: str
    held: str


def blocked_in(reference: Reference, state: Vector) -> tuple[list[int], list[int]]:
    """Return who is unfinished, and who of them cannot move."""
    assert reference.system.finished is not None
    owner, formula = reference.system.finished
    owners = range(owner.sort.size(reference.instance.sizes))
    unfinished = [r for r in owners if not reference.value(formula, state, {owner.number: r})]
    return unfinished, [r for r in unfinished if not reference.can_move(r, state)]


def explain_deadlock(
    reference: Reference, state: Vector
) -> tuple[tuple[WaitEdge, ...], tuple[WaitEdge, ...], tuple[str, ...]]:
    """Return (the shortest wait cycle, all waits if there is none, who is unfinished) of a deadlock.

    Raises `ReplayError` if the state is none.
    """
    unfinished, blocked = blocked_in(reference, state)
    ahead: dict[int, list[int]] = {r: [] for r in blocked}
    words: dict[tuple[int, int], WaitEdge] = {}
    for r, q, edge in waits(reference, state, blocked):
        if q in ahead and q not in ahead[r]:
            ahead[r].append(q)
        words.setdefault((r, q), edge)
    assert reference.system.finished is not None
    owners = reference.system.finished[0].sort
    names = tuple(reference.instance.show(owners, r) for r in unfinished)
    rings = [ring for r in blocked if (ring := _ring(ahead, r))]
    if rings:
        ring = min(rings, key=lambda ring: (len(ring), ring[0]))
        return tuple(words[r, q] for r, q in zip(ring, ring[1:] + ring[:1], strict=True)), (), names
    resting = _resting(reference, state, words)
    if len(blocked) < len(unfinished) or resting.issuperset(unfinished):
        raise ReplayError("the last state of the trace is no deadlock in the reference")
    return (), tuple(words.values()), names


def stalled(reference: Reference, state: Vector) -> tuple[WaitEdge, ...]:
    """Return the waits for somebody whose transfer never completes; first of those who have arrived."""
    hanging, program = reference.hanging(state), reference.system.program_of(reference.system.owners)
    who = reference.unfinished(state)
    found = [(r, edge) for r, q, edge in waits(reference, state, who) if q in hanging]
    if program is not None:
        cells = {r: state[reference.layout.position[program.variable, (r,)]] for r in who}
        start = list(program.places).index(program.start)
        found = [(r, edge) for r, edge in found if cells[r] != start] or found
    return tuple(dict.fromkeys(edge for _, edge in found))


def _resting(reference: Reference, state: Vector, edges: Collection[tuple[int, int]]) -> set[int]:
    """Return who is in a transfer that never completes, or waits for one who is, whomever that waits for."""
    resting = set(reference.hanging(state))
    while more := {r for r, q in edges if q in resting} - resting:
        resting |= more
    return resting


def _ring(ahead: Mapping[int, Sequence[int]], least: int) -> tuple[int, ...]:
    """Return a shortest cycle through `least` on which nobody has a smaller number; () if there is none."""
    paths: list[tuple[int, ...]] = [(least,)]
    seen = {least}
    for path in paths:  # which grows meanwhile: breadth first
        for other in ahead[path[-1]]:
            if other == least:
                return path
            if other > least and other not in seen:
                seen.add(other)
                paths.append((*path, other))
    return ()


def waits(reference: Reference, state: Vector, owners: Sequence[int]) -> Iterator[tuple[int, int, WaitEdge]]:
    """Yield every wait-for edge from one of the owners: who, for whom, and both in words."""
    instance = reference.instance
    for action in reference.system.actions:
        if not action.waits:
            continue
        for arguments in reference.arguments(action):
            bound = reference.bind(action, arguments)
            here = (reference.value(g.condition, state, bound) for g in action.guards if g.location)
            if arguments[0] not in owners or not all(here):
                continue
            for number, other in reference.waits(action, arguments, state):
                wait = action.waits[number]
                words = {word: table[other] for word, table in instance.phrases.items()}
                waiter, holder = (instance.show(wait.bound.sort, i) for i in (arguments[0], other))
                yield arguments[0], other, WaitEdge(waiter, holder, wait.on, wait.held.format(**words))
