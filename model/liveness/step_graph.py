"""Every step between two reachable states, by the states' numbers, where there are many: in NumPy arrays."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from cowpath.model.explore.codes import Columns, Indices
from cowpath.model.explore.result import Limits, Progress, Report, enforce
from cowpath.model.explore.state_set import StateSet, distinct, keys_of, locate, merged
from cowpath.model.explore.vector_program import VectorProgram
from cowpath.model.finite.domains import Narrowed
from cowpath.model.liveness.components import on_cycles
from cowpath.model.liveness.graph import pending

_CHUNK = 1 << 15  # states expanded at once: their columns stay in the cache


@dataclass(frozen=True)
class StateGraph:
    """Source and target of each step; the numbering of the states is the function's own.

    `stranded`: whether there is a state where somebody is pending, nobody who is can move, and nobody is
    deadlocked: only an arrival could help.
    """

    source: Indices
    target: Indices
    stranded: bool

    @property
    def cyclic(self) -> bool:
        """Whether some state can be reached from itself."""
        return bool(len(on_cycles(self.source, self.target)))


def explore(narrowed: Narrowed, limits: Limits, report: Report) -> StateGraph:
    """Return the graph, found by whole layers at once. Raises `Stop` if a limit is hit."""
    program = VectorProgram(narrowed, pending(narrowed))
    began = reported = time.perf_counter()
    seen, new = StateSet(), StateSet()
    new.add(distinct(tuple(program.coding.pack(narrowed.model.initial).T)))
    transitions = depth = 0
    stranded = False
    while len(new):
        frontier, new = merged(new.runs), StateSet()
        seen.add(frontier)
        for chunk in _chunks(frontier.states):
            now = time.perf_counter()
            known = len(seen) + len(new)
            enforce(limits, known, now - began)
            if now - reported > 0.1:
                reported = now
                report(Progress(known, transitions, now - began, len(frontier), depth, seen.memory))
            owed = np.array(
                [np.broadcast_to(a(*chunk)[0], len(chunk[0])) for a in program.questions.values()]
            )
            movable = np.zeros(owed.shape, dtype=bool)
            successors: list[Columns] = []
            for number, which, after in program.expand(chunk):
                transitions += len(which)
                movable[narrowed.model.commands[number].owner, which] = True
                successors.append(after)
            nobody = owed.any(axis=0) & ~(owed & movable).any(axis=0)
            if nobody.any():
                stranded = stranded or bool((nobody & ~program.deadlocked(chunk, movable)).any())
            if successors:
                found = distinct(tuple(np.concatenate(words) for words in zip(*successors, strict=True)))
                new.add(new.without_known(seen.without_known(found)))
        depth += 1
    run = merged(seen.runs)
    steps = np.empty((2, transitions), dtype=np.int32)
    filled = before = 0
    for chunk in _chunks(run.states):
        for _, which, after in program.expand(chunk):
            steps[0, filled : filled + len(which)] = before + which
            steps[1, filled : filled + len(which)] = locate(run, keys_of(after), after)
            filled += len(which)
        before += len(chunk[0])
    return StateGraph(steps[0], steps[1], stranded)


def _chunks(states: Columns) -> Iterator[Columns]:
    for start in range(0, len(states[0]), _CHUNK):
        yield tuple(column[start : start + _CHUNK] for column in states)
