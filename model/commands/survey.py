"""The command `survey`: every workload up to a bound."""

from __future__ import annotations

from itertools import pairwise

import click
from rich.console import Console

from cowpath.model.bench import survey as bench
from cowpath.model.bench.failing import changes, judge
from cowpath.model.bench.workloads import Bound, kinds_of
from cowpath.model.commands import files
from cowpath.model.commands.answering import FRESH, RESUME
from cowpath.model.commands.by_release import for_release
from cowpath.model.commands.inputs import WIDTH, find_designs, status_line
from cowpath.model.commands.options import (
    ENGINE,
    MAX_SECONDS,
    MAX_STATES,
    PROPERTIES,
    check_properties,
)
from cowpath.model.designs import Design
from cowpath.model.explore import ranks
from cowpath.model.explore.result import Limits
from cowpath.model.language.verdict import worst
from cowpath.model.render.survey import CLASSES, Told, about, as_json, changed, enough, lines
from cowpath.model.render.text import wrap
from cowpath.model.scenarios.vocabulary import IO_KINDS

_SIZE = click.IntRange(min=1)


@click.command(name="survey", short_help="Explore every workload up to a bound.")
@click.argument("names", metavar="[DESIGN|FILE.py]...", nargs=-1)
@for_release("names")
@click.option("--requests", type=_SIZE, default=2, show_default=True, help="Requests of a workload.")
@click.option("--sectors", type=_SIZE, default=4, show_default=True, help="Sectors of the disk.")
@click.option("--cluster", type=_SIZE, default=4, show_default=True, help="Sectors of a cluster.")
@click.option(
    "--alignment", type=_SIZE, default=2, show_default=True, help="Sectors of a block of the secondary node."
)
@click.option(
    "--kinds",
    metavar="K,...",
    help="Kinds of request. Default: all that a design has but checkpoint and stop.",
)
@PROPERTIES
@click.option("--json", "json_path", metavar="OUT", help="Write the results there as JSON ('-': to stdout).")
@click.option("--html", "page_path", metavar="OUT", help="Write a page there, with grids and traces.")
@ENGINE
@MAX_STATES
@MAX_SECONDS
@FRESH
@RESUME
def survey_command(
    names: tuple[str, ...],
    requests: int,
    sectors: int,
    cluster: int,
    alignment: int,
    kinds: str | None,
    properties: tuple[str, ...],
    json_path: str | None,
    page_path: str | None,
    engine: str,
    max_states: int | None,
    max_seconds: float | None,
) -> None:
    """Explore every workload up to a bound: how many fail, the smallest that do, and exactly when.

    A workload is a multiset of requests, each of some kind and at some extent of the disk. Sizes are in
    sectors. Without a design: all of them, side by side. The limits are for everything together. Exit status
    0 if all properties hold of all workloads, 1 if one is violated, 3 if something is undetermined, 2 for bad
    input.
    """
    chosen = find_designs(names)
    given = None if kinds is None else tuple(dict.fromkeys(kind.strip() for kind in kinds.split(",")))
    bounds = [
        (design, Bound(sectors, cluster, alignment, requests, _kinds(design, given))) for design in chosen
    ]
    files.check_json(json_path)
    if page_path is not None:
        files.check_file(page_path, "--html")
    check_properties(chosen, properties)
    plan = bench.Plan(bounds, properties, engine, Limits(max_states, max_seconds))
    surveys = _carried_out(plan)
    told = [Told(survey, tuple(judge(survey, name) for name in survey.properties)) for survey in surveys]
    between = [change for one, other in pairwise(surveys) for change in changes(one, other)]
    if page_path is not None:
        from cowpath.model.render.survey_page import page  # takes its time to load

        files.write(page_path, page(told, between))
    if files.write_json(json_path, [as_json(each) for each in told]):
        _show(told, list(changed(between)))
    raise SystemExit(worst(each.verdict for each in told).exit_status)


def _kinds(design: Design, given: tuple[str, ...] | None) -> tuple[str, ...]:
    if given is None:
        return kinds_of(design, IO_KINDS)
    return given


def _carried_out(plan: bench.Plan) -> list[bench.Survey]:
    console = Console(stderr=True)
    if ranks.size() > 1:
        found = bench.run(plan)
        ranks.leave()
        return found
    if not console.is_terminal:
        return bench.run(plan)
    with console.status("") as status:
        return bench.run(plan, lambda words: status.update(status_line(words)))


def _show(told: list[Told], changes: list[str]) -> None:
    for bound in dict.fromkeys(each.survey.bound for each in told):
        words = about(bound)
        for line in wrap(f"{words[0].upper()}{words[1:]}.", WIDTH, ""):
            click.echo(line)
        if (said := enough(bound)) is not None:
            for line in wrap(said, WIDTH, ""):
                click.echo(line)
    for line in wrap(CLASSES, WIDTH, ""):
        click.echo(line)
    for each in told:
        click.echo()
        for text in lines(each):
            indent = " " * (len(text) - len(text.lstrip()) + 4)
            for line in wrap(text, WIDTH, indent):
                click.echo(line)
    if changes:
        click.echo()
    for text in changes:
        for line in wrap(text, WIDTH, "    "):
            click.echo(line)
