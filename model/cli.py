"""The commands of the model: designs, scenarios, check, trace."""

from __future__ import annotations

import json
import os
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

import click
from rich.console import Console
from rich.table import Table

from model import campaign, report
from model.check import ENGINES, Result
from model.designs import DESIGNS, Design
from model.designs.loading import DesignError
from model.designs.loading import find as load_design
from model.explore.result import Limits, Progress
from model.guards import audit
from model.scenarios import Scenario, ScenarioError, bundled, find
from model.scenarios.geometry import describe, reduce, unreduced
from model.stack.properties import MEANING, STANDARD
from model.trace import record, text
from model.trace.trace import Trace
from model.verdict import worst

WIDTH = 100
FORMATS = ("text", "json")


class BadInput(click.ClickException):
    """The user's input is at fault: one line, exit status 2."""

    exit_code = 2


def _console() -> Console:
    wide = Console(highlight=False)
    return wide if wide.is_terminal and wide.width >= WIDTH else Console(width=WIDTH, highlight=False)


def _find_designs(names: Sequence[str]) -> list[Design]:
    try:
        found = {name: load_design(name, DESIGNS) for name in names}
    except DesignError as error:
        raise BadInput(str(error)) from None
    by_name: dict[str, Design] = {}
    for design in found.values() if names else DESIGNS.values():
        if by_name.setdefault(design.name, design) is not design:
            raise BadInput(f"two of the designs are named '{design.name}'; give each a name of its own")
    return list(by_name.values())


def _find_scenarios(names: Sequence[str]) -> list[Scenario]:
    try:
        found = [find(name) for name in names] or list(bundled())
    except ScenarioError as error:
        raise BadInput(str(error)) from None
    by_name: dict[str, Scenario] = {}
    for scenario in found:
        if by_name.setdefault(scenario.name, scenario) != scenario:
            raise BadInput(f"two of the scenarios are named '{scenario.name}'; give each a name of its own")
    return list(by_name.values())


@click.command()
@click.argument("design", required=False, metavar="[NAME|FILE.py]")
@click.option(
    "--guards", is_flag=True, help="Delete each of its guards in turn and say what falls (a minute)."
)
def designs(design: str | None, guards: bool) -> None:
    """List the designs, or tell all about one: its history, its rules and their sources."""
    if guards:
        if design is None:
            raise BadInput("--guards: name the design whose guards are to be deleted")
        _print_guards(*_find_designs([design]))
        return
    console = _console()
    for each in _find_designs([design] if design else []):
        console.print(f"[bold]{each.name}[/]  {each.era}")
        console.print(each.explanation, markup=False)
        if design:
            for title, lines in (
                ("Sources", each.sources),
                ("Changes to the RFC", [f"{change}; without it {falls}" for change, falls in each.changes]),
            ):
                if lines:
                    console.print(f"\n[bold]{title}[/]")
                for number, line in enumerate(lines, 1):
                    console.print(f"{number}. {line}", markup=False)
            table = Table(box=None, padding=(0, 2, 0, 0), title="\nSteps", title_justify="left")
            for column in ("step", "what", "rule"):
                table.add_column(column)
            for action in each.system.actions:
                others = {param.name: "another request" for param in action.params}
                table.add_row(action.label, action.says.format(**others).rstrip("."), action.source)
            console.print(table)
        console.print()


def _print_guards(design: Design) -> None:
    table = Table(box=None, padding=(0, 2, 0, 0))
    for column in ("step", "without", "falls", "on"):
        table.add_column(column)
    with Console(stderr=True).status("") as status:
        for each in audit(design, bundled()):
            status.update(f"{each.action}: {each.guard}")
            falls = ", ".join(each.falls) or "nothing: not needed on the bundled scenarios"
            table.add_row(each.action, each.guard, falls, each.scenario or "")
    _console().print(table)


@click.command()
@click.argument("scenario", required=False, metavar="[NAME|FILE.toml]")
def scenarios(scenario: str | None) -> None:
    """List the bundled scenarios, or show one: what it is about, its requests and reduced geometry."""
    console = _console()
    for each in _find_scenarios([scenario] if scenario else []):
        requests = ", ".join(request.label for request in each.requests)
        console.print(f"[bold]{each.slug}[/]  {each.name}: {requests}")
        console.print(" ".join(each.shows.split()), markup=False)
        if scenario:
            console.print(describe(each, reduce(each)), markup=False)
        console.print()


_ENGINE = click.option(
    "--engine", type=click.Choice(list(ENGINES)), default="numpy", show_default=True, help="Who explores."
)
_MAX_STATES = click.option(
    "--max-states", type=click.IntRange(min=1), help="Stop a run after so many states: undetermined."
)
_MAX_SECONDS = click.option(
    "--max-seconds",
    type=click.FloatRange(min=0, min_open=True),
    help="Stop a run after so long: undetermined.",
)
_REDUCE = click.option(
    "--reduce/--no-reduce", default=True, help="Reduce the disk to the smallest equivalent one (the default)."
)


@click.command()
@click.argument("names", metavar="[DESIGN|FILE.py]...", nargs=-1)
@click.option("--scenario", "wanted", multiple=True, metavar="NAME|FILE.toml", help="Default: all bundled.")
@click.option(
    "--property",
    "properties",
    multiple=True,
    metavar="P",
    type=click.Choice(list(MEANING)),
    help=f"One of {', '.join(MEANING)}. Default: all but concurrency.",
)
@click.option("--json", "json_path", metavar="OUT", help="Write the results there as JSON ('-': to stdout).")
@click.option("--traces", "folder", metavar="DIR", help="Write every trace there as text.")
@_ENGINE
@_MAX_STATES
@_MAX_SECONDS
@_REDUCE
def check(
    names: tuple[str, ...],
    wanted: tuple[str, ...],
    properties: tuple[str, ...],
    json_path: str | None,
    folder: str | None,
    engine: str,
    max_states: int | None,
    max_seconds: float | None,
    reduce: bool,
) -> None:
    """Explore designs on scenarios and print the verdicts.

    Without arguments: every design on every bundled scenario. Exit status 0 if all hold, 1 if something is
    violated, 3 if something is undetermined, 2 for bad input.
    """
    chosen, on = _find_designs(names), _find_scenarios(wanted)
    if json_path not in (None, "-"):
        _must_be_writable(Path(str(json_path)).parent, "--json")
    if folder is not None:
        _make_folder(Path(folder))
    began = time.perf_counter()
    limits = Limits(max_states, max_seconds)
    results = _run(chosen, on, tuple(dict.fromkeys(properties)) or STANDARD, engine, limits, reduce)
    seconds = time.perf_counter() - began
    if folder is not None:
        for result in results:
            for name, outcome in result.properties.items():
                if outcome.trace is not None:
                    path = Path(folder) / f"{result.scenario.slug}--{result.design}--{name}.txt"
                    _write(path, text.render(outcome.trace, MEANING[name]))
    if json_path is not None:
        _write(json_path, json.dumps([report.as_json(result) for result in results], indent=1) + "\n")
    if json_path != "-":
        _show(results, seconds)
    raise SystemExit(worst(result.verdict for result in results).exit_status)


@click.command()
@click.argument("name", metavar="DESIGN|FILE.py")
@click.option("--scenario", "wanted", required=True, metavar="NAME|FILE.toml", help="Where to look.")
@click.option(
    "--property",
    "wanted_property",
    metavar="P",
    type=click.Choice(list(MEANING)),
    help="Default: the violated one with the shortest trace.",
)
@click.option("--format", "form", type=click.Choice(FORMATS), default="text", show_default=True)
@click.option("-o", "output", metavar="OUT", help="Write it there instead of to stdout.")
@_ENGINE
@_MAX_STATES
@_MAX_SECONDS
@_REDUCE
def trace(
    name: str,
    wanted: str,
    wanted_property: str | None,
    form: str,
    output: str | None,
    engine: str,
    max_states: int | None,
    max_seconds: float | None,
    reduce: bool,
) -> None:
    """Print the shortest trace that decides a property: a counterexample, or a witness for `concurrency`.

    Exit status 0 if the property holds, 1 if it is violated, 3 if it is undetermined, 2 for bad input.
    """
    chosen, on = _find_designs([name]), _find_scenarios([wanted])
    if output is not None:
        _must_be_writable(Path(output).parent, "-o")
    properties = (wanted_property,) if wanted_property else STANDARD
    (result,) = _run(chosen, on, properties, engine, Limits(max_states, max_seconds), reduce)
    traces = [outcome.trace for outcome in result.properties.values() if outcome.trace is not None]
    if traces:
        shortest = min(traces, key=lambda each: len(each.steps))
        content = _formatted(shortest, form)
        if output is None:
            click.echo(content, nl=False)
        else:
            _write(output, content)
    else:
        console = Console(stderr=True, width=WIDTH, highlight=False)
        console.print(f"no trace: {', '.join(properties)} on '{result.scenario.name}':")
        for line in report.details(result):
            console.print(line)
    raise SystemExit(result.verdict.exit_status)


def _formatted(shortest: Trace, form: str) -> str:
    if form == "text":
        return text.render(shortest, MEANING[shortest.property])
    written = {
        "design": shortest.design,
        "scenario": shortest.scenario,
        "property": shortest.property,
        "trace": record.steps(shortest),
    }
    if shortest.property == "deadlock":
        written["cycle"] = record.cycle(shortest)
    return json.dumps(written, indent=1) + "\n"


def _run(
    chosen: Sequence[Design],
    on: Sequence[Scenario],
    properties: Sequence[str],
    engine: str,
    limits: Limits,
    reduced: bool,
) -> list[Result]:
    fitting = [(design, scenario) for design in chosen for scenario in on if not design.misses(scenario)]
    if not fitting:
        design, scenario = chosen[0], on[0]
        raise BadInput(f"{design.name} has no {design.misses(scenario)}: '{scenario.name}' does not fit it")
    console = Console(stderr=True)
    plan = campaign.Plan(chosen, on, properties, engine, limits, reduce if reduced else unreduced)
    try:
        if not console.is_terminal:
            return campaign.run(plan)
        with console.status("") as status:
            return campaign.run(plan, lambda task, progress: status.update(_progress(task, progress)))
    except ScenarioError as error:
        raise BadInput(str(error)) from None


def _progress(task: str, progress: Progress | None) -> str:
    if progress is None:
        return task
    rate = progress.states / max(progress.seconds, 1e-9)
    return (
        f"{task}: {progress.states:,} states, {progress.transitions:,} transitions, {rate:,.0f} states/s, "
        f"frontier {progress.frontier:,}, depth {progress.depth}, {progress.memory / 1e6:,.0f} MB"
    )


def _show(results: Sequence[Result], seconds: float) -> None:
    console = _console()
    if len(results) == 1:
        for line in report.details(results[0]):
            console.print(line)
    else:
        for table in report.matrices(results):
            console.print(table)
        console.print(report.totals(results, seconds))
    outcomes = results[0].properties.values() if len(results) == 1 else ()
    traces = [outcome.trace for outcome in outcomes if outcome.trace is not None]
    for each in traces or report.telling(results):
        console.print()
        console.print(text.render(each, MEANING[each.property]), end="", markup=False, soft_wrap=True)
    for line in report.surprises(results):
        console.print(f"Not as expected: {line}", style="bold red", markup=False)
    if answer := report.answer(results):
        console.print()
        console.print(answer, markup=False)


def _must_be_writable(folder: Path, option: str) -> None:
    if not folder.is_dir() or not os.access(folder, os.W_OK):
        raise BadInput(f"{option}: '{folder}' is not a folder that can be written to")


def _make_folder(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise BadInput(f"--traces: '{folder}' cannot be made a folder: {error.strerror}") from None
    _must_be_writable(folder, "--traces")


def _write(path: str | Path, content: str) -> None:
    """Write a whole file or none: to a temporary file beside it, then renamed."""
    if path == "-":
        click.echo(content, nl=False)
        return
    target = Path(path)
    try:
        with tempfile.NamedTemporaryFile(
            "w", dir=target.parent, prefix=f".{target.name}.", delete=False, encoding="utf-8"
        ) as file:
            file.write(content)
        Path(file.name).replace(target)
    except OSError as error:
        raise BadInput(f"'{target}' cannot be written: {error.strerror}") from None


COMMANDS = (designs, scenarios, check, trace)
