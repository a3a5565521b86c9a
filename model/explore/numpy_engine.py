"""The NumPy engine: whole layers at once over packed states; exact, shortest witnesses."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence

import numpy as np

from cowpath.model.explore import renaming
from cowpath.model.explore.codes import Coding, Columns, Packed, State
from cowpath.model.explore.each import Each, Tally
from cowpath.model.explore.reductions import UNREDUCED, Reductions
from cowpath.model.explore.result import (
    DEADLOCK,
    Exploration,
    Limits,
    Progress,
    Question,
    Report,
    Stop,
    Witness,
    enforce,
)
from cowpath.model.explore.state_set import Recent, Run, StateSet, distinct, merged
from cowpath.model.explore.vector_program import Mask, VectorProgram
from cowpath.model.finite.domains import Narrowed

_CHUNK = 1 << 15  # states expanded at once: their columns stay in the cache
Hit = tuple[State, State]  # a state as the reference orders it, and as it is


class NumpyEngine:
    """Breadth-first search by sorted arrays of packed states."""

    name = "numpy"
    partial_order = False

    def explore(
        self,
        narrowed: Narrowed,
        questions: tuple[Question, ...],
        limits: Limits,
        report: Report,
        reductions: Reductions = UNREDUCED,
    ) -> Exploration:
        """See `Engine`."""
        started = time.perf_counter()
        program = VectorProgram(narrowed, questions)
        canonical = renaming.of_columns(program.coding, reductions.symmetry)
        began = time.perf_counter()
        layers = [first_layer(program.coding, narrowed)]
        seen = StateSet()
        seen.add(layers[0])
        recent = Recent(layers[0].states)
        new = StateSet()  # of the layer that is being found
        transitions, reported = 0, began
        found: dict[str, tuple[int, Hit]] = {}
        hits: dict[str, Hit] = {}
        stopped = None
        try:
            while True:
                depth = len(layers) - 1
                for chunk in _chunks(layers[-1].states):
                    now = time.perf_counter()
                    states = len(seen) + len(new)
                    enforce(limits, states, now - began, depth)
                    if now - reported > 0.1:
                        reported = now
                        memory = seen.memory + new.memory + sum(layer.memory for layer in layers)
                        report(Progress(states, transitions, now - began, len(layers[-1]), depth, memory))
                    movable = np.zeros((len(narrowed.model.finished), len(chunk[0])), dtype=bool)
                    successors: list[Columns] = []
                    for number, which, after in program.expand(chunk):
                        transitions += len(which)
                        movable[narrowed.model.commands[number].owner, which] = True
                        successors.append(after)
                    for name, question in program.questions.items():
                        if name not in found:
                            mask = np.broadcast_to(question(*chunk)[0], len(chunk[0]))
                            _note(program.packed, hits, name, chunk, mask)
                    if DEADLOCK not in found:
                        stuck = program.deadlocked(chunk, movable)
                        _note(program.packed, hits, DEADLOCK, chunk, stuck)
                    if successors:
                        joined = tuple(np.concatenate(words) for words in zip(*successors, strict=True))
                        there = distinct(recent.others(joined))
                        if canonical is not None:
                            there = distinct(canonical(there.states))
                        found_here = seen.without_known(there)
                        new.add(new.without_known(found_here))
                found.update({name: (depth, state) for name, state in hits.items()})
                hits = {}
                if not len(new):
                    break
                layers.append(merged(new.runs))
                new = StateSet()
                seen.add(layers[-1])
        except (Stop, KeyboardInterrupt) as stop:
            stopped = str(stop) or "interrupted"
            found.update({name: (depth, state) for name, state in hits.items()})
        seconds = time.perf_counter() - began
        depths = {name: depth for name, (depth, _) in found.items()}
        witnesses = {
            name: Witness(shortest_path(program, [layer.states for layer in layers[:at]], state))
            for name, (at, (_, state)) in found.items()
            if reductions == UNREDUCED
        }
        counts, prepared = (len(seen) + len(new), transitions, len(layers) - 1), began - started
        return Exploration(self.name, *counts, seconds, stopped, depths, witnesses, prepared=prepared)

    def explore_each(
        self, narrowed: Narrowed, questions: tuple[Question, ...], limits: Limits, report: Report
    ) -> Each:
        """See `Engine`."""
        started = time.perf_counter()
        program = VectorProgram(narrowed, questions)
        tally = Tally(narrowed, program.coding, [*program.questions, DEADLOCK])
        began = reported = time.perf_counter()
        frontier = first_layer(program.coding, narrowed)
        seen = StateSet()
        seen.add(frontier)
        recent = Recent(frontier.states)
        new = StateSet()
        depth, stopped = 0, None
        try:
            while len(frontier):
                tally.begin(depth, [frontier.states])
                for chunk in _chunks(frontier.states):
                    now, states = time.perf_counter(), len(seen) + len(new)
                    enforce(limits, states, now - began, depth)
                    if now - reported > 0.1:
                        reported = now
                        memory = seen.memory + new.memory
                        transitions = int(tally.transitions.sum())
                        report(Progress(states, transitions, now - began, len(frontier), depth, memory))
                    successors = _expand_each(program, tally, chunk)
                    if successors:
                        there = distinct(
                            recent.others(
                                tuple(np.concatenate(words) for words in zip(*successors, strict=True))
                            )
                        )
                        new.add(new.without_known(seen.without_known(there)))
                if not len(new):
                    break
                frontier, new, depth = merged(new.runs), StateSet(), depth + 1
                seen.add(frontier)
        except (Stop, KeyboardInterrupt) as stop:
            stopped = str(stop) or "interrupted"
        return tally.result(
            self.name, time.perf_counter() - began, began - started, stopped, transitions=True
        )


def first_layer(coding: Coding, narrowed: Narrowed) -> Run:
    """Return the initial states."""
    rows = np.concatenate([coding.pack(start) for start in narrowed.model.starts])
    return distinct(tuple(np.ascontiguousarray(rows.T)))


def _expand_each(program: VectorProgram, tally: Tally, chunk: Columns) -> list[Columns]:
    """Return the successors of states; the tally gets their transitions, and what the states answer."""
    whose = tally.origins(chunk)
    movable = np.zeros((len(program.model.finished), len(chunk[0])), dtype=bool)
    successors: list[Columns] = []
    moves = np.zeros(len(chunk[0]), np.int64)
    for number, which, after in program.expand(chunk):
        moves[which] += 1  # a command is enabled once in a state
        movable[program.model.commands[number].owner, which] = True
        successors.append(after)
    tally.transitions += np.bincount(whose, weights=moves, minlength=tally.many).astype(np.int64)
    for name, question in program.questions.items():
        mask = np.broadcast_to(question(*chunk)[0], len(chunk[0]))
        if mask.any():
            tally.answer(name, np.unique(whose[mask]))
    stuck = program.deadlocked(chunk, movable)
    if stuck.any():
        tally.answer(DEADLOCK, np.unique(whose[stuck]))
    return successors


def _chunks(states: Columns) -> Iterator[Columns]:
    for start in range(0, len(states[0]), _CHUNK):
        yield tuple(column[start : start + _CHUNK] for column in states)


def _note(packed: Packed, hits: dict[str, Hit], name: str, states: Columns, mask: Mask) -> None:
    """Remember the least state of the layer where the mask is set."""
    which = np.flatnonzero(mask)
    if len(which):
        first = packed.least(tuple(column[which] for column in states))
        hits[name] = min(hits.get(name, first), first)


Ways = list[tuple[int, Hit]]


def shortest_path(
    program: VectorProgram,
    layers: Sequence[Columns],
    target: State,
    least: Callable[[Ways], tuple[int, Hit]] = min,
) -> tuple[int, ...]:
    """Walk back through the layers; of the ways into a state take the least (command, state)."""
    path: list[int] = []
    for layer in reversed(layers):
        ways: Ways = []
        for chunk in _chunks(layer):
            for number, which, after in program.expand(chunk):
                same = np.ones(len(which), dtype=bool)
                for column, word in zip(after, target, strict=True):
                    same &= column == np.uint64(word)
                if same.any():
                    ways.append((number, program.packed.least(tuple(c[which[same]] for c in chunk))))
        command, (_, target) = least(ways)
        path.append(command)
    return tuple(reversed(path))
