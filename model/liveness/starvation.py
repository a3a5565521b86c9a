"""Progress: can an owner be passed over for ever?

Judged are the runs under first-come-first-served wake-ups (`queues`) that are weakly fair: who is pending
and all the time has something to do, goes on some time. I/O in flight thus completes; who is not pending may
stay where it is, for arrivals are never owed. An owner starves on such a run if it is pending for ever from
some point on; so it does where nobody pending can move, and it is only an arrival that could help. Runs on
which anybody is deadlocked are left to that property.

An infinite run over finitely many nodes stays, from some point on, in one strongly connected component of
those where the owner is pending, and passes each node and step of some set in it again and again. Weak
fairness asks of the set, for each owner, a node where that one has nothing to do, or a step of its own. What
a part of a component has the whole has too; and in a component one can walk through everything again and
again. So the owner starves iff some component has it all, and the component need not be taken apart.
Source: fairness as generalised Buechi conditions; O. Lichtenstein and A. Pnueli, "Checking that finite state
concurrent programs satisfy their linear specification", 1985; E. Clarke, O. Grumberg and D. Peled, "Model
Checking", 1999, section 6.3.
"""

from __future__ import annotations

import time
from collections.abc import Collection
from dataclasses import dataclass, replace

from cowpath.model.explore import plain
from cowpath.model.explore.plain import MOST, Graph, TooMany
from cowpath.model.explore.program import Program
from cowpath.model.explore.result import Limits, Report, Stop
from cowpath.model.finite.domains import Narrowed
from cowpath.model.liveness.graph import acyclic, pending, stranded
from cowpath.model.liveness.runs import Lasso, Runs
from cowpath.model.liveness.wakeups import Queues

PROGRESS = "progress"


@dataclass(frozen=True)
class Starvation:
    """Who can starve, each with a shortest lasso; `stopped` says why the search did not end, if so.

    `steps` are those of the state graph. `nodes` are states with their queues: none if no run is infinite.
    """

    steps: int
    nodes: int
    seconds: float
    stopped: str | None
    lassos: tuple[Lasso, ...]

    @property
    def starved(self) -> tuple[int, ...]:
        """Who can starve."""
        return tuple(sorted({lasso.owner for lasso in self.lassos}))

    @property
    def lasso(self) -> Lasso | None:
        """A shortest lasso."""
        return self.lassos[0] if self.lassos else None

    def of(self, owners: Collection[int]) -> Starvation:
        """Return what is so of the owners alone."""
        return replace(self, lassos=tuple(lasso for lasso in self.lassos if lasso.owner in owners))


def starve(narrowed: Narrowed, limits: Limits, report: Report, graph: Graph | None = None) -> Starvation:
    """Search all runs; Ctrl-C counts as a limit.

    `graph`: what a search has seen whose program asks who is pending; without it there is a search first.
    """
    began = time.perf_counter()
    runs = Runs()
    lassos: list[Lasso] = []
    steps, stopped = 0, None
    try:
        seen = _seen(narrowed, limits, report, MOST) if graph is None else graph
        if seen is not None:
            steps, cyclic, alone = seen.steps, not acyclic(seen), stranded(seen)
        else:
            from cowpath.model.liveness import step_graph  # NumPy takes its time to load

            whole = step_graph.explore(narrowed, limits, report)
            steps, cyclic, alone = len(whole.source), whole.cyclic, None
            if whole.stranded:
                seen = _seen(narrowed, limits, report, None)
                assert seen is not None
                alone = stranded(seen)
        program = Program(narrowed, pending(narrowed)) if seen is None else seen.program
        if alone is not None:
            lassos = [Lasso(owner, alone, ()) for owner in Queues(program).after(alone).pending]
        elif cyclic:
            queues = Queues(program, seen)
            runs.explore(queues, limits, report)
            from cowpath.model.liveness.judged import fair_loops  # NumPy takes its time to load

            lassos = fair_loops(queues, runs)
    except (Stop, KeyboardInterrupt) as stop:
        stopped, lassos = str(stop) or "interrupted", []
    lassos.sort(key=lambda lasso: len(lasso.stem) + len(lasso.loop))
    return Starvation(steps, len(runs.nodes), time.perf_counter() - began, stopped, tuple(lassos))


def _seen(narrowed: Narrowed, limits: Limits, report: Report, most: int | None) -> Graph | None:
    """Return what a plain search sees; None if there are too many states. Raises `Stop` if a limit is hit."""
    try:
        found, graph = plain.explore(Program(narrowed, pending(narrowed)), limits, report, most)
    except TooMany:
        return None
    if graph is None:
        raise Stop(found.stopped)
    return graph
