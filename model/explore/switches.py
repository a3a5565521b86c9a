"""Of all shortest paths to a state of the sought kind, one on which the owner changes least often."""

from __future__ import annotations

import time

from cowpath.model.explore.program import Program
from cowpath.model.explore.result import DEADLOCK, Limits, Question, enforce
from cowpath.model.finite.domains import Narrowed

_Node = tuple[bytes, int]
"""A state, and the owner of the step that led there (-1 at the start)."""


def fewest_switches(narrowed: Narrowed, question: Question | None, limits: Limits) -> tuple[int, ...]:
    """Return the path by the numbers of its commands; `question` None asks for a deadlock.

    There must be one. Raises `Stop` if a limit is hit. Breadth first, but a state is kept once for each owner
    who can have come there last: what is ahead costs them differently.
    """
    program = Program(narrowed, () if question is None else (question,))
    sought = DEADLOCK if question is None else question.name
    began = time.perf_counter()
    layers: list[dict[_Node, tuple[int, _Node, int]]] = [{(program.initial, -1): (0, (b"", -1), -1)}]
    seen = {program.initial}
    while layers[-1]:
        enforce(limits, len(seen), time.perf_counter() - began)
        new: dict[_Node, tuple[int, _Node, int]] = {}
        hits = []
        for node, (cost, _, _) in layers[-1].items():
            state, owner = node
            successors = program.successors(state)
            dead = sought == DEADLOCK and program.deadlocked(state, successors)
            if dead or sought in program.answers(state):
                hits.append((cost, node))
            for command, after in successors:
                mover = program.owners[command]
                way = (cost + (mover != owner), node, command)
                if after not in seen:
                    new[after, mover] = min(new.get((after, mover), way), way)
        if hits:
            return _path(layers, min(hits)[1])
        seen.update(state for state, _ in new)
        layers.append(new)
    raise ValueError(f"no state answers '{sought}'")


def _path(layers: list[dict[_Node, tuple[int, _Node, int]]], node: _Node) -> tuple[int, ...]:
    path = []
    for layer in reversed(layers[1:]):
        _, node, command = layer[node]
        path.append(command)
    return tuple(reversed(path))
