"""The command `survey`: every workload up to a bound."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import click
from click.core import ParameterSource
from rich.console import Console

from cowpath.model.bench import survey as bench
from cowpath.model.bench.failing import changes, judge
from cowpath.model.bench.surveyed import Survey
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
    check_engine,
    check_properties,
)
from cowpath.model.designs import Design
from cowpath.model.explore import ranks
from cowpath.model.explore.result import Limits
from cowpath.model.language.errors import InputError, shown
from cowpath.model.language.verdict import worst
from cowpath.model.render.survey import Told, about, as_json, changed, classes, enough, lines
from cowpath.model.render.text import wrap
from cowpath.model.scenarios.mirror import COPY_MODES, Mirror
from cowpath.model.scenarios.scenario import from_document
from cowpath.model.scenarios.vocabulary import IO_KINDS
from cowpath.model.stack.machine import SECONDARY
from cowpath.model.stack.mirror.machine import MIRROR

_SIZE = click.IntRange(min=1)
_OF_MIRROR = ("--dirty", "--copy-mode", "--target-cluster")
_BESIDE_A_MIRROR = ("guest-write",)


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
    help="Kinds of request. Default: all that a design has but checkpoint and stop; a mirror's: guest-write.",
)
@click.option(
    "--dirty", metavar="all|none|K,...", help="Of a mirror: chunks that it has to copy. Default: all."
)
@click.option("--copy-mode", type=click.Choice(COPY_MODES), help="Of a mirror. Default: write-blocking.")
@click.option(
    "--target-cluster",
    type=_SIZE,
    help="Of a mirror: sectors of its target's clusters, the backing of which is only named.",
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
    dirty: str | None,
    copy_mode: str | None,
    target_cluster: int | None,
    properties: tuple[str, ...],
    json_path: str | None,
    page_path: str | None,
    engine: str,
    max_states: int | None,
    max_seconds: float | None,
) -> None:
    """Explore every workload up to a bound: how many fail, the smallest that do, and exactly when.

    A workload is a multiset of requests, each of some kind and at some extent of the disk. Sizes are in
    sectors. Without a design: all of them, side by side. Beside a mirror --cluster is its granularity. The
    limits are for everything together. Exit status 0 if all properties hold of all workloads, 1 if one is
    violated, 3 if something is undetermined, 2 for bad input.
    """
    chosen = find_designs(names)
    given = None if kinds is None else tuple(dict.fromkeys(kind.strip() for kind in kinds.split(",")))
    job = _job(chosen, sectors, cluster, (dirty, copy_mode, target_cluster))
    bounds = [
        (
            design,
            Bound(sectors, cluster, alignment if job is None else 1, requests, _kinds(design, given), job),
        )
        for design in chosen
    ]
    files.check_json(json_path)
    if page_path is not None:
        files.check_file(page_path, "--html")
    check_engine(engine)
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
    if given is not None:
        return given
    return kinds_of(design, IO_KINDS if design.machine is SECONDARY else _BESIDE_A_MIRROR)


def _job(
    designs: Sequence[Design], sectors: int, cluster: int, told: tuple[str | None, str | None, int | None]
) -> Mirror | None:
    """Return the job that workloads are beside, None unless the designs are mirrors. Raises `InputError`."""
    mirrors = [design for design in designs if design.machine is MIRROR]
    if not mirrors:
        for name, value in zip(_OF_MIRROR, told, strict=True):
            if value is not None:
                raise InputError(f"{name} is of a mirror, which {designs[0].name} is not")
        return None
    if len(mirrors) < len(designs):
        other = next(design for design in designs if design not in mirrors)
        raise InputError(f"{other.name} is not a mirror, {mirrors[0].name} is; accepted: designs of one kind")
    if click.get_current_context().get_parameter_source("alignment") is ParameterSource.COMMANDLINE:
        raise InputError(f"--alignment is of a secondary's node, which {designs[0].name} has not")
    dirty, copy_mode, target_cluster = told
    job: dict[str, object] = {"copy_mode": copy_mode or COPY_MODES[0]}
    if dirty not in (None, "all"):
        job["dirty"] = [[k * cluster, cluster] for k in _chunks(dirty or "", sectors, cluster)]
    if target_cluster is not None:
        job |= {"target_cluster": target_cluster, "backing": "name-only"}
    disk = {"name": "the survey", "unit": "sectors", "sectors": sectors, "cluster": cluster, "mirror": job}
    return from_document(disk, "survey").mirror


def _chunks(dirty: str, sectors: int, cluster: int) -> list[int]:
    """Return the numbers of the chunks. Raises `InputError`."""
    last = (sectors - 1) // cluster
    try:
        chunks = [] if dirty == "none" else [int(number) for number in dirty.split(",")]
    except ValueError:
        chunks = [-1]
    if any(not 0 <= number <= last for number in chunks) or len({*chunks}) < len(chunks):
        raise InputError(
            f"--dirty {shown(dirty)}; accepted: all, none, or different numbers of chunks, 0 to {last}"
        )
    return sorted(chunks)


def _carried_out(plan: bench.Plan) -> list[Survey]:
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
    for line in wrap(classes(told[0].survey.bound), WIDTH, ""):
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
