"""The command `report`: all verdicts on one page of HTML."""

from __future__ import annotations

import time

import click

from cowpath.model.commands import files
from cowpath.model.commands.answering import FRESH, RESUME
from cowpath.model.commands.by_release import for_release
from cowpath.model.commands.inputs import find_cases
from cowpath.model.commands.options import (
    ENGINE,
    MAX_SECONDS,
    MAX_STATES,
    PROPERTIES,
    carry_out,
    make_plan,
)
from cowpath.model.explore.result import Limits
from cowpath.model.language.verdict import worst
from cowpath.model.render.overview import overview, read_proofs


@click.command(name="report", short_help="Write all verdicts, with their traces, on one page of HTML.")
@click.argument("names", metavar="[DESIGN|FILE.py]...", nargs=-1)
@for_release("names")
@click.option("--scenario", "wanted", multiple=True, metavar="NAME|FILE.toml", help="Default: all bundled.")
@PROPERTIES
@click.option(
    "--proofs", "proofs_path", metavar="FILE", help="Show these, written by `cowpath prove --json`."
)
@click.option("-o", "path", metavar="OUT.html", default="cowpath-report.html", show_default=True)
@ENGINE
@MAX_STATES
@MAX_SECONDS
@FRESH
@RESUME
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
    chosen, on = find_cases(names, wanted)
    plan = make_plan(chosen, on, properties, engine, Limits(max_states, max_seconds), (), True)
    files.check_file(path, "-o")
    proofs = {} if proofs_path is None else read_proofs(proofs_path)
    began = time.perf_counter()
    results = carry_out(plan)
    page = overview(chosen, results, time.perf_counter() - began, proofs)
    files.write(path, page)
    traces = sum(outcome.trace is not None for result in results for outcome in result.properties.values())
    stopped = sum(result.stopped is not None for result in results)
    left = f" ({stopped} not explored completely)" if stopped else ""
    kept = sum(result.kept for result in results)
    left += f" ({kept} kept from earlier runs)" if kept else ""
    size = f"{len(page.encode()) / 1000:,.0f} kB"
    click.echo(f"{path}: runs: {len(results)}{left}, traces: {traces}, {size}")
    raise SystemExit(worst(result.verdict for result in results).exit_status)
