"""The native engine: machine code made for the model by LLVM, on all cores; exact, shortest witnesses."""

from __future__ import annotations

import time
from contextlib import suppress
from dataclasses import replace
from typing import Any

from cowpath.model.explore import ranks
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

_WHOLE = "Each process has searched all of it: this partial order looks up states that would be others'."
_KEPT = 1 << 19  # states of past layers that are kept for traces; beyond, a trace means a second search


class NativeEngine:
    """Breadth-first search by generated machine code. `threads`: None for as many as there are cores.

    The search begins with code that is quickly made. Once it has taken `patience` times as long as that,
    better code is made in a thread of its own; if that is 0, the search waits for it.
    """

    name = "native"
    partial_order = True

    def __init__(self, threads: int | None = None, patience: float = 3) -> None:
        self.threads = threads or ranks.cores()
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
        among = ranks.together()
        proviso = bool(reductions.needs) and not reductions.terminates
        remarks = (_WHOLE,) if among is not None and proviso else ()
        among = None if proviso else among
        many = 1 if among is None else among.size
        program = Program(narrowed, questions, reductions, optimised=self.patience == 0, ranks=many)
        search = self._search(program, _KEPT if reductions == UNREDUCED else 0, among)
        stopped = None
        try:
            search.run(limits, report)
        except (Stop, KeyboardInterrupt) as stop:
            if among is not None and isinstance(stop, KeyboardInterrupt):
                ranks.abort(ranks.INTERRUPTED, "interrupted, and all the other processes with this one")
            stopped = str(stop) or "interrupted"
        seconds = time.perf_counter() - search.began
        depths = {name: depth for name, (depth, _) in search.found.items()}
        witnesses = {}
        if depths and reductions == UNREDUCED:
            layers = search.layers or self._again(program, among, max(depths.values()), report)
            witnesses = {
                name: search.witness(layers[:d], state) for name, (d, (_, state)) in search.found.items()
            }
        if stopped is None:
            search.over()
        found, prepared = search.totals, search.began - began
        remarks = (*remarks, *_remarks(search, found[0]))
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
        if stopped is None:
            search.over()
        found = tally.result(self.name, seconds, search.began - began, stopped, transitions=False)
        return replace(found, remarks=_remarks(search, search.states))

    def _search(self, program: Program, keep: int | None, among: Any, *, save: bool = True) -> Search:
        """Return a search, this process's part of it if there are others."""
        patience = self.patience * program.code.seconds
        checkpoint = checkpoint_of(program, f"explore {program.names}") if save else None
        if among is None:
            return Search(program, self.threads, keep, patience, checkpoint)
        from cowpath.model.explore.native.parted import PartedSearch

        threads = max(1, self.threads // ranks.neighbours())
        return PartedSearch(program, threads, keep, patience, checkpoint, among)

    def _again(self, program: Program, among: Any, depth: int, report: Report) -> list[Layer]:
        """Return all layers down to a depth."""
        search = self._search(program, None, among, save=False)
        with suppress(Stop):
            search.run(Limits(max_depth=depth), report)
        assert search.layers is not None
        return search.layers


def _remarks(search: Search, states: int) -> tuple[str, ...]:
    """Say where a search has gone on from a checkpoint, and what its processes had to tell each other."""
    remarks = () if search.resumed is None else (f"It went on from a checkpoint at depth {search.resumed}.",)
    return (*remarks, *search.shared(states))
