"""The hunt for mutants of somebody's code: which of them his tests, under schedules, do not see."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from types import ModuleType

from cowpath.conformance.own.explore import Exploration
from cowpath.conformance.own.explorer import OwnRun
from cowpath.conformance.own.mutate import Mutant, mutants
from cowpath.conformance.own.points import Point, meant
from cowpath.conformance.own.testfile import Test
from cowpath.conformance.scheduler.substrate import HangError
from cowpath.model.language.errors import InputError

NEVER_RUN, NOT_MADE = "never run", "not made"
_WORDS = {
    "crash": "an exception",
    "stuck": "stuck",
    "limit": "it spins",
    "refused": "the model",
    "facts": "the model",
    "hangs": "it hangs",
}


@dataclass(frozen=True)
class Outcome:
    """What became of a mutant: by which test, after how many schedules, and by what it was killed.

    One that survives has no test; `remark` says why that is no wonder, if it is none.
    """

    mutant: Mutant
    test: str | None
    schedules: int
    remark: str

    @property
    def killed(self) -> bool:
        """Whether somebody saw it."""
        return self.test is not None


class BaselineError(InputError):
    """A test fails without any mutation; the message says how."""


class Hunt:
    """Mutants of somebody's functions, and which of his tests sees them.

    `functions`: the names of those to be mutated, of which the beginning may be left out. Without any, those
    that the tests run, in modules other than the tests' own if there are such, and else in that one.
    """

    def __init__(self, tests: Sequence[Test], functions: Sequence[str], schedules: int) -> None:
        self.tests, self.functions, self.schedules = tests, functions, schedules
        self.mutants: list[Mutant] = []
        self.idle: list[str] = []

    def prepare(self) -> None:
        """Run the tests as they are, and make the mutants; `idle` are functions that no test runs.

        Raises BaselineError if a test fails, ValueError if there is no such function.
        """
        reached: set[tuple[str, int]] = set()
        for test in self.tests:
            exploration = self._exploration(test, None)
            points = exploration.explorer.exchange.points

            def note(run: OwnRun, points: Sequence[Point] = points) -> None:
                reached.update((points[each.point].file, points[each.point].line) for each in run.made)

            result = exploration.explore(note)
            if result.interrupted:
                raise KeyboardInterrupt
            if result.found is not None:
                raise BaselineError(f"{test.name} fails as it is: {result.found.kind}: {result.found.reason}")
        found = [mutant for module in self._modules() for mutant in mutants(module, self._wanted)]
        if self.functions and not found:
            raise InputError(f"there is no function {', '.join(self.functions)} to be mutated")
        run = {mutant.function for mutant in found if (str(mutant.module.__file__), mutant.line) in reached}
        self.idle = sorted({mutant.function for mutant in found} - run)
        self.mutants = [mutant for mutant in found if mutant.function in run]
        self.reached = reached

    def run(self) -> Iterator[Outcome]:
        """Yield what becomes of each mutant."""
        return map(self._hunt, self.mutants)

    def _modules(self) -> list[ModuleType]:
        modules = {module.__name__: module for test in self.tests for module in test.modules}
        own = {test.body.__module__ for test in self.tests}
        others = [module for name, module in modules.items() if name not in own]
        return list(modules.values()) if self.functions else others or list(modules.values())

    def _wanted(self, name: str) -> bool:
        if self.functions:
            return bool(meant(name, self.functions))
        first, last = name.split(".")[0], name.split(".")[-1]
        return not last.startswith("test") and first not in {test.name for test in self.tests}

    def _hunt(self, mutant: Mutant) -> Outcome:
        made, schedules = False, 0
        for test in self.tests:
            exploration = self._exploration(test, mutant)
            try:
                result = exploration.explore()
            except HangError:
                return Outcome(mutant, test.name, exploration.schedules + 1, _WORDS["hangs"])
            if result.interrupted:
                raise KeyboardInterrupt
            schedules += result.schedules
            if result.found is not None:
                kind = result.found.kind
                return Outcome(mutant, test.name, schedules, _WORDS.get(kind, kind))
            names = exploration.explorer.exchanged
            made = made or any(f"{mutant.function}.".startswith(f"{name}.") for name in names)
        where = (str(mutant.module.__file__), mutant.line)
        remark = NOT_MADE if not made else NEVER_RUN if where not in self.reached else ""
        return Outcome(mutant, None, schedules, remark)

    def _exploration(self, test: Test, mutant: Mutant | None) -> Exploration:
        plan = replace(test.wish.plan, schedules=self.schedules, most=0)
        before = None if mutant is None else mutant.apply
        return Exploration(test.body, test.modules, plan, test.wish.model, before=before)
