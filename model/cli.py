"""The commands of the model: designs, scenarios, check, trace, export."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

import click
from click.core import ParameterSource
from rich.console import Console
from rich.table import Table
from rich.text import Text

from model import campaign, output, report
from model.check import Result, finite
from model.designs import Design
from model.explore.result import DEADLOCK, Limits, questions
from model.export.naming import identifier
from model.export.promela import promela
from model.export.tla import tla
from model.formats import FORMATS, Subject
from model.guards import audit
from model.minimal import Minimiser
from model.planning import (
    ENGINE,
    MAX_SECONDS,
    MAX_STATES,
    PROPERTIES,
    REDUCE,
    REDUCTION,
    carry_out,
    make_plan,
)
from model.scenarios import Scenario, bundled
from model.scenarios.geometry import describe, reduce
from model.stack.properties import MEANING, STANDARD, asked
from model.terminal import (
    WIDTH,
    BadInput,
    check_target,
    deliver,
    find_designs,
    find_scenarios,
    open_console,
    read_trace,
)
from model.trace import text
from model.trace.png import NoRenderer
from model.trace.trace import Trace
from model.verdict import worst


@click.command(short_help="List the designs, or tell all about one.")
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


@click.command(short_help="List the scenarios, or show one.")
@click.argument("scenario", required=False, metavar="[NAME|FILE.toml]")
def scenarios(scenario: str | None) -> None:
    """List the bundled scenarios, or show one: what it is about, its requests and reduced geometry."""
    console = open_console()
    for each in find_scenarios([] if scenario is None else [scenario]):
        requests = ", ".join(request.label for request in each.requests)
        console.print(Text.assemble((each.slug, "bold"), f"  {each.name}: {requests}"))
        console.print(" ".join(each.shows.split()), markup=False)
        if scenario:
            console.print(describe(each, reduce(each)), markup=False)
        console.print()


@click.command(short_help="Explore designs on scenarios and print the verdicts.")
@click.argument("names", metavar="[DESIGN|FILE.py]...", nargs=-1)
@click.option("--scenario", "wanted", multiple=True, metavar="NAME|FILE.toml", help="Default: all bundled.")
@PROPERTIES
@click.option("--json", "json_path", metavar="OUT", help="Write the results there as JSON ('-': to stdout).")
@click.option("--traces", "folder", metavar="DIR", help="Write every trace there as text.")
@ENGINE
@MAX_STATES
@MAX_SECONDS
@REDUCTION
@REDUCE
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
    chosen, on = find_designs(names), find_scenarios(wanted)
    limits = Limits(max_states, max_seconds)
    plan = make_plan(chosen, on, asked(properties), engine, limits, reductions, reduce)
    try:
        if json_path not in (None, "-"):
            output.check_file(str(json_path), "--json")
        traces = None if folder is None else output.make_folder(folder, "--traces")
        began = time.perf_counter()
        results = carry_out(plan)
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


@click.command(short_help="Print the shortest trace that decides a property.")
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
@click.option("--format", "form", type=click.Choice(list(FORMATS)), default="text", show_default=True)
@click.option("--from", "recorded", metavar="FILE.json", help="A recorded trace, instead of searching one.")
@click.option("-o", "path", metavar="OUT", help="Write it there instead of to stdout.")
@ENGINE
@MAX_STATES
@MAX_SECONDS
@REDUCTION
@REDUCE
def trace(
    name: str,
    wanted: str,
    wanted_property: str | None,
    minimal: bool,
    plain: bool,
    against: str | None,
    form: str,
    recorded: str | None,
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
    if minimal and wanted_property == "concurrency":
        raise BadInput("--minimal: looks for what still fails; `concurrency` has a witness, no failure")
    if against is not None and form != "html":
        raise BadInput(f"--against: goes with --format html, not with {form}")
    (design,), (scenario,) = find_designs([name]), find_scenarios([wanted])
    other = None if against is None else find_designs([against])[0]
    if other is not None and (missing := other.misses(scenario)):
        raise BadInput(f"--against: {other.name} has no {missing}: '{scenario.name}' does not fit it")
    properties = (wanted_property,) if wanted_property else STANDARD
    plan = make_plan(
        [design], [scenario], properties, engine, Limits(max_states, max_seconds), reductions, reduce
    )
    try:
        check_target(path, form)
        if recorded is not None:
            searching = ("wanted_property", "minimal", "engine", "max_states", "max_seconds", "reductions")
            _refuse_beside("--from", *searching)
            found = read_trace(recorded, design, scenario, plan.geometry(scenario))
            status = int(found.fails)
        else:
            (result,) = carry_out(plan)
            traces = [outcome.trace for outcome in result.properties.values() if outcome.trace is not None]
            status = result.verdict.exit_status
            if not traces:
                _say_none(result, form, path)
                raise SystemExit(status)
            found = min(traces, key=lambda each: len(each.steps))
            if minimal:
                scenario, found = _minimised(design, found.property, plan, result)
        subject = Subject(found, design, name, scenario, plan.geometry(scenario), plain, other)
        deliver(FORMATS[form](subject), path)
    except (output.OutputError, NoRenderer) as error:
        raise BadInput(str(error)) from None
    raise SystemExit(status)


def _minimised(design: Design, name: str, plan: campaign.Plan, result: Result) -> tuple[Scenario, Trace]:
    minimiser = Minimiser(design, name, plan.engine, plan.limits, plan.reductions, plan.geometry)
    console = Console(stderr=True)
    if not console.is_terminal:
        return minimiser.minimise(result)
    with console.status("") as status:
        minimiser.watch = lambda task: status.update(Text(task))
        return minimiser.minimise(result)


def _refuse_beside(option: str, *others: str) -> None:
    """Refuse what has no meaning beside the option, rather than pass it over."""
    context = click.get_current_context()
    for param in context.command.params:
        if param.name in others and context.get_parameter_source(param.name) is not ParameterSource.DEFAULT:
            raise BadInput(f"{param.opts[0]} says how to search; with {option} nothing is searched")


def _say_none(result: Result, form: str, path: str | None) -> None:
    """Say that there is no trace: in the file if it is for words, else on stderr."""
    if form == "json":
        nothing = {**report.as_json(result), "trace": None}
        content = json.dumps(nothing, indent=1) + "\n"
    else:
        asked = ", ".join(result.properties)
        lines = [f"no trace: {asked} on '{result.scenario.name}':", *map(str, report.details(result))]
        content = "\n".join(lines) + "\n"
    if path is not None and result.stopped is None and form in ("text", "json"):
        output.write(path, content)
    else:  # what a limit or an interrupt left open is no outcome to keep in a file
        click.echo(content, nl=False, err=form != "json" or path is not None)


def _write_traces(results: Sequence[Result], folder: Path) -> None:
    for result in results:
        for name, outcome in result.properties.items():
            if outcome.trace is not None:
                path = folder / f"{result.scenario.slug}--{result.design}--{name}.txt"
                output.write(path, text.render(outcome.trace, MEANING[name]))


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


@click.command(short_help="Write a model for SPIN or TLC.")
@click.argument("name", metavar="DESIGN|FILE.py")
@click.option("--scenario", "wanted", required=True, metavar="NAME|FILE.toml", help="On what.")
@click.option("--to", "form", required=True, type=click.Choice(["promela", "tla"]), help="For SPIN, or TLC.")
@PROPERTIES
@click.option("-o", "path", metavar="OUT", help="Write it there (of OUT.tla: OUT.cfg, too), not to stdout.")
@REDUCE
def export(
    name: str, wanted: str, form: str, properties: tuple[str, ...], path: str | None, reduce: bool
) -> None:
    """Write a design on a scenario, with its properties, as a model for another checker.

    What is written is the finite model that `check` explores, with the same steps and states.
    """
    (design,), (scenario,) = find_designs([name]), find_scenarios([wanted])
    asked = tuple(dict.fromkeys(properties)) or STANDARD
    geometry = make_plan([design], [scenario], asked, "", Limits(), (), reduce).geometry(scenario)
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


COMMANDS = (designs, scenarios, check, trace, export)
