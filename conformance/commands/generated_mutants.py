"""`mutants --generated`, and `mutants FILE.py` of a file with a design: small changes of its functions."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from types import ModuleType
from typing import Any

import click
from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from cowpath.conformance.campaign.conform import DRAWN, Plan
from cowpath.conformance.mutants.generated import NEVER_RUN, Hunt, Outcome, known_equivalents, stack_modules
from cowpath.conformance.pairs import every_pair, find_pair
from cowpath.conformance.runs.log import Sight
from cowpath.model.commands import files
from cowpath.model.commands.inputs import open_console, status_line
from cowpath.model.language.errors import InputError
from cowpath.model.language.verdict import Verdict
from cowpath.model.scenarios import bundled

SCHEDULES = 2_000
"""Schedules of a design, over all its cases, as in `conform`."""


def hunt_generated(
    names: Sequence[str], functions: Sequence[str], one_of: int, schedules: int, sight: str, path: str | None
) -> Verdict:
    """Hunt the mutants of the files' functions, or of the whole stack's, and print what became of them.

    `names`: files with a design, or bundled designs that see the stack's mutants; none: all of these. Return
    whether all were seen, or are known to be equivalent. Raises InputError.
    """
    began = time.perf_counter()
    files.check_json(path)
    pairs = tuple(find_pair(name) for name in dict.fromkeys(names)) or every_pair()
    plan = Plan(pairs, bundled(), None, ("portfolio",), schedules, Sight(sight), 0, DRAWN)
    for pair in pairs:
        if not plan.fitting(pair):
            raise InputError(f"{pair.name}: no bundled scenario fits it, so there is nothing to run")
    own = [name for name in dict.fromkeys(names) if name.endswith(".py")]
    modules = [_module(name) for name in own] or stack_modules()
    hunt = Hunt(plan, modules, functions, one_of)
    try:
        outcomes, interrupted = _run(hunt, listed=not own)
    finally:
        hunt.close()
    if not interrupted and not hunt.mutants:
        raise InputError(f"there is nothing to mutate in {', '.join(functions) or 'what the runs come to'}")
    if files.write_json(path, [as_json(outcome) for outcome in outcomes]):
        _show(hunt, outcomes, time.perf_counter() - began)
    if interrupted:
        click.echo(f"interrupted: {len(hunt.mutants) - len(outcomes)} are undetermined", err=path == "-")
    if any(outcome.state == "survives" or (outcome.killed and outcome.why) for outcome in outcomes):
        return Verdict.VIOLATED
    return Verdict.UNDETERMINED if interrupted or not outcomes else Verdict.HOLDS


def _module(name: str) -> ModuleType:
    """Return what stands for a file that has been run as a module: its source is asked for, nothing else."""
    module = ModuleType(Path(name).stem)
    module.__file__ = name
    return module


def _run(hunt: Hunt, *, listed: bool) -> tuple[list[Outcome], bool]:
    outcomes: list[Outcome] = []
    try:
        with Console(stderr=True).status("") as status:
            hunt.prepare(lambda where: status.update(status_line(f"as it is: {where}")))
            why = known_equivalents(hunt.all) if listed else {}
            for outcome in hunt.run(why):
                outcomes.append(outcome)
                status.update(status_line(f"{len(outcomes)} of {len(hunt.mutants)} mutants"))
    except KeyboardInterrupt:
        return outcomes, True
    return outcomes, False


def as_json(outcome: Outcome) -> dict[str, Any]:
    """Return an outcome as the command's --json has it."""
    mutant = outcome.mutant
    return {
        "file": Path(str(mutant.module.__file__)).name,
        "line": mutant.line,
        "function": mutant.function,
        "kind": mutant.kind,
        "before": mutant.before,
        "after": mutant.after,
        "state": outcome.state,
        "by": outcome.by,
        "schedules": outcome.schedules,
        "design": outcome.design or None,
        "scenario": outcome.scenario or None,
        "token": outcome.token or None,
        "says": outcome.says or None,
        "why": outcome.why or None,
    }


def _show(hunt: Hunt, outcomes: Sequence[Outcome], seconds: float) -> None:
    console = open_console()
    table = Table(box=box.SIMPLE_HEAD, padding=(0, 2, 0, 0), pad_edge=False)
    table.add_column("kind")
    counts = Counter((outcome.mutant.kind, outcome.state) for outcome in outcomes)
    for name in ("killed", "equivalent", "survives"):
        table.add_column(name, justify="right")
    for kind in sorted({kind for kind, _ in counts}):
        table.add_row(kind, *(str(counts[kind, state]) for state in ("killed", "equivalent", "survives")))
    if outcomes:
        console.print(table)
    killed, rest = (sum(o.state == state for o in outcomes) for state in ("killed", "survives"))
    by = Counter(outcome.by for outcome in outcomes if outcome.killed)
    sides = ", ".join(f"{who} {count}" for who, count in by.most_common())
    part = f"{killed / (killed + rest):.1%} of those that are not equivalent; " if killed + rest else ""
    console.print(
        f"{killed} of {len(outcomes)} mutants are killed ({sides}), {part}{rest} survive"
        f" {hunt.plan.schedules:,} schedules of each design; {seconds:.1f} s.",
        markup=False, soft_wrap=True,
    )  # fmt: skip
    if hunt.one_of > 1:
        console.print(f"One of {hunt.one_of} was taken, of {len(hunt.all)}.")
    for outcome in outcomes:
        mutant = outcome.mutant
        place = f"{Path(str(mutant.module.__file__)).name}:{mutant.line}, {mutant.function}"
        change = f"{mutant.kind}: {mutant.before}  \N{RIGHTWARDS ARROW}  {mutant.after}"
        if outcome.state == "survives":
            never = f" ({NEVER_RUN})" if outcome.says == NEVER_RUN else ""
            console.print(Text(f"  survives{never}: {place}: {change}"), soft_wrap=True)
        elif outcome.killed and outcome.why:
            console.print(Text(f"  killed, but listed as equivalent: {place}: {change}"), soft_wrap=True)
    if hunt.idle:
        console.print(f"not run, so not mutated: {', '.join(hunt.idle)}", markup=False)
