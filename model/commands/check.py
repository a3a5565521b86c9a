"""The command `check`: explore designs on scenarios and print the verdicts."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from cowpath.model.bench.check import Result
from cowpath.model.commands import files
from cowpath.model.commands.answering import FRESH, RESUME
from cowpath.model.commands.by_release import Chosen, by_release, choose
from cowpath.model.commands.inputs import WIDTH, find_cases, open_console
from cowpath.model.commands.options import (
    ENGINE,
    MAX_SECONDS,
    MAX_STATES,
    PROPERTIES,
    REDUCE,
    REDUCTION,
    carry_out,
    make_plan,
)
from cowpath.model.explore.result import Limits
from cowpath.model.language.errors import InputError
from cowpath.model.language.verdict import worst
from cowpath.model.render import rfc_question, text, verdicts
from cowpath.model.render.borders import borders
from cowpath.model.scenarios import Scenario

if TYPE_CHECKING:
    from cowpath.model.bench.failing import Failing
    from cowpath.model.bench.surveyed import Survey


@click.command(short_help="Explore designs on scenarios and print the verdicts.")
@click.argument("names", metavar="[DESIGN|FILE.py]...", nargs=-1)
@by_release
@click.option("--scenario", "wanted", multiple=True, metavar="NAME|FILE.toml", help="Default: all bundled.")
@PROPERTIES
@click.option("--json", "json_path", metavar="OUT", help="Write the results there as JSON ('-': to stdout).")
@click.option("--traces", "folder", metavar="DIR", help="Write every trace there as text.")
@ENGINE
@MAX_STATES
@MAX_SECONDS
@REDUCTION
@REDUCE
@FRESH
@RESUME
def check(
    names: tuple[str, ...],
    release: str | None,
    role: str | None,
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

    Without arguments: every design on every bundled scenario. With scenarios alone: the bundled designs that
    they fit, those of drained sections, of replication's ends and of mirrors too. With a role: the designs of
    its releases, and at which release what changes. Exit status 0 if all hold, 1 if something is violated,
    3 if something is undetermined, 2 for bad input.
    """
    which = choose(names, release, role)
    chosen, found = find_cases(which.names, wanted)
    on = _in_role(found, which, named=bool(wanted))
    limits = Limits(max_states, max_seconds)
    plan = make_plan(chosen, on, properties, engine, limits, reductions, reduce)
    files.check_json(json_path)
    traces = None if folder is None else files.make_folder(folder, "--traces")
    began = time.perf_counter()
    results = carry_out(plan)
    seconds = time.perf_counter() - began
    if traces is not None:
        _write_traces(results, traces)
    if files.write_json(json_path, [_as_json(result, which) for result in results]):
        _show(results, seconds, which)
    raise SystemExit(worst(result.verdict for result in results).exit_status)


def _in_role(on: list[Scenario], which: Chosen, *, named: bool) -> list[Scenario]:
    """Return the scenarios of which the role has all requests. Raises `InputError` where one is named."""
    missing = {} if which.role is None else dict.fromkeys(which.role.without)
    for scenario in on if named else ():
        for request in scenario.requests:
            if request.kind in missing and which.role is not None:
                raise InputError(f"{which.role.name} has no {request.kind}: '{scenario.name}' is not of it")
    return [scenario for scenario in on if not any(r.kind in missing for r in scenario.requests)]


def _write_traces(results: Sequence[Result], folder: Path) -> None:
    for result in results:
        for name, outcome in result.properties.items():
            if outcome.trace is not None:
                path = folder / f"{result.scenario.slug}--{result.design}--{name}.txt"
                files.write(path, text.render(outcome.trace, result.case.design.meanings[name]))


def _as_json(result: Result, which: Chosen) -> dict[str, Any]:
    if which.role is None:
        return verdicts.as_json(result)
    asked = {"release": which.releases[result.design], "role": which.role.name}
    return verdicts.as_json(result, asked)


def _show(results: Sequence[Result], seconds: float, which: Chosen) -> None:
    console = open_console()
    if len(results) == 1:
        for line in verdicts.details(results[0]):
            console.print(line, markup=False)
    else:
        for table in verdicts.matrices(results, which.releases):
            console.print(table, markup=False)
        console.print(verdicts.totals(results, seconds), markup=False)
        if which.role is not None and len(which.releases) > 1:
            console.print()
            for line in borders(which.role, results):
                console.print(line, markup=False)
    meanings = {name: words for r in results for name, words in r.case.design.meanings.items()}
    outcomes = results[0].properties.values() if len(results) == 1 else ()
    traces = [outcome.trace for outcome in outcomes if outcome.trace is not None]
    for each in traces or rfc_question.telling(results):
        console.print()
        rendered = text.render(each, meanings[each.property], width=WIDTH)
        console.print(rendered, end="", markup=False, soft_wrap=True)
    for line in verdicts.surprises(results):
        console.print(f"Not as expected: {line}", style="bold red", markup=False)
    if len(results) > 1 and (answer := rfc_question.answer(results, _of_all(results))):
        console.print()
        console.print(answer, markup=False)


def _of_all(results: Sequence[Result]) -> tuple[Survey, Failing] | None:
    from cowpath.model.bench.rfc import asked_of_all  # takes its time to load

    return asked_of_all(results)
