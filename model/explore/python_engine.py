"""The plain-Python engine: the reference that every faster engine must agree with, state for state."""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from cowpath.model.explore import plain
from cowpath.model.explore.program import Program
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
from cowpath.model.finite.domains import Narrowed

if TYPE_CHECKING:
    from cowpath.model.explore.each import Each

_OVERHEAD = 33 + 8 + 32  # of a byte string, its place in a layer, its share of the set


class PythonEngine:
    """Breadth-first search with a set of byte strings."""

    name = "python"
    partial_order = True

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
        program = Program(narrowed, questions, reductions)
        canonical = None
        if reductions.symmetry:
            from cowpath.model.explore import renaming  # NumPy takes its time to load

            canonical = renaming.of_bytes(narrowed, reductions.symmetry)
        began = reported = time.perf_counter()
        layers = [[program.initial]]
        seen = {program.initial}
        transitions = 0
        found: dict[str, tuple[int, bytes]] = {}
        stopped = None
        hits: dict[str, list[bytes]] = {}
        try:
            while layers[-1]:
                depth, new = len(layers) - 1, dict[bytes, None]()
                for count, state in enumerate(layers[-1]):
                    if count % 1024 == 0:
                        now = time.perf_counter()
                        enforce(limits, len(seen), now - began, depth)
                        if now - reported > 0.1:
                            reported = now
                            memory = len(seen) * (len(state) + _OVERHEAD)
                            size = len(layers[-1])
                            report(Progress(len(seen), transitions, now - began, size, depth, memory))
                    for name in program.answers(state):
                        if name not in found:
                            hits.setdefault(name, []).append(state)
                    successors = program.successors(state)
                    if DEADLOCK not in found and program.deadlocked(state, successors):
                        hits.setdefault(DEADLOCK, []).append(state)
                    few = program.enough(state, successors) if reductions.needs else successors
                    after = [canonical(s) for _, s in few] if canonical else [s for _, s in few]
                    left_out = len(few) < len(successors) and not reductions.terminates
                    if left_out and not any(s in new or s not in seen for s in after):
                        after = [canonical(s) if canonical else s for _, s in successors]
                    transitions += len(after)
                    for successor in after:
                        if successor not in seen:
                            seen.add(successor)
                            new[successor] = None
                found.update({name: (depth, min(states)) for name, states in hits.items()})
                hits = {}
                layers.append(list(new))
        except (Stop, KeyboardInterrupt) as stop:
            stopped = str(stop) or "interrupted"
            found.update({name: (depth, min(states)) for name, states in hits.items()})
        seconds = time.perf_counter() - began
        depths = {name: depth for name, (depth, _) in found.items()}
        witnesses = {
            name: Witness(_shortest_path(program, layers[:at], state))
            for name, (at, state) in found.items()
            if reductions == UNREDUCED
        }
        reached = sum(1 for layer in layers if layer) - 1
        counts, prepared = (len(seen), transitions, reached), began - started
        return Exploration(self.name, *counts, seconds, stopped, depths, witnesses, prepared=prepared)

    def explore_each(
        self, narrowed: Narrowed, questions: tuple[Question, ...], limits: Limits, report: Report
    ) -> Each:
        """See `Engine`. One start is explored after the other, by functions that are made once."""
        import numpy as np  # takes its time to load

        from cowpath.model.explore.each import Each

        started = time.perf_counter()
        program = Program(narrowed, questions)
        many = len(narrowed.model.starts)
        began = time.perf_counter()
        states, transitions, depth = (np.zeros(many, np.int64) for _ in range(3))
        depths = {name: np.full(many, -1) for name in (*(q.name for q in questions), DEADLOCK)}
        complete = np.zeros(many, np.bool_)
        stopped = None
        for number, start in enumerate(narrowed.model.starts):
            left = _left(limits, int(states.sum()), time.perf_counter() - began)
            found, _ = plain.explore(program.started(start), left, report, None)
            states[number], transitions[number], depth[number] = found.states, found.transitions, found.depth
            for name, at in found.depths.items():
                depths[name][number] = at
            complete[number] = found.complete
            if not found.complete:
                try:
                    enforce(limits, int(states.sum()), time.perf_counter() - began, int(depth[number]))
                    stopped = found.stopped
                except Stop as stop:  # which names the limit as it was given
                    stopped = str(stop)
                break
        counts = states, transitions, depth, depths, complete
        return Each(self.name, *counts, time.perf_counter() - began, began - started, stopped)


def _left(limits: Limits, states: int, seconds: float) -> Limits:
    """Return the limits less what is used of them."""
    return replace(
        limits,
        max_states=None if limits.max_states is None else limits.max_states - states,
        max_seconds=None if limits.max_seconds is None else limits.max_seconds - seconds,
    )


def _shortest_path(program: Program, layers: Sequence[Iterable[bytes]], target: bytes) -> tuple[int, ...]:
    """Walk back through the layers; of the ways into a state take the least (command, state)."""
    path: list[int] = []
    for layer in reversed(layers):
        command, target = min(
            (command, state)
            for state in layer
            for command, successor in program.successors(state)
            if successor == target
        )
        path.append(command)
    return tuple(reversed(path))
