"""`mutants FILE.py`: small faults in somebody's own functions, and which of them his tests do not see."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any

import click
from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from cowpath.conformance.own.hunt import Hunt, Outcome
from cowpath.conformance.own.testfile import find_tests
from cowpath.conformance.scheduler.substrate import HangError
from cowpath.model.commands import files
from cowpath.model.commands.inputs import open_console
from cowpath.model.language.errors import InputError
from cowpath.model.language.verdict import Verdict


def hunt_own(
    names: Sequence[str], functions: Sequence[str], schedules: int, json_path: str | None
) -> Verdict:
    """Hunt the mutants, print what became of them, and return whether all were seen. Raises InputError."""
    began = time.perf_counter()
    try:
        files.check_json(json_path)
        hunt = Hunt(
            [test for name in dict.fromkeys(names) for test in find_tests(name)], functions, schedules
        )
        outcomes, interrupted = _run(hunt)
        if files.write_json(json_path, [as_json(outcome) for outcome in outcomes]):
            _show(hunt, outcomes, time.perf_counter() - began)
        if interrupted:
            left = len(hunt.mutants) - len(outcomes)
            click.echo(f"interrupted: {left} of {len(hunt.mutants)} are undetermined", err=json_path == "-")
    except HangError as error:
        raise InputError(f"a test hangs as it is: {error}") from None
    if not all(outcome.killed for outcome in outcomes):
        return Verdict.VIOLATED
    return Verdict.UNDETERMINED if interrupted or not outcomes else Verdict.HOLDS


def _run(hunt: Hunt) -> tuple[list[Outcome], bool]:
    outcomes: list[Outcome] = []
    try:
        with Console(stderr=True).status("the tests as they are") as status:
            hunt.prepare()
            for outcome in hunt.run():
                outcomes.append(outcome)
                status.update(Text(f"{len(outcomes)} of {len(hunt.mutants)} mutants"))
    except KeyboardInterrupt:
        return outcomes, True
    return outcomes, False


def as_json(outcome: Outcome) -> dict[str, Any]:
    """Return an outcome as the command's --json has it."""
    mutant = outcome.mutant
    return {
        "function": mutant.function,
        "line": mutant.line,
        "kind": mutant.kind,
        "before": mutant.before,
        "after": mutant.after,
        "killed": outcome.killed,
        "by": outcome.remark if outcome.killed else None,
        "test": outcome.test,
        "schedules": outcome.schedules,
    }


def _show(hunt: Hunt, outcomes: Sequence[Outcome], seconds: float) -> None:
    console = open_console()
    table = Table(box=box.SIMPLE_HEAD, padding=(0, 2, 0, 0), pad_edge=False)
    table.add_column("line", justify="right", no_wrap=True)
    for name in ("function", "mutation", "seen by"):
        table.add_column(name)
    table.add_column("schedules", justify="right", no_wrap=True)
    for outcome in outcomes:
        mutant = outcome.mutant
        change = f"{mutant.kind}: {mutant.before}"
        by = outcome.remark if outcome.killed else f"nobody{', ' * bool(outcome.remark)}{outcome.remark}"
        table.add_row(str(mutant.line), mutant.function, Text(change), by, f"{outcome.schedules:,}")
    if outcomes:
        console.print(table)
    survivors = [outcome for outcome in outcomes if not outcome.killed]
    console.print(
        f"{len(outcomes) - len(survivors)} of {len(outcomes)} mutants are seen, {seconds:.1f} s;"
        f" {len(survivors)} by nobody in {hunt.schedules:,} schedules a test."
    )
    for outcome in survivors:
        mutant = outcome.mutant
        line = f"  line {mutant.line}, {mutant.function}: {mutant.kind}: {mutant.before}"
        console.print(f"{line}  \N{RIGHTWARDS ARROW}  {mutant.after}", markup=False, soft_wrap=True)
    if hunt.idle:
        console.print(f"not run by the tests, so not mutated: {', '.join(hunt.idle)}", markup=False)
