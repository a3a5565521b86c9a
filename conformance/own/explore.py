"""Exploring: a test under many schedules, until one fails; that one made as short as can be."""

from __future__ import annotations

import io
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import redirect_stdout
from dataclasses import replace
from types import ModuleType

from cowpath.conformance.own import text
from cowpath.conformance.own.exchange import Edit
from cowpath.conformance.own.explorer import Explorer, OwnRun, Way, modules_of
from cowpath.conformance.own.result import STRATEGIES, Explored, Found, Model, Plan
from cowpath.conformance.scheduler.kernel import Strategy
from cowpath.conformance.scheduler.schedule import Replay, ReplayError, Schedule
from cowpath.conformance.strategies.reducer import reduce
from cowpath.conformance.strategies.simple import Sequential

_GIVEN_UP = "pruned"


class Exploration:
    """A test to be explored: `found` examines each run."""

    def __init__(
        self,
        test: Callable[[], object],
        modules: Sequence[ModuleType],
        plan: Plan,
        model: Model | None = None,
        objects: Sequence[object] = (),
        before: Edit | None = None,
        after: Edit | None = None,
    ) -> None:
        self.plan, self.model = plan, model
        modules = list({m.__name__: m for m in (*modules, *(model.modules() if model else ()))}.values())
        watching = model.watching() if model else None
        self.explorer = Explorer(test, modules, plan.way, watching, objects, before, after)
        self.schedules = 0
        self.stuck = 0
        self.began = time.perf_counter()

    def explore(self, on_run: Callable[[OwnRun], None] = lambda run: None) -> Explored:
        """Run schedules until one fails, the default one first. After Ctrl-C the rest is undetermined."""
        found, exhausted, interrupted = None, False, False
        try:
            with self.explorer.active(), redirect_stdout(io.StringIO()):
                for strategy in self._strategies():
                    run = self.explorer.run(strategy)
                    self.schedules += 1
                    on_run(run)
                    if (found := self.examine(run)) is not None:
                        found = self._short(found)
                        found = replace(found, fickle=self._fickle(found))
                        break
                    exhausted = strategy.exhausted and not isinstance(strategy, Sequential)
        except KeyboardInterrupt:
            interrupted = True
        return self._explored(found, exhausted, interrupted)

    def replay(self, token: str) -> Explored:
        """Run one schedule. Raises ReplayError if the token is not of this test."""
        with self.explorer.active():
            found = self.examine(self.explorer.run(Replay(Schedule.parse(token))))
        self.schedules = 1
        return self._explored(found, False, False)

    def again(self, result: Explored) -> Explored:
        """Run the schedule that fails once more: what the test prints, and leaves behind, is then its."""
        assert result.found is not None
        if result.found.fickle:
            return result
        with self.explorer.active():
            last = self.examine(self.explorer.run(Replay(Schedule.parse(result.found.token))))
        if last is None:
            return result
        found = replace(result.found, run=last.run)
        result = replace(result, found=found)
        return replace(result, text="\n".join(text.explored(result)))

    def examine(self, run: OwnRun) -> Found | None:
        """Return what is wrong with a run, None if nothing is.

        With a model, that nobody can move is wrong only if the model lets somebody.
        """
        failure, number = run.failure, self.schedules
        if failure is not None and failure.kind == _GIVEN_UP:
            return None
        if failure is not None and (failure.kind != "stuck" or self.model is None):
            return Found(failure.kind, failure.reason, run, number)
        refused = self.model.judge(run) if self.model else None
        self.stuck += failure is not None
        if refused is None:
            return None
        return Found("refused", refused.reason, run, number, refused)

    def _strategies(self) -> Iterator[Strategy]:
        yield Sequential()
        strategy = STRATEGIES[self.plan.strategy](self.plan.seed)
        for _ in range(self.plan.schedules - 1):
            if strategy.exhausted:
                return
            yield strategy

    def _short(self, found: Found) -> Found:
        def fails(strategy: Strategy) -> OwnRun | None:
            again = self.examine(self.explorer.run(strategy))
            return again.run if again is not None and again.kind == found.kind else None

        if not any(found.run.values) or not self.plan.most:
            return replace(found, minimal=not any(found.run.values))
        reduced = reduce(found.run, fails, self.plan.most)
        least = self.examine(reduced.run) or found
        return replace(least, number=found.number, replays=reduced.replays, minimal=reduced.minimal)

    def _fickle(self, found: Found) -> str:
        """Return in words how the run differs when it is made again; nothing if it does not."""
        try:
            again = self.examine(self.explorer.run(Replay(Schedule.parse(found.token))))
        except ReplayError as error:
            return str(error)
        if again is None or again.kind != found.kind:
            return f"it ends in another way: {again.reason if again else 'well'}"
        return ""

    def _explored(self, found: Found | None, exhausted: bool, interrupted: bool) -> Explored:
        seconds = time.perf_counter() - self.began
        coverage = self.model.coverage() if self.model else ""
        result = Explored(
            self.plan,
            found,
            self.schedules,
            seconds,
            self.stuck,
            exhausted,
            interrupted,
            coverage,
            self.explorer,
        )
        return replace(result, text="\n".join(text.explored(result)))


def explore(
    test: Callable[[], object],
    *,
    modules: Sequence[ModuleType] | None = None,
    model: Model | None = None,
    schedules: int = 1000,
    strategy: str = "portfolio",
    seed: int = 0,
    points: str = "statements",
    substrate: str = "threads",
    hasty: bool = False,
    limit: int = 10_000,
    patience: float = 10.0,
    injected: bool = False,
    most: int = 300,
    objects: Sequence[object] = (),
) -> Explored:
    """Run a test, which starts threads, under so many schedules, until one fails.

    `modules` are those whose statements threads are interrupted at; by default that of the test and those of
    one's own that it has something from. A `model`, such as a `Watch`, judges the runs; without one a run
    fails if an exception ends a thread, or if nobody can move. For the rest see `Plan` and `Way`; `objects`
    are those that exist already and may have locks.

    Raises SourceError if a module has no source to put points into, HangError if a thread waits for something
    that the scheduler does not know, InputError for a setting that is not accepted.
    """
    way = Way(points, substrate, hasty, limit, patience, injected)
    plan = Plan(schedules, strategy, seed, most, way)
    chosen = modules_of(test) if modules is None else modules
    return Exploration(test, chosen, plan, model, objects).explore()


def replay(
    test: Callable[[], object],
    token: str,
    *,
    modules: Sequence[ModuleType] | None = None,
    model: Model | None = None,
    points: str = "statements",
    substrate: str = "threads",
    hasty: bool = False,
    limit: int = 10_000,
    patience: float = 10.0,
    injected: bool = False,
    objects: Sequence[object] = (),
) -> Explored:
    """Run a test once, as the token says, with the settings that it was found with.

    Raises ReplayError if the run is another one.
    """
    plan = Plan(1, way=Way(points, substrate, hasty, limit, patience, injected))
    chosen = modules_of(test) if modules is None else modules
    return Exploration(test, chosen, plan, model, objects).replay(token)
