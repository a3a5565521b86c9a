"""The commands of the model: designs, scenarios, check, trace, export."""

from __future__ import annotations

import json
import math
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import click
from rich.console import Console
from rich.table import Table
from rich.text import Text

from model import campaign, output, pages, report
from model.check import Result, finite
from model.designs import DESIGNS, Design
from model.explore.engines import ENGINES
from model.explore.result import DEADLOCK, Limits, Progress, questions
from model.export.naming import identifier
from model.export.promela import promela
from model.export.tla import tla
from model.guards import audit
from model.minimal import Minimiser
from model.reduce.choice import NAMES
from model.scenarios import Scenario, ScenarioError, bundled, find
from model.scenarios.geometry import describe, reduce, unreduced
from model.stack.properties import MEANING, STANDARD, asked
from model.terminal import WIDTH, BadInput, find_designs, open_console
from model.trace import record, text
from model.trace.trace import Trace
from model.verdict import worst

FORMATS = ("text", "json", "html")


def _find_scenarios(names: Sequence[str]) -> list[Scenario]:
    try:
        found = [find(name) for name in names] or list(bundled())
    except ScenarioError as error:
        raise BadInput(str(error)) from None
    different = list(dict.fromkeys(found))
    for words in ([s.name for s in different], [s.slug for s in different]):
        twice = [word for word in words if words.count(word) > 1]
        if twice:
            raise BadInput(f"two of the scenarios are named '{twice[0]}'; give each a name of its own")
    return different


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
        _print_guards(*find_designs([design]))
        return
    console = open_console()
    for each in find_designs([] if design is None else [design]):
        console.print(Text.assemble((each.name, "bold"), f"  {each.era}"))
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
                says = action.says.format(**others).rstrip(".")
                table.add_row(action.label, Text(says[:1].lower() + says[1:]), Text(action.source))
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
    open_console().print(table)


@click.command()
@click.argument("scenario", required=False, metavar="[NAME|FILE.toml]")
def scenarios(scenario: str | None) -> None:
    """List the bundled scenarios, or show one: what it is about, its requests and reduced geometry."""
    console = open_console()
    for each in _find_scenarios([] if scenario is None else [scenario]):
        requests = ", ".join(request.label for request in each.requests)
        console.print(Text.assemble((each.slug, "bold"), f"  {each.name}: {requests}"))
        console.print(" ".join(each.shows.split()), markup=False)
        if scenario:
            console.print(describe(each, reduce(each)), markup=False)
        console.print()


_ENGINE = click.option(
    "--engine",
    type=click.Choice(list(ENGINES)),
    default="auto",
    show_default=True,
    help="Who explores; auto: NumPy, and machine code where there are more than some 100,000 states.",
)
_MAX_STATES = click.option(
    "--max-states", type=click.IntRange(min=1), help="Stop a run after so many states: undetermined."
)


def _finite(_: click.Context, __: click.Parameter, value: float | None) -> float | None:
    if value is not None and not math.isfinite(value):
        raise click.BadParameter(f"{value} is not a number of seconds.")
    return value


_MAX_SECONDS = click.option(
    "--max-seconds",
    callback=_finite,
    type=click.FloatRange(min=0, min_open=True),
    help="Stop a run after so long: undetermined.",
)
_REDUCTION = click.option(
    "--reduction",
    "reductions",
    multiple=True,
    type=click.Choice(NAMES),
    help="Leave out of the search what it makes superfluous; several may be given. Default: none.",
)
_PROPERTIES = click.option(
    "--property",
    "properties",
    multiple=True,
    metavar="P",
    type=click.Choice(list(MEANING)),
    help=f"One of {', '.join(MEANING)}. Default: all but concurrency.",
)
_REDUCE = click.option(
    "--reduce/--no-reduce", default=True, help="Reduce the disk to the smallest equivalent one (the default)."
)


@click.command()
@click.argument("names", metavar="[DESIGN|FILE.py]...", nargs=-1)
@click.option("--scenario", "wanted", multiple=True, metavar="NAME|FILE.toml", help="Default: all bundled.")
@_PROPERTIES
@click.option("--json", "json_path", metavar="OUT", help="Write the results there as JSON ('-': to stdout).")
@click.option("--traces", "folder", metavar="DIR", help="Write every trace there as text.")
@_ENGINE
@_MAX_STATES
@_MAX_SECONDS
@_REDUCTION
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
    reductions: tuple[str, ...],
    reduce: bool,
) -> None:
    """Explore designs on scenarios and print the verdicts.

    Without arguments: every design on every bundled scenario. Exit status 0 if all hold, 1 if something is
    violated, 3 if something is undetermined, 2 for bad input.
    """
    chosen, on = find_designs(names), _find_scenarios(wanted)
    limits = Limits(max_states, max_seconds)
    plan = _plan(chosen, on, asked(properties), engine, limits, reductions, reduce)
    try:
        if json_path not in (None, "-"):
            output.check_file(str(json_path), "--json")
        traces = None if folder is None else output.make_folder(folder, "--traces")
        began = time.perf_counter()
        results = _run(plan)
        seconds = time.perf_counter() - began
        if traces is not None:
            _write_traces(results, traces)
        written = json.dumps([report.as_json(result) for result in results], indent=1) + "\n"
        if json_path == "-":
            click.echo(written, nl=False)
        else:
            if json_path is not None:
                output.write(json_path, written)
            _show(results, seconds)
    except output.OutputError as error:
        raise BadInput(str(error)) from None
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
@click.option("--minimal", is_flag=True, help="With the fewest requests, sectors and context switches.")
@click.option("--ascii", "plain", is_flag=True, help="Text in plain ASCII, for a mail.")
@click.option("--against", metavar="DESIGN", help="With --format html: how far another design goes along.")
@click.option("--format", "form", type=click.Choice(FORMATS), default="text", show_default=True)
@click.option("-o", "path", metavar="OUT", help="Write it there instead of to stdout.")
@_ENGINE
@_MAX_STATES
@_MAX_SECONDS
@_REDUCTION
@_REDUCE
def trace(
    name: str,
    wanted: str,
    wanted_property: str | None,
    minimal: bool,
    plain: bool,
    against: str | None,
    form: str,
    path: str | None,
    engine: str,
    max_states: int | None,
    max_seconds: float | None,
    reductions: tuple[str, ...],
    reduce: bool,
) -> None:
    """Print the shortest trace that decides a property: a counterexample, or a witness for `concurrency`.

    Exit status 0 if the property holds, 1 if it is violated, 3 if it is undetermined, 2 for bad input.
    """
    if plain and form != "text":
        raise BadInput(f"--ascii: goes with --format text, not with {form}")
    if against is not None and form != "html":
        raise BadInput(f"--against: goes with --format html, not with {form}")
    chosen, on = find_designs([name]), _find_scenarios([wanted])
    other = None if against is None else find_designs([against])[0]
    if other is not None and (missing := other.misses(on[0])):
        raise BadInput(f"--against: {other.name} has no {missing}: '{on[0].name}' does not fit it")
    properties = (wanted_property,) if wanted_property else STANDARD
    plan = _plan(chosen, on, properties, engine, Limits(max_states, max_seconds), reductions, reduce)
    try:
        if path is not None:
            output.check_file(path, "-o")
        (result,) = _run(plan)

        def formatted(shortest: Trace) -> str:
            at = result
            if minimal:
                at, shortest = _minimised(chosen[0], shortest.property, plan, result)
            if form == "html":
                return pages.trace_page(chosen[0], at, shortest, other)
            content = _formatted(shortest, form)
            return text.to_ascii(content) if plain else content

        _print_trace(result, formatted, form, path)
    except output.OutputError as error:
        raise BadInput(str(error)) from None
    raise SystemExit(result.verdict.exit_status)


def _minimised(design: Design, name: str, plan: campaign.Plan, result: Result) -> tuple[Result, Trace]:
    minimiser = Minimiser(design, name, plan.engine, plan.limits, plan.reductions, plan.geometry)
    console = Console(stderr=True)
    if not console.is_terminal:
        return minimiser.minimise(result)
    with console.status("") as status:
        minimiser.watch = lambda task: status.update(Text(task))
        return minimiser.minimise(result)


def _print_trace(result: Result, formatted: Callable[[Trace], str], form: str, path: str | None) -> None:
    traces = [outcome.trace for outcome in result.properties.values() if outcome.trace is not None]
    if traces:
        shortest = min(traces, key=lambda each: len(each.steps))
        content = formatted(shortest)
        if path is None:
            click.echo(content, nl=False)
        else:
            output.write(path, content)
        return
    if form == "json":
        nothing = {**report.as_json(result), "trace": None}
        content = json.dumps(nothing, indent=1) + "\n"
    else:
        asked = ", ".join(result.properties)
        lines = [f"no trace: {asked} on '{result.scenario.name}':", *map(str, report.details(result))]
        content = "\n".join(lines) + "\n"
    if path is not None and result.stopped is None:
        output.write(path, content)
    else:  # what a limit or an interrupt left open is no outcome to keep in a file
        click.echo(content, nl=False, err=form != "json" or path is not None)


def _formatted(shortest: Trace, form: str) -> str:
    if form == "text":
        return text.render(shortest, MEANING[shortest.property])
    written = {
        "design": shortest.design,
        "scenario": shortest.scenario,
        "property": shortest.property,
        "trace": record.steps(shortest),
        **record.decided(shortest),
    }
    return json.dumps(written, indent=1) + "\n"


def _plan(
    chosen: Sequence[Design],
    on: Sequence[Scenario],
    properties: Sequence[str],
    engine: str,
    limits: Limits,
    reductions: Sequence[str],
    reduced: bool,
) -> campaign.Plan:
    if all(design.misses(scenario) for design in chosen for scenario in on):
        design, scenario = chosen[0], on[0]
        raise BadInput(f"{design.name} has no {design.misses(scenario)}: '{scenario.name}' does not fit it")
    known = {*DESIGNS, *(design.name for design in chosen)}
    plan = campaign.Plan(
        chosen, on, properties, engine, limits, tuple(reductions), reduce if reduced else unreduced
    )
    for scenario in on:
        unknown = sorted(set(scenario.expect) - known)
        if unknown:
            accepted = ", ".join(sorted(known))
            raise BadInput(f"{scenario.slug}: expect: unknown design '{unknown[0]}'; accepted: {accepted}")
        try:
            plan.geometry(scenario)
        except ScenarioError as error:
            raise BadInput(str(error)) from None
    return plan


def _run(plan: campaign.Plan) -> list[Result]:
    console = Console(stderr=True)
    if not console.is_terminal:
        return campaign.run(plan)
    with console.status("") as status:
        return campaign.run(plan, lambda task, progress: status.update(Text(_progress(task, progress))))


def _write_traces(results: Sequence[Result], folder: Path) -> None:
    for result in results:
        for name, outcome in result.properties.items():
            if outcome.trace is not None:
                path = folder / f"{result.scenario.slug}--{result.design}--{name}.txt"
                output.write(path, text.render(outcome.trace, MEANING[name]))


def _progress(task: str, progress: Progress | None) -> str:
    if progress is None:
        return task
    rate = progress.states / max(progress.seconds, 1e-9)
    return (
        f"{task}: {progress.states:,} states, {progress.transitions:,} transitions, {rate:,.0f} states/s, "
        f"frontier {progress.frontier:,}, depth {progress.depth}, {progress.memory / 1e6:,.0f} MB"
    )


def _show(results: Sequence[Result], seconds: float) -> None:
    console = open_console()
    if len(results) == 1:
        for line in report.details(results[0]):
            console.print(line, markup=False)
    else:
        for table in report.matrices(results):
            console.print(table, markup=False)
        console.print(report.totals(results, seconds), markup=False)
    outcomes = results[0].properties.values() if len(results) == 1 else ()
    traces = [outcome.trace for outcome in outcomes if outcome.trace is not None]
    for each in traces or report.telling(results):
        console.print()
        rendered = text.render(each, MEANING[each.property], width=WIDTH)
        console.print(rendered, end="", markup=False, soft_wrap=True)
    for line in report.surprises(results):
        console.print(f"Not as expected: {line}", style="bold red", markup=False)
    if len(results) > 1 and (answer := report.answer(results)):
        console.print()
        console.print(answer, markup=False)


@click.command()
@click.argument("name", metavar="DESIGN|FILE.py")
@click.option("--scenario", "wanted", required=True, metavar="NAME|FILE.toml", help="On what.")
@click.option("--to", "form", required=True, type=click.Choice(["promela", "tla"]), help="For SPIN, or TLC.")
@_PROPERTIES
@click.option("-o", "path", metavar="OUT", help="Write it there (of OUT.tla: OUT.cfg, too), not to stdout.")
@_REDUCE
def export(
    name: str, wanted: str, form: str, properties: tuple[str, ...], path: str | None, reduce: bool
) -> None:
    """Write a design on a scenario, with its properties, as a model for another checker.

    What is written is the finite model that `check` explores, with the same steps and states.
    """
    (design,), (scenario,) = find_designs([name]), _find_scenarios([wanted])
    asked = tuple(dict.fromkeys(properties)) or STANDARD
    geometry = _plan([design], [scenario], asked, "", Limits(), (), reduce).geometry(scenario)
    narrowed = finite(design, scenario, geometry)
    sought, deadlock = questions(narrowed.model, asked), DEADLOCK in asked
    heading = [f"{design.name} on '{scenario.name}'", *(f"{each}: {MEANING[each]}" for each in asked)]
    if reduce:
        heading.insert(1, describe(scenario, geometry))
    if form == "promela":
        _put({path: promela(narrowed, heading, sought, deadlock)})
        return
    module = identifier(design.name, scenario.slug) if path is None else Path(path).stem
    if path is not None and Path(path).name != f"{identifier(module)}.tla":
        raise BadInput(f"-o: '{path}' is no module's file; accepted: letters, digits and '_', then .tla")
    text, configuration = tla(narrowed, module, heading, sought, deadlock)
    if path is None:  # what follows a module is no part of it
        _put({None: f"{text}\n{module}.cfg:\n{configuration}"})
    else:
        _put({path: text, str(Path(path).with_suffix(".cfg")): configuration})


def _put(files: Mapping[str | None, str]) -> None:
    """Write the files if all of them can be written; None is stdout."""
    try:
        for target in filter(None, files):
            output.check_file(target, "-o")
        for path, content in files.items():
            if path is None:
                click.echo(content, nl=False)
            else:
                output.write(path, content)
    except output.OutputError as error:
        raise BadInput(str(error)) from None


@click.command(name="report")
@click.argument("names", metavar="[DESIGN|FILE.py]...", nargs=-1)
@click.option("--scenario", "wanted", multiple=True, metavar="NAME|FILE.toml", help="Default: all bundled.")
@_PROPERTIES
@click.option(
    "--proofs", "proofs_path", metavar="FILE", help="Show these, written by `cowpath prove --json`."
)
@click.option("-o", "path", metavar="OUT.html", default="cowpath-report.html", show_default=True)
@_ENGINE
@_MAX_STATES
@_MAX_SECONDS
def report_command(
    names: tuple[str, ...],
    wanted: tuple[str, ...],
    properties: tuple[str, ...],
    proofs_path: str | None,
    path: str,
    engine: str,
    max_states: int | None,
    max_seconds: float | None,
) -> None:
    """Write one page of HTML with all verdicts, every trace behind its cell, and the proofs if given.

    Without arguments: every design on every bundled scenario. Exit status as of `check`.
    """
    chosen, on = find_designs(names), _find_scenarios(wanted)
    plan = _plan(chosen, on, asked(properties), engine, Limits(max_states, max_seconds), (), True)
    try:
        output.check_file(path, "-o")
        proofs = {} if proofs_path is None else pages.read_proofs(proofs_path)
        began = time.perf_counter()
        results = _run(plan)
        page = pages.report_page(chosen, results, time.perf_counter() - began, proofs)
        output.write(path, page)
    except pages.NoProofs as error:
        raise BadInput(f"--proofs: {error}") from None
    except output.OutputError as error:
        raise BadInput(str(error)) from None
    traces = sum(outcome.trace is not None for result in results for outcome in result.properties.values())
    click.echo(f"{path}: {len(results)} runs, {traces} traces, {len(page.encode()) / 1e6:.1f} MB")
    raise SystemExit(worst(result.verdict for result in results).exit_status)


COMMANDS = (designs, scenarios, check, trace, export, report_command)
