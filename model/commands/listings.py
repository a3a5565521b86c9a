"""The commands that list what there is: designs, scenarios."""

from __future__ import annotations

import click
from rich.console import Console
from rich.table import Table
from rich.text import Text

from cowpath.model.bench.guards import audit
from cowpath.model.commands.by_release import for_release
from cowpath.model.commands.inputs import find_designs, find_scenarios, open_console, status_line
from cowpath.model.designs import Design
from cowpath.model.language.errors import InputError
from cowpath.model.language.expression import Local
from cowpath.model.scenarios import bundled, mirror_geometry
from cowpath.model.scenarios.geometry import describe, reduce


@click.command(short_help="List the designs, or tell all about one.")
@click.argument("design", required=False, metavar="[NAME|FILE.py]")
@for_release("design")
@click.option(
    "--guards", is_flag=True, help="Delete each of its guards in turn and say what falls (a minute)."
)
def designs(design: str | None, guards: bool) -> None:
    """List the designs, or tell all about one: its history, its rules and their sources."""
    if guards:
        if design is None:
            raise InputError("--guards: name the design whose guards are to be deleted")
        _print_guards(*find_designs([design]))
        return
    console = open_console()
    for each in find_designs([] if design is None else [design]):
        console.print(Text.assemble((each.name, "bold"), f"  {each.era}"))
        console.print(each.explanation, markup=False)
        if design:
            for title, lines in (
                ("Sources", each.sources),
                (
                    "Changes",
                    [f"{change.does}; without it {change.falls}" for change in each.changes],
                ),
            ):
                if lines:
                    console.print(f"\n[bold]{title}[/]")
                for number, line in enumerate(lines, 1):
                    console.print(f"{number}. {line}", markup=False)
            table = Table(box=None, padding=(0, 2, 0, 0), title="\nSteps", title_justify="left")
            for column in ("step", "what", "rule"):
                table.add_column(column)
            for action in each.system.actions:
                others = {p.name: _other(each, p) for p in action.params}
                says = action.says.format(**others).rstrip(".")
                table.add_row(action.label, Text(says[:1].lower() + says[1:]), Text(action.source))
            console.print(table)
        console.print()


def _other(design: Design, param: Local) -> str:
    """Return what a step's text calls the element that it is about."""
    called = str(param.sort).lower()
    return f"another {called}" if param.sort == design.system.owners else f"a {called}"


def _print_guards(design: Design) -> None:
    table = Table(box=None, padding=(0, 2, 0, 0))
    for column in ("step", "without", "falls", "on"):
        table.add_column(column)
    with Console(stderr=True).status("") as status:
        for each in audit(design, bundled()):
            status.update(status_line(f"{each.action}: {each.guard}"))
            falls = ", ".join(each.falls) or "nothing: not needed on the bundled scenarios"
            table.add_row(each.action, each.guard, falls, each.scenario or "")
    open_console().print(table)


@click.command(short_help="List the scenarios, or show one.")
@click.argument("scenario", required=False, metavar="[NAME|FILE.toml]")
def scenarios(scenario: str | None) -> None:
    """List the bundled scenarios, or show one: what it is about, its requests and reduced geometry."""
    console = open_console()
    for each in find_scenarios([] if scenario is None else [scenario]):
        nobody = "the job alone" if each.mirror else "sizes of its own"
        requests = ", ".join(request.label for request in each.requests) or nobody
        console.print(Text.assemble((each.slug, "bold"), f"  {each.name}: {requests}"))
        console.print(" ".join(each.shows.split()), markup=False)
        if scenario and each.has_disk:
            smallest = mirror_geometry.reduce(each) if each.mirror else reduce(each)
            console.print(describe(each, smallest), markup=False)
        console.print()
