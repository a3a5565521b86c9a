"""The command `validate`: the log of a run held against the model."""

from __future__ import annotations

import click

from cowpath.conformance.campaign.columns import refused
from cowpath.conformance.monitor import witness
from cowpath.conformance.monitor.monitor import Monitor, Refusal
from cowpath.conformance.monitor.oracle import Oracle
from cowpath.conformance.runs import log_file
from cowpath.conformance.runs.log import Event, Sight
from cowpath.conformance.runs.log_file import Header
from cowpath.model.commands.by_release import for_release
from cowpath.model.commands.inputs import check_target, deliver, find_designs
from cowpath.model.language.errors import InputError
from cowpath.model.language.reading import called, read_text
from cowpath.model.language.verdict import Verdict
from cowpath.model.render.formats import FORMATS, Subject

_MOST = 1 << 28  # bytes of a log
SIGHT = click.option(
    "--sight",
    type=click.Choice([sight.value for sight in Sight]),
    help="What is seen: white, every step; grey, transfers of data; black, what a client sees.",
)


@click.command(short_help="Hold the log of a run against the model.")
@click.argument("path", metavar="LOG")
@click.option("--design", metavar="[DESIGN|FILE.py]", help="Whose model judges. Default: as the log says.")
@for_release("design")
@SIGHT
@click.option(
    "--format",
    "form",
    type=click.Choice(list(FORMATS)),
    help="Draw the model's steps that explain the log, up to what is refused, as `trace` does.",
)
@click.option("-o", "target", metavar="OUT", help="With --format: write it there instead of to stdout.")
def validate(path: str, design: str | None, sight: str | None, form: str | None, target: str | None) -> None:
    """Hold the log of a run ('-': stdin) against the model: does it explain all that was seen?

    A log is newline-delimited JSON, as `conform --log` writes it. Less may be looked at than it tells. Exit
    status 0 if it is explained, 1 if not, 2 for bad input.
    """
    if target is not None and form is None:
        raise InputError(f"-o: goes with --format; accepted: {', '.join(FORMATS)}")
    check_target(target, form or "text")
    header, events = _read(path)
    source = design or header.design
    (judge,) = find_designs([source])
    wanted = Sight(sight) if sight else header.sight
    if list(Sight).index(wanted) < list(Sight).index(header.sight):
        raise InputError(f"--sight {wanted.value}: {path} tells only what {header.sight.value} sight sees")
    oracle = Oracle(judge, header.scenario, wanted)
    monitor = Monitor(oracle)
    refusal = next(filter(None, map(monitor.observe, events)), None)
    if form is None:
        _say(oracle, events, monitor, refusal)
    else:
        trace = witness.trace(oracle, events, refusal)
        deliver(FORMATS[form](Subject(trace, oracle.case, source)), target)
    raise SystemExit((Verdict.VIOLATED if refusal else Verdict.HOLDS).exit_status)


def _read(path: str) -> tuple[Header, list[Event]]:
    if not path:
        raise InputError("LOG: '' is not a file's path")
    text = read_text(path, "a log", most=_MOST)
    return log_file.read(text.removesuffix("\n").split("\n") if text else [], called(path))


def _say(oracle: Oracle, events: list[Event], monitor: Monitor, refusal: Refusal | None) -> None:
    lead = f"{oracle.case.title}, {oracle.sight.value} sight"
    if refusal is None:
        count, told = len(monitor.states), f"{len(events):,} event{'s' * (len(events) != 1)}"
        click.echo(f"{lead}: explained, {told}, {count:,} state{'s' * (count != 1)} of the model in the end")
        return
    click.echo(f"{lead}: refused at line {refusal.position + 2}")
    for line in refused(oracle, events, refusal):
        click.echo(line)
