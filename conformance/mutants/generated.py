"""Mutants that nobody chose: every first-order change of the stack's functions, held against the models.

A mutant is killed if a campaign of `conform` refuses a run of it: the same cases (a design on a scenario,
bundled or drawn), the same schedules, the design's own model as the judge. Only the order is another one, a
few schedules of every case first, and cases whose runs do not come to the changed line are left out. What is
listed as equivalent has those few only, to see that it is no other.
"""

from __future__ import annotations

import ast
import gc
import importlib
import pkgutil
import re
import tomllib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from types import FunctionType, ModuleType
from typing import Any

from cowpath import impl
from cowpath.conformance.campaign.alarm import Finding, examine
from cowpath.conformance.campaign.conform import Plan, share
from cowpath.conformance.campaign.kept import question
from cowpath.conformance.monitor.explain import reason
from cowpath.conformance.monitor.oracle import Oracle
from cowpath.conformance.own.exchange import Exchange, functions
from cowpath.conformance.own.mutate import Mutant, mutants
from cowpath.conformance.own.points import Wanted, meant
from cowpath.conformance.runs.workload import Run, Workload
from cowpath.conformance.scheduler.kernel import Kernel, Strategy
from cowpath.conformance.scheduler.substrate import Greenlets
from cowpath.conformance.strategies.portfolio import STRATEGIES
from cowpath.model.bench.tasks import Tasks, Written
from cowpath.model.language.errors import InputError
from cowpath.model.scenarios import Scenario

NEVER_RUN = "never run"
"""What is said of a mutant whose line no run comes to."""
_REACHED = "__cowpath_reached__"
_NO_POINTS = Wanted(statements=False)
_FIRST = 4  # schedules of every case before any has more
_STEPS = 2_000  # of one run: none that ends takes a tenth of it, and a mutant's fills no memory
_NOT_RUN = f"{impl.__name__}.plugin"
"""nbdkit loads it into its own Python."""
_EQUIVALENTS = Path(__file__).with_name("equivalents.toml")


@dataclass(frozen=True)
class Outcome:
    """What became of a mutant: who killed it, in which case, after how many schedules, the run's token.

    `by` is None of one that survives; `why` then says why nobody can tell it from the original, if that is
    known. `says`: the refusal in words.
    """

    mutant: Mutant
    by: str | None
    design: str
    scenario: str
    schedules: int
    token: str
    says: str
    why: str

    @property
    def killed(self) -> bool:
        """Whether somebody saw it."""
        return self.by is not None

    @property
    def state(self) -> str:
        """One word for what became of it: killed, equivalent or survives."""
        return "killed" if self.killed else "equivalent" if self.why else "survives"


class BaselineError(InputError):
    """A run is refused without any mutation; the message says how."""


@dataclass(eq=False)
class _Case:
    design: str
    scenario: Scenario
    workload: Workload
    oracle: Oracle
    share: int
    lines: set[tuple[str, int]] = field(default_factory=set)


class Hunt:
    """The mutants of the modules' functions, and the cases of a plan that are to see them.

    `wanted`: the functions to be mutated, of whose names the beginning may be left out; without any, all that
    some run comes to, and `idle` has the others. `one_of`: of so many mutants take one, evenly; `all` has
    them all. Close it when it is over.
    """

    def __init__(
        self, plan: Plan, modules: Sequence[ModuleType], wanted: Sequence[str] = (), one_of: int = 1
    ) -> None:
        self.plan, self.modules, self.wanted, self.one_of = plan, modules, wanted, one_of
        self.kernel = Kernel(Greenlets(), limit=_STEPS)
        self.cases: list[_Case] = []
        self.all: list[Mutant] = []
        self.mutants: list[Mutant] = []
        self.idle: list[str] = []
        self.functions: dict[str, list[FunctionType]] = {}

    def prepare(self, watch: Callable[[str], None] = lambda where: None) -> None:
        """Run every case as it is, to see what it comes to, and make the mutants.

        Raises BaselineError if a run is refused.
        """
        for module in self.modules:
            file = str(module.__file__)
            self.functions[file] = functions({file: module})
        looking = [self._exchange(module, _mark) for module in self.modules]
        for pair in self.plan.pairs:
            fitting = self.plan.fitting(pair)
            for number, scenario in enumerate(fitting):
                watch(f"{pair.name} on '{scenario.name}'")
                workload, oracle = self.plan.prepare(pair, scenario, self.kernel)
                part = share(self.plan.schedules, len(fitting), number)
                case = _Case(pair.name, workload.scenario, workload, oracle, part)
                self.cases.append(case)
                self._tell(case.lines)
                run, strategy = self._running(case, looking), self._strategy()
                for _ in range(part):  # all: else a line that few of them come to would be left out
                    if (finding := examine(oracle, run(strategy))) is not None:
                        says = _why(case, finding)
                        raise BaselineError(f"{pair.name} is refused as it is, on '{scenario.name}': {says}")
        reached = {where for case in self.cases for where in case.lines}
        self.all = [mutant for module in self.modules for mutant in mutants(module, lambda name: True)]
        run_at_all = {(m.module, m.function) for m in self.all if _where(m) in reached}
        self.idle = sorted({m.function for m in self.all if (m.module, m.function) not in run_at_all})
        chosen = [m for m in self.all if (m.module, m.function) in run_at_all]
        if self.wanted:
            chosen = [m for m in chosen if meant(m.function, self.wanted)]
        self.mutants = chosen[:: self.one_of]
        gc.collect()
        gc.freeze()  # all that is kept to the end: to look through it again takes seconds

    def _tell(self, lines: set[tuple[str, int]]) -> None:
        """Have the lines that the marked code comes to told there."""
        for known in self.functions.values():
            for function in known:
                function.__globals__[_REACHED] = lambda *where: lines.add(where)

    def close(self) -> None:
        """Give the cases' files back."""
        gc.unfreeze()
        for case in self.cases:
            case.workload.close()

    def run(self, why: Mapping[Key, str]) -> Iterator[Outcome]:
        """Yield what becomes of each mutant; `why` some are known to be equivalent.

        Each outcome is kept where answers are, and the mutants are dealt to the processes of an `mpiexec`.
        """
        plan, made = self.plan, self.mutants
        how = (plan.strategies, plan.schedules, plan.sight.value, plan.seed, plan.drawn)
        pairs = [pair.name for pair in plan.pairs]

        def about(mutant: Mutant) -> str:
            file, *rest = key(mutant)
            return question("generated", Path(file).name, *rest, why.get(key(mutant), ""), pairs, how)

        tasks = Tasks(
            [about(mutant) for mutant in made],
            lambda number: self._hunt(made[number], why.get(key(made[number]), "")),
            Written(_written, lambda number, data: Outcome(made[number], **data)),
        )
        tasks.deal()
        for number in range(len(made)):
            yield tasks.result(number)

    def _hunt(self, mutant: Mutant, why: str) -> Outcome:
        exchange = [self._exchange(mutant.module, mutant.apply)]
        cases = [case for case in self.cases if _where(mutant) in case.lines]
        hunts = [(case, self._running(case, exchange), self._strategy()) for case in cases]
        count = 0
        for first in (True,) if why else (True, False):
            for case, run, strategy in hunts:
                head = min(case.share, _FIRST)
                for _ in range(head if first else case.share - head):
                    count += 1
                    finding = examine(case.oracle, run(strategy))
                    if finding is not None:
                        where, says = (case.design, case.scenario.name), _why(case, finding)
                        token = str(finding.run.schedule)
                        return Outcome(mutant, finding.by, *where, count, token, says, why)
        return Outcome(mutant, None, "", "", count, "", "" if cases else NEVER_RUN, why)

    def _strategy(self) -> Strategy:
        return STRATEGIES[self.plan.strategies[0]](self.plan.seed)

    def _exchange(
        self, module: ModuleType, change: Callable[[ast.Module, str, ModuleType], None]
    ) -> Exchange:
        exchange = Exchange([module], _NO_POINTS, change, None)
        exchange.functions = self.functions[str(module.__file__)]
        return exchange

    def _running(self, case: _Case, exchanges: Iterable[Exchange]) -> Callable[[Strategy], Run]:
        """Return what makes a run with the code exchanged; all else, the judge too, has the original."""

        def run(strategy: Strategy) -> Run:
            with ExitStack() as stack:
                for exchange in exchanges:
                    stack.enter_context(exchange.made({}))
                return case.workload.run(strategy)

        return run


def _written(outcome: Outcome) -> dict[str, Any]:
    return {name: value for name, value in vars(outcome).items() if name != "mutant"}


def stack_modules() -> list[ModuleType]:
    """Return the modules that runs come to."""
    names = [found.name for found in pkgutil.walk_packages(impl.__path__, f"{impl.__name__}.")]
    return [importlib.import_module(name) for name in names if not name.startswith(_NOT_RUN)]


# -- which are known to be equivalent

Key = tuple[str, int, str, str]
"""What tells a mutant from all others: its file, the node that changes, the kind of change, its result."""


def known_equivalents(made: Sequence[Mutant], path: Path = _EQUIVALENTS) -> dict[Key, str]:
    """Return why each mutant that is known to be equivalent is that.

    The file names a mutant by what it changes, not by its line; `number` tells those alike in one function
    apart, from 1 on. A `rule` is for all whose statement has its pattern in it. Raises InputError for an
    entry that means no mutant: the code has changed.
    """
    named = _named(made)
    found: dict[Key, str] = {}
    document = tomllib.loads(path.read_text(encoding="utf-8"))
    for rule in document.get("rule", []):
        meant_by_it = [m for m in made if m.kind == rule["kind"] and re.match(rule["before"], m.before)]
        if not meant_by_it:
            raise InputError(f"{path.name}: no mutant is {rule['kind']}, {rule['before']}")
        found.update((key(mutant), rule["why"]) for mutant in meant_by_it)
    for entry in document.get("mutant", []):
        name = tuple(entry[field] for field in ("file", "function", "kind", "before", "after"))
        mutant = named.get((*name, entry.get("number", 1)))
        if mutant is None:
            raise InputError(f"{path.name}: no mutant is {', '.join(name)}")
        found[key(mutant)] = entry["why"]
    return found


def key(mutant: Mutant) -> Key:
    """Return what tells the mutant from all others."""
    return str(mutant.module.__file__), mutant.at, mutant.kind, mutant.after


def _named(made: Sequence[Mutant]) -> dict[tuple[object, ...], Mutant]:
    named: dict[tuple[object, ...], Mutant] = {}
    for mutant in made:
        name = (
            Path(str(mutant.module.__file__)).name,
            mutant.function,
            mutant.kind,
            mutant.before,
            mutant.after,
        )
        number = 1
        while (*name, number) in named:
            number += 1
        named[(*name, number)] = mutant
    return named


def _why(case: _Case, finding: Finding) -> str:
    """Return the finding in words."""
    return reason(case.oracle, finding.refusal) if finding.refusal else finding.says or finding.run.reason


def _where(mutant: Mutant) -> tuple[str, int]:
    return str(mutant.module.__file__), mutant.line


# -- which lines a run comes to


def _mark(tree: ast.Module, source: str, module: ModuleType) -> None:
    """Put a call before each statement of a function that tells of its line."""
    _Marks(str(module.__file__)).visit(tree)
    ast.fix_missing_locations(tree)


class _Marks(ast.NodeTransformer):
    def __init__(self, file: str) -> None:
        self.file = file
        self.inside = 0

    def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.FunctionDef:
        self.inside += 1
        for each in node.body:
            self.visit(each)
        node.body = self._marked(node.body)
        self.inside -= 1
        return node

    def generic_visit(self, node: ast.AST) -> ast.AST:
        super().generic_visit(node)
        if self.inside and not isinstance(node, ast.ClassDef):
            for name in ("body", "orelse", "finalbody"):
                block = getattr(node, name, None)
                if isinstance(block, list):
                    setattr(node, name, self._marked(block))
        return node

    def _marked(self, block: list[ast.stmt]) -> list[ast.stmt]:
        made: list[ast.stmt] = []
        for each in block:
            told = [ast.Constant(self.file), ast.Constant(each.lineno)]
            call = ast.Expr(ast.Call(ast.Name(_REACHED, ast.Load()), [*told], []))
            made += [ast.copy_location(call, each), each]
        return made
