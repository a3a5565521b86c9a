"""The command `replay`: a trace of the model on the threads, and both shown."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from itertools import zip_longest

import click

from cowpath.conformance.campaign.replay import Confirmation, confirm
from cowpath.conformance.pairs import find_pair
from cowpath.conformance.runs.workload import Run, Workload
from cowpath.conformance.scheduler.kernel import Kernel, Substrate
from cowpath.conformance.scheduler.schedule import Replay, Schedule
from cowpath.conformance.scheduler.substrate import Greenlets, PooledThreads
from cowpath.model.bench.check import check
from cowpath.model.commands.by_release import for_release
from cowpath.model.commands.inputs import read_trace
from cowpath.model.commands.options import REDUCE, check_properties
from cowpath.model.designs import Case
from cowpath.model.language.errors import InputError
from cowpath.model.render.text import conclusion, wrap
from cowpath.model.scenarios import find

WIDTH = 100


SUBSTRATES: dict[str, Callable[[], Substrate]] = {"threads": PooledThreads, "greenlets": Greenlets}


_DESIGN = click.argument("design", required=False, metavar="DESIGN|FILE.py")


@click.command(short_help="Run a trace of the model on the threads, and show both.")
@_DESIGN
@for_release("design")
@click.option("--scenario", "wanted", required=True, metavar="NAME|FILE.toml", help="What is submitted.")
@click.option(
    "--property",
    "wanted_property",
    metavar="P",
    help="Whose counterexample. Default: the shortest of all.",
)
@click.option("--token", metavar="TOKEN", help="Replay a recorded run instead of a counterexample.")
@click.option("--trace", "recorded", metavar="FILE.json", help="Replay a recorded trace of the model.")
@REDUCE
@click.option(
    "--on",
    "substrate",
    type=click.Choice(list(SUBSTRATES)),
    default="threads",
    show_default=True,
    help="Real threads, or greenlets, which switch faster.",
)
def replay(
    design: str,
    wanted: str,
    wanted_property: str | None,
    token: str | None,
    recorded: str | None,
    reduce: bool,
    substrate: str,
) -> None:
    """Run a counterexample, or any trace of the model, on the threaded block stack, and show both.

    Exit status 0 if the threads do what the model says, or there is nothing to replay; 1 if they do not; 2
    for bad input.
    """
    if sum(each is not None for each in (wanted_property, token, recorded)) > 1:
        raise InputError("--property, --token and --trace each say what to replay; give one of them")
    pair = find_pair(design)
    case = Case(pair.model, find(wanted), reduce)
    workload = Workload(pair, case.scenario, Kernel(SUBSTRATES[substrate]()))
    if token is not None:
        _show_run(workload.run(Replay(Schedule.parse(token))))
        return
    if recorded is not None:
        traces = [read_trace(recorded, case)]
    else:
        check_properties([pair.model], (wanted_property,) if wanted_property else ())
        result = check(case, properties=(wanted_property,) if wanted_property else ())
        traces = [outcome.trace for outcome in result.properties.values() if outcome.trace is not None]
        if not traces:
            click.echo(f"{case.title}: no counterexample; {', '.join(result.properties)} holds")
            return
    confirmation = confirm(min(traces, key=lambda trace: len(trace.steps)), workload)
    _show_confirmation(confirmation, pair.model.meanings)
    raise SystemExit(1 if confirmation.departure else 0)


def _show_confirmation(confirmation: Confirmation, meanings: Mapping[str, str]) -> None:
    trace, run = confirmation.trace, confirmation.run
    what = trace.property or "a walk"
    click.echo(f"{trace.design} on '{trace.scenario}': {what}; the model's trace, and the threads")
    rows = [
        (step.owner if step else event.request, step.action if step else "", event.label if event else "")
        for step, event in zip_longest(trace.steps, run.events)
    ]
    who, said = (max(len(row[i]) for row in rows) for i in (0, 1))
    for number, (owner, label, made) in enumerate(rows, 1):
        click.echo(f"{number:>3}  {owner:<{who}}  {label:<{said}}  {made}".rstrip())
    click.echo(_wrapped(f"model: {conclusion(trace, meanings.get(trace.property, ''))}"))
    click.echo(_wrapped(f"threads: {_ending(run)}"))
    click.echo(
        _wrapped(f"They differ: {confirmation.departure}." if confirmation.departure else "They agree.")
    )
    click.echo(f"token {run.schedule}")


def _show_run(run: Run) -> None:
    who = max((len(event.request) for event in run.events), default=0)
    for number, event in enumerate(run.events, 1):
        click.echo(f"{number:>3}  {event.request:<{who}}  {event.label}")
    click.echo(_wrapped(_ending(run)))


def _ending(run: Run) -> str:
    return f"{run.failure.kind}: {run.reason}." if run.failure else f"{run.reason}."


def _wrapped(line: str) -> str:
    return "\n".join(wrap(line, WIDTH, "  "))
