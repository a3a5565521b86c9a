"""Every step between two reachable states, by the states' numbers: for what takes the graph as a whole."""

from __future__ import annotations

import time
from collections.abc import Iterator

import numpy as np

from model.explore.program import Program
from model.explore.result import Limits, Progress, Report, enforce
from model.explore.state_set import Run, StateSet, distinct, keys_of, locate
from model.explore.vector_program import Columns, Indices, VectorProgram
from model.language.domains import Narrowed

SMALL = 20_000  # states
_CHUNK = 1 << 15  # states expanded at once: their columns stay in the cache

Steps = tuple[Indices, Indices]
"""Sources and targets. The numbering of the states is the function's own."""


def steps(narrowed: Narrowed, limits: Limits, report: Report) -> Steps:
    """Return all steps; raises `Stop` if a limit is hit."""
    few = plainly(narrowed, SMALL, limits)
    return vectorised(narrowed, limits, report) if few is None else few


def plainly(narrowed: Narrowed, most: int, limits: Limits) -> Steps | None:
    """Return all steps, found one state after the other; None if there are more than `most` states."""
    program = Program(narrowed, ())
    began = time.perf_counter()
    number = {program.initial: 0}
    states = [program.initial]
    source, target = [], []
    for at, state in enumerate(states):  # which grows meanwhile
        if at % 1024 == 0:
            enforce(limits, len(states), time.perf_counter() - began)
        if len(states) > most:
            return None
        for _, successor in program.successors(state):
            if successor not in number:
                number[successor] = len(states)
                states.append(successor)
            source.append(at)
            target.append(number[successor])
    return np.array(source, dtype=np.intp), np.array(target, dtype=np.intp)


def vectorised(narrowed: Narrowed, limits: Limits, report: Report) -> Steps:
    """Return all steps, found by whole layers at once."""
    program = VectorProgram(narrowed, ())
    began = reported = time.perf_counter()
    seen, new = StateSet(), StateSet()
    new.add(distinct(tuple(program.packing.pack(narrowed.model.initial).T)))
    transitions = depth = 0
    while len(new):
        frontier, new = _whole(new), StateSet()
        seen.add(frontier)
        for chunk in _chunks(frontier.states):
            now = time.perf_counter()
            known = len(seen) + len(new)
            enforce(limits, known, now - began)
            if now - reported > 0.1:
                reported = now
                report(Progress(known, transitions, now - began, len(frontier), depth, seen.memory))
            successors = [after for _, _, after in program.expand(chunk)]
            transitions += sum(len(after[0]) for after in successors)
            if successors:
                found = distinct(tuple(np.concatenate(words) for words in zip(*successors, strict=True)))
                new.add(new.without_known(seen.without_known(found)))
        depth += 1
    run = _whole(seen)
    ends = np.empty((2, transitions), dtype=np.int32)
    filled = before = 0
    for chunk in _chunks(run.states):
        for _, which, after in program.expand(chunk):
            ends[0, filled : filled + len(which)] = before + which
            ends[1, filled : filled + len(which)] = locate(run, keys_of(after), after)
            filled += len(which)
        before += len(chunk[0])
    return ends[0], ends[1]


def _whole(states: StateSet) -> Run:
    """Return a set that is not empty as one run."""
    if len(states.runs) == 1:
        return states.runs[0]
    parts = zip(*(run.states for run in states.runs), strict=True)
    return distinct(tuple(np.concatenate(part) for part in parts))


def _chunks(states: Columns) -> Iterator[Columns]:
    for start in range(0, len(states[0]), _CHUNK):
        yield tuple(column[start : start + _CHUNK] for column in states)
