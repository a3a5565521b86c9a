"""The command `trace`: the shortest trace that decides a property."""

from __future__ import annotations

import json
from dataclasses import replace

import click
from click.core import ParameterSource
from rich.console import Console

from cowpath.model.bench import batch
from cowpath.model.bench.check import Result
from cowpath.model.bench.minimal import Minimiser
from cowpath.model.commands import files
from cowpath.model.commands.answering import FRESH, RESUME
from cowpath.model.commands.by_release import for_release
from cowpath.model.commands.inputs import (
    check_target,
    deliver,
    find_designs,
    find_scenarios,
    read_trace,
    status_line,
)
from cowpath.model.commands.options import (
    ENGINE,
    MAX_SECONDS,
    MAX_STATES,
    REDUCE,
    REDUCTION,
    carry_out,
    make_plan,
)
from cowpath.model.designs import Case
from cowpath.model.explore.result import Limits
from cowpath.model.language.errors import InputError
from cowpath.model.render import verdicts
from cowpath.model.render.formats import FORMATS, Subject
from cowpath.model.trace.trace import Trace


@click.command(short_help="Print the shortest trace that decides a property.")
@click.argument("name", required=False, metavar="DESIGN|FILE.py")
@for_release("name")
@click.option("--scenario", "wanted", required=True, metavar="NAME|FILE.toml", help="Where to look.")
@click.option(
    "--property",
    "wanted_property",
    metavar="P",
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
@FRESH
@RESUME
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
        raise InputError(f"--ascii: goes with --format text, not with {form}")
    if minimal and wanted_property == "concurrency":
        raise InputError("--minimal: looks for what still fails; `concurrency` has a witness, no failure")
    if against is not None and form != "html":
        raise InputError(f"--against: goes with --format html, not with {form}")
    (design,) = find_designs([name])
    (scenario,) = find_scenarios([wanted], [design])
    case = Case(design, scenario, reduce)
    other = None if against is None else replace(case, design=find_designs([against])[0])
    properties = (wanted_property,) if wanted_property else ()
    plan = make_plan(
        [design], [scenario], properties, engine, Limits(max_states, max_seconds), reductions, reduce
    )
    check_target(path, form)
    if recorded is not None:
        searching = ("wanted_property", "minimal", "engine", "max_states", "max_seconds", "reductions")
        _refuse_beside("--from", *searching)
        found = read_trace(recorded, case)
        status = int(found.fails)
    else:
        (result,) = carry_out(plan)
        if result.kept:
            click.echo(f"{case.title}: {verdicts.KEPT}", err=True)
        traces = [outcome.trace for outcome in result.properties.values() if outcome.trace is not None]
        status = result.verdict.exit_status
        if not traces:
            _say_none(result, form, path)
            raise SystemExit(status)
        found = min(traces, key=lambda each: len(each.steps))
        if minimal:
            case, found = _minimised(found.property, plan, result)
            other = other and replace(other, scenario=case.scenario)
    deliver(FORMATS[form](Subject(found, case, name, plain, other)), path)
    raise SystemExit(status)


def _minimised(name: str, plan: batch.Plan, result: Result) -> tuple[Case, Trace]:
    minimiser = Minimiser(name, plan.engine, plan.limits, plan.reductions)
    console = Console(stderr=True)
    if not console.is_terminal:
        return minimiser.minimise(result)
    with console.status("") as status:
        minimiser.watch = lambda task: status.update(status_line(task))
        return minimiser.minimise(result)


def _refuse_beside(option: str, *others: str) -> None:
    """Refuse what has no meaning beside the option, rather than pass it over."""
    context = click.get_current_context()
    for param in context.command.params:
        if param.name in others and context.get_parameter_source(param.name) is not ParameterSource.DEFAULT:
            raise InputError(f"{param.opts[0]} says how to search; with {option} nothing is searched")


def _say_none(result: Result, form: str, path: str | None) -> None:
    """Say that there is no trace: in the file if it is for words, else on stderr."""
    if form == "json":
        nothing = {**verdicts.as_json(result), "trace": None}
        content = json.dumps(nothing, indent=1) + "\n"
    else:
        asked = ", ".join(result.properties)
        lines = [f"no trace: {asked} on '{result.scenario.name}':", *map(str, verdicts.details(result))]
        content = "\n".join(lines) + "\n"
    if path is not None and result.stopped is None and form in ("text", "json"):
        files.write(path, content)
    else:  # what a limit or an interrupt left open is no outcome to keep in a file
        click.echo(content, nl=False, err=form != "json" or path is not None)
