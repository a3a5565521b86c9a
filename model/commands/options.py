"""What the searching commands share: their options, the plan these make, and its carrying out."""

from __future__ import annotations

import math
from collections.abc import Sequence

import click
from rich.console import Console

from cowpath.model.bench import batch
from cowpath.model.bench.check import Result
from cowpath.model.commands.inputs import status_line
from cowpath.model.designs import ALL, Case, Design
from cowpath.model.explore import ranks
from cowpath.model.explore.engines import ENGINES
from cowpath.model.explore.result import Limits, Progress
from cowpath.model.kept import answers
from cowpath.model.language.errors import InputError, hint, shown
from cowpath.model.reductions.choice import NAMES
from cowpath.model.scenarios import Scenario
from cowpath.model.scenarios.vocabulary import PROPERTIES as BUNDLED

ENGINE = click.option(
    "--engine",
    type=click.Choice(list(ENGINES)),
    default="auto",
    show_default=True,
    help="Who explores; auto: NumPy, and machine code where there are more than some 300,000 states.",
)
MAX_STATES = click.option(
    "--max-states", type=click.IntRange(min=1), help="Stop a run after so many states: undetermined."
)


def _finite(_: click.Context, __: click.Parameter, value: float | None) -> float | None:
    if value is not None and not math.isfinite(value):
        raise click.BadParameter(f"{value} is not a number of seconds.")
    if value is not None and ranks.size() > 1:
        raise click.BadParameter("of several processes who starts them bounds the time; --resume goes on.")
    return value


MAX_SECONDS = click.option(
    "--max-seconds",
    callback=_finite,
    type=click.FloatRange(min=0, min_open=True),
    help="Stop a run after so long: undetermined.",
)
REDUCTION = click.option(
    "--reduction",
    "reductions",
    multiple=True,
    type=click.Choice(NAMES),
    help="Leave out of the search what it makes superfluous; several may be given. Default: none.",
)
PROPERTIES = click.option(
    "--property",
    "properties",
    multiple=True,
    metavar="P",
    help=f"One of {', '.join(BUNDLED)}, or of a design's own. Default: all but concurrency.",
)


REDUCE = click.option(
    "--reduce/--no-reduce", default=True, help="Reduce the disk to the smallest equivalent one (the default)."
)


def make_plan(
    chosen: Sequence[Design],
    on: Sequence[Scenario],
    properties: Sequence[str],
    engine: str,
    limits: Limits,
    reductions: Sequence[str],
    reduced: bool,
) -> batch.Plan:
    """Return the plan. Raises `InputError` if it cannot be carried out."""
    check_engine(engine)
    check_expectations(chosen, on)
    check_properties(chosen, properties)
    plan = batch.Plan(chosen, on, properties, engine, limits, tuple(reductions), reduced)
    for case in plan.cases or [Case(chosen[0], on[0], reduced)]:
        case.instance  # noqa: B018, worked out here
    return plan


def check_engine(engine: str) -> None:
    """Raise `InputError` where a search is to go on from what this engine does not save."""
    known = answers.current()
    if known is not None and known.resumed and engine in ("numpy", "python"):
        raise InputError(
            f"--engine {engine} and --resume: this engine saves nothing on its way; accepted: auto, native"
        )


def check_properties(chosen: Sequence[Design], named: Sequence[str]) -> None:
    """Raise `InputError` where a property is named that none of the designs has."""
    known = dict.fromkeys(name for design in chosen for name in design.meanings)
    for name in named:
        if name not in known:
            raise InputError(f"--property: {shown(name)}{hint(name, known)}; accepted: {', '.join(known)}")


def check_expectations(chosen: Sequence[Design], on: Sequence[Scenario]) -> None:
    """Raise `InputError` where a scenario expects something of a design that there is not."""
    known = {*ALL, *(design.name for design in chosen)}
    for scenario in on:
        unknown = sorted(set(scenario.expect) - known) if scenario.has_disk else ()
        if unknown:
            accepted = ", ".join(sorted(known))
            raise InputError(f"{scenario.slug}: expect: unknown design '{unknown[0]}'; accepted: {accepted}")


def carry_out(plan: batch.Plan) -> list[Result]:
    """Carry the plan out; a terminal is told how far it is."""
    console = Console(stderr=True)
    if ranks.size() > 1:
        found = batch.run(plan)
        ranks.leave()
        return found
    if not console.is_terminal:
        return batch.run(plan)
    with console.status("") as status:
        return batch.run(plan, lambda task, progress: status.update(status_line(_progress(task, progress))))


def _progress(task: str, progress: Progress | None) -> str:
    if progress is None:
        return task
    rate = progress.states / max(progress.seconds, 1e-9)
    return (
        f"{task}: {progress.states:,} states, {progress.transitions:,} transitions, {rate:,.0f} states/s, "
        f"frontier {progress.frontier:,}, depth {progress.depth}, {progress.memory / 1e6:,.0f} MB"
    )
