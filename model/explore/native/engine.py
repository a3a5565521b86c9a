"""The native engine: machine code made for the model by LLVM, on all cores; exact, shortest witnesses."""

from __future__ import annotations

import os
import time
from contextlib import suppress
from dataclasses import replace

from cowpath.model.explore.each import Each, Tally
from cowpath.model.explore.native.each import EachSearch
from cowpath.model.explore.native.moves import Unsupported
from cowpath.model.explore.native.program import OUTSIDE, Program
from cowpath.model.explore.native.saved import checkpoint_of
from cowpath.model.explore.native.search import Layer, Search
from cowpath.model.explore.reductions import UNREDUCED, Reductions
from cowpath.model.explore.result import Exploration, Limits, Question, Report, Stop
from cowpath.model.finite.domains import Narrowed

__all__ = ["NativeEngine", "Unsupported"]

_KEPT = 1 << 19  # states of past layers that are kept for traces; beyond, a trace means a second search


class NativeEngine:
    """Breadth-first search by generated machine code. `threads`: None for as many as there are cores.

    The search begins with code that is quickly made. Once it has taken `patience` times as long as that,
    better code is made in a thread of its own; if that is 0, the search waits for it.
    """

    name = "native"
    partial_order = True

    def __init__(self, threads: int | None = None, patience: float = 3) -> None:
        self.threads = threads or len(os.sched_getaffinity(0))
        self.patience = patience

    def explore(
        self,
        narrowed: Narrowed,
        questions: tuple[Question, ...],
        limits: Limits,
        report: Report,
        reductions: Reductions = UNREDUCED,
    ) -> Exploration:
        """See `Engine`. Raises `Unsupported` if the model is beyond this engine."""
        began = time.perf_counter()
        program = Program(narrowed, questions, reductions, optimised=self.patience == 0)
        patience = self.patience * program.code.seconds
        checkpoint = checkpoint_of(program, f"explore {sorted(q.name for q in questions)}")
        keep = _KEPT if reductions == UNREDUCED else 0
        search = Search(program, self.threads, keep, patience, checkpoint)
        stopped = None
        try:
            search.run(limits, report)
        except (Stop, KeyboardInterrupt) as stop:
            stopped = str(stop) or "interrupted"
        seconds = time.perf_counter() - search.began
        depths = {name: depth for name, (depth, _) in search.found.items()}
        witnesses = {}
        if depths and reductions == UNREDUCED:
            layers = search.layers or self._again(program, max(depths.values()), report)
            witnesses = {
                name: program.witness(layers[:d], state) for name, (d, (_, state)) in search.found.items()
            }
        if checkpoint is not None and stopped is None:
            checkpoint.remove()
        found = (search.states, search.transitions, search.depth)
        remarks, prepared = _resumed(search), search.began - began
        return Exploration(self.name, *found, seconds, stopped, depths, witnesses, remarks, prepared)

    def explore_each(
        self, narrowed: Narrowed, questions: tuple[Question, ...], limits: Limits, report: Report
    ) -> Each:
        """See `Engine`. Raises `Unsupported` if the model is beyond this engine."""
        began = time.perf_counter()
        program = Program(narrowed, questions, optimised=self.patience == 0)
        names = [name for name in program.names if name != OUTSIDE]
        tally = Tally(narrowed, program.coding, names)
        checkpoint = checkpoint_of(program, "explore each")
        patience = self.patience * program.code.seconds
        search = EachSearch(program, tally, self.threads, patience, checkpoint)
        stopped = None
        try:
            search.run(limits, report)
        except (Stop, KeyboardInterrupt) as stop:
            stopped = str(stop) or "interrupted"
        seconds = time.perf_counter() - search.began
        if checkpoint is not None and stopped is None:
            checkpoint.remove()
        found = tally.result(self.name, seconds, search.began - began, stopped, transitions=False)
        return replace(found, remarks=_resumed(search))

    def _again(self, program: Program, depth: int, report: Report) -> list[Layer]:
        """Return all layers down to a depth."""
        search = Search(program, self.threads, None, self.patience * program.code.seconds)
        with suppress(Stop):
            search.run(Limits(max_depth=depth), report)
        assert search.layers is not None
        return search.layers


def _resumed(search: Search) -> tuple[str, ...]:
    """Say where a search that goes on from a checkpoint has gone on."""
    return () if search.resumed is None else (f"It went on from a checkpoint at depth {search.resumed}.",)
