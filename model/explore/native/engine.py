"""The native engine: machine code made for the model by LLVM, on all cores; exact, shortest witnesses."""

from __future__ import annotations

import os
import time

from model.explore.native.moves import Unsupported
from model.explore.native.program import Program
from model.explore.native.search import Search
from model.explore.result import UNLIMITED, Exploration, Limits, Question, Report, Stop
from model.language.domains import Narrowed

__all__ = ["NativeEngine", "Unsupported"]

_KEPT = 1 << 22  # states of past layers that are kept for traces; beyond, a trace means a second search


class NativeEngine:
    """Breadth-first search by generated machine code. `threads`: None for as many as there are cores."""

    name = "native"

    def __init__(self, threads: int | None = None) -> None:
        self.threads = threads or len(os.sched_getaffinity(0))

    def explore(
        self, narrowed: Narrowed, questions: tuple[Question, ...], limits: Limits, report: Report
    ) -> Exploration:
        """See `Engine`. Raises `Unsupported` if the model is beyond this engine."""
        program = Program(narrowed, questions)
        search = Search(program, self.threads, keep=_KEPT)
        stopped = None
        try:
            search.run(limits, report)
        except (Stop, KeyboardInterrupt) as stop:
            stopped = str(stop) or "interrupted"
        seconds = time.perf_counter() - search.began
        layers = search.layers or []
        if search.found and not layers:
            again = Search(program, self.threads, keep=None)
            again.run(UNLIMITED, report, depth=max(depth for depth, _ in search.found.values()))
            layers = again.layers or []
        witnesses = {
            name: program.witness(layers[:depth], state) for name, (depth, state) in search.found.items()
        }
        found = (search.states, search.transitions, search.depth)
        return Exploration(self.name, *found, seconds, stopped, witnesses)
