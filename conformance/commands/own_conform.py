"""`conform FILE.py`: somebody's tests under `@schedules`, each under many schedules."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import click
from rich.console import Console
from rich.text import Text

from cowpath.conformance.own.explore import Exploration
from cowpath.conformance.own.explorer import OwnRun
from cowpath.conformance.own.result import STRATEGIES, Explored
from cowpath.conformance.own.testfile import Test, find_tests
from cowpath.conformance.own.watch import Watch
from cowpath.conformance.scheduler.substrate import HangError
from cowpath.model.commands import files
from cowpath.model.language.errors import InputError
from cowpath.model.language.verdict import Verdict, worst

_GLANCE = 50  # schedules between two lines of progress


@dataclass(frozen=True)
class Wanted:
    """What the command line says of the tests; None where it says nothing, and what a test says counts."""

    schedules: int | None
    strategies: Sequence[str]
    seed: int | None
    sight: str | None
    token: str | None


@dataclass(frozen=True)
class Outcome:
    """What came of a test with a strategy; None if an interrupt came before it."""

    test: Test
    strategy: str
    result: Explored | None

    @property
    def verdict(self) -> Verdict:
        """The verdict on it."""
        return Verdict.UNDETERMINED if self.result is None else self.result.verdict


def conform_tests(names: Sequence[str], wanted: Wanted, json_path: str | None) -> Verdict:
    """Explore the tests, print what came of it, and return the verdict on all. Raises InputError."""
    try:
        files.check_json(json_path)
        tests = [test for name in dict.fromkeys(names) for test in find_tests(name)]
        if len({test.name for test in tests}) < len(tests):
            tests = [replace(test, name=f"{test.body.__module__}.{test.name}") for test in tests]
        _check(tests, wanted)
        outcomes = _explore(tests, wanted)
        if files.write_json(json_path, [as_json(outcome) for outcome in outcomes]):
            _show(outcomes)
    except HangError as error:
        click.echo(f"undetermined: {error}")
        return Verdict.UNDETERMINED
    return worst(outcome.verdict for outcome in outcomes)


def _check(tests: Sequence[Test], wanted: Wanted) -> None:
    if wanted.token is not None and len(tests) != 1:
        raise InputError(f"--token: {len(tests)} tests are chosen; accepted: one, as FILE.py::TEST")
    for name in wanted.strategies:
        if name not in STRATEGIES:
            raise InputError(f"--strategy {name}: of a test's own code; accepted: {', '.join(STRATEGIES)}")
    if wanted.sight is not None:
        if wanted.sight not in ("white", "black"):
            raise InputError(
                f"--sight {wanted.sight}: of a test; accepted: white, black, or Watch(sight={{...}})"
            )
        for test in tests:
            if not isinstance(test.wish.model, Watch):
                raise InputError(f"--sight: {test.name} has no model to see with; accepted: model=Watch(...)")


def _explore(tests: Sequence[Test], wanted: Wanted) -> list[Outcome]:
    outcomes: list[Outcome] = []
    interrupted = False
    console = Console(stderr=True)
    with console.status("") as status:
        for test in tests:
            for strategy in wanted.strategies or (test.wish.plan.strategy,):
                if interrupted:
                    outcomes.append(Outcome(test, strategy, None))
                    continue
                exploration = _exploration(test, strategy, wanted)

                def progress(run: OwnRun, test: Test = test, at: Exploration = exploration) -> None:
                    if at.schedules % _GLANCE == 0:
                        count = f"{at.schedules:,} of {at.plan.schedules:,} schedules"
                        status.update(Text(f"{test.name}: {count}"))

                token = wanted.token
                result = exploration.explore(progress) if token is None else exploration.replay(token)
                interrupted = result.interrupted
                outcomes.append(Outcome(test, strategy, result))
    return outcomes


def _exploration(test: Test, strategy: str, wanted: Wanted) -> Exploration:
    seed = test.wish.plan.seed if wanted.seed is None else wanted.seed
    plan = replace(test.wish.plan_with(wanted.schedules), strategy=strategy, seed=seed)
    model = test.wish.model
    if wanted.sight is not None and isinstance(model, Watch):
        model = model.seen_as(wanted.sight)
    return Exploration(test.body, test.modules, plan, model)


def as_json(outcome: Outcome) -> dict[str, Any]:
    """Return an outcome as the command's --json has it."""
    result = outcome.result
    found = result.found if result else None
    return {
        "test": outcome.test.name,
        "verdict": outcome.verdict.value,
        "schedules": result.schedules if result else 0,
        "seconds": round(result.seconds, 3) if result else 0.0,
        "strategy": outcome.strategy,
        "failure": found
        and {
            "token": found.token,
            "deviations": len(found.run.schedule.deviations),
            "reason": f"{found.kind}: {found.reason}",
        },
    }


def _show(outcomes: Sequence[Outcome]) -> None:
    for number, outcome in enumerate(outcomes):
        result = outcome.result
        says = "fails" if outcome.verdict is Verdict.VIOLATED else ""
        if result is None:
            says = "interrupted before it began: undetermined"
        click.echo("\n" * (number > 0) + f"{outcome.test.name}: {says}".rstrip())
        if result is not None:
            click.echo("\n".join(f"  {line}" for line in result.text.splitlines()))
