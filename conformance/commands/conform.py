"""The command `conform`: runs held against the model."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import click
from click.core import ParameterSource
from rich import box
from rich.console import Console
from rich.table import Table

from cowpath.conformance.campaign.alarm import CanaryError
from cowpath.conformance.campaign.columns import draw, refused
from cowpath.conformance.campaign.conform import DRAWN, FREE, TOURS, Failure, Outcome, Plan, Progress, conform
from cowpath.conformance.campaign.drawing import is_drawn
from cowpath.conformance.campaign.kept import refuse_parts, resumed
from cowpath.conformance.commands.own_conform import Wanted, conform_tests
from cowpath.conformance.commands.validate import SIGHT
from cowpath.conformance.monitor import explain
from cowpath.conformance.own.testfile import is_test_file
from cowpath.conformance.pairs import PAIRS, find_pair
from cowpath.conformance.runs import log_file
from cowpath.conformance.runs.log import Sight
from cowpath.conformance.runs.log_file import Header
from cowpath.conformance.strategies.portfolio import STRATEGIES
from cowpath.model.commands import files
from cowpath.model.commands.answering import RESUME_CAMPAIGN
from cowpath.model.commands.by_release import for_release
from cowpath.model.commands.inputs import WIDTH, find_designs, open_console, status_line
from cowpath.model.designs import ALL
from cowpath.model.language.errors import InputError
from cowpath.model.language.verdict import Verdict, worst
from cowpath.model.render.text import wrap
from cowpath.model.scenarios import bundled, find
from cowpath.model.scenarios.writing import dumps


@click.command(name="conform", short_help="Hold runs of the threads against the model.")
@click.argument("designs", nargs=-1, metavar="[DESIGN|FILE.py[::TEST]]...")
@for_release("designs")
@click.option(
    "--scenario", "scenarios", multiple=True, metavar="NAME|FILE.toml", help="Default: all bundled that fit."
)
@click.option("--as", "judge", metavar="DESIGN|FILE.py", help="Whose model judges. Default: its own.")
@click.option(
    "--strategy",
    "strategies",
    multiple=True,
    type=click.Choice([*STRATEGIES, FREE, TOURS]),
    help="Who chooses the schedules; may be repeated. Default: portfolio, the random ones in turn. With free"
    " nobody does, with tours the model, so that all its steps are made.",
)
@click.option(
    "--schedules",
    type=click.IntRange(min=1),
    default=2000,
    show_default=True,
    metavar="N",
    help="For each design, over all its scenarios and strategies.",
)
@click.option(
    "--drawn",
    type=click.IntRange(min=0),
    metavar="N",
    help=f"Workloads drawn by chance for each design, among which the schedules are shared, too. Default:"
    f" {DRAWN} beside the bundled scenarios, none with --scenario or {TOURS}.",
)
@click.option("--seed", type=click.IntRange(min=0), default=0, show_default=True, help="Of what is random.")
@SIGHT
@click.option("--json", "json_path", metavar="OUT", help="Write the outcomes there ('-': to stdout).")
@click.option(
    "--log",
    "folder",
    metavar="DIR",
    help="Write each failing run, else the last, to DIR/DESIGN.ndjson, a drawn workload to DIR/DESIGN.toml.",
)
@click.option("--token", metavar="TOKEN", help="Of FILE.py::TEST: run it once, as the token says.")
@RESUME_CAMPAIGN
@click.pass_context
def conform_command(
    context: click.Context,
    designs: tuple[str, ...],
    scenarios: tuple[str, ...],
    judge: str | None,
    strategies: tuple[str, ...],
    schedules: int,
    drawn: int | None,
    seed: int,
    sight: str | None,
    json_path: str | None,
    folder: str | None,
    token: str | None,
) -> None:
    """Run the threaded stack under a scheduler, and hold every run against the model.

    Without arguments: every design on every bundled scenario that fits, and on drawn workloads. First a
    canary must be refused. With tours a step of the model that no run makes is refused, too. Exit status 0
    if all that was run is explained, 1 if not, 3 if it was cut short, 2 for bad input.

    With FILE.py: the tests there that are under @schedules, which say how often they are run, and by what
    model they are judged if by one; --schedules, --strategy, --seed and --sight say it instead.
    """
    if any(map(is_test_file, designs)):
        _refuse(context, designs)
        refuse_parts("tests under @schedules are run in one go")
        given = {name: context.params[name] for name in ("schedules", "seed") if _said(context, name)}
        wanted = Wanted(given.get("schedules"), strategies, given.get("seed"), sight, token)
        raise SystemExit(conform_tests(designs, wanted, json_path).exit_status)
    if token is not None:
        raise InputError(
            "--token is of a test; accepted: FILE.py::TEST --token TOKEN. Of a design: cowpath replay"
        )
    if TOURS in strategies and sight not in (None, "white"):
        raise InputError(f"--strategy {TOURS} goes by what is seen of each step; accepted: --sight white")
    try:
        files.check_json(json_path)
        where = None if folder is None else files.make_folder(folder, "--log")
        plan = Plan(
            tuple(find_pair(name) for name in dict.fromkeys(designs)) or tuple(PAIRS.values()),
            tuple(find(name) for name in dict.fromkeys(scenarios)) or bundled(),
            None if judge is None else find_designs([judge])[0],
            tuple(dict.fromkeys(strategies)) or ("portfolio",),
            schedules,
            Sight(sight or "white"),
            seed,
            (0 if scenarios or TOURS in strategies else DRAWN) if drawn is None else drawn,
        )
        _refuse_of_mirrors(plan)
        _refuse_of_parts(plan, [*designs, *([judge] if judge else [])])
        outcomes = _run(plan)
        if files.write_json(json_path, [as_json(outcome) for outcome in outcomes]):
            _show(outcomes)
        for outcome in outcomes:
            if where is not None and outcome.scenario is not None:
                header = Header(outcome.scenario, outcome.model, plan.sight)
                files.write(where / f"{outcome.design}.ndjson", log_file.write(header, outcome.last))
                if is_drawn(outcome.scenario):
                    files.write(where / f"{outcome.design}.toml", dumps(outcome.scenario))
    except CanaryError as error:
        click.echo(f"undetermined: {error}")
        raise SystemExit(Verdict.UNDETERMINED.exit_status) from None
    raise SystemExit(worst(outcome.verdict for outcome in outcomes).exit_status)


def _refuse(context: click.Context, names: Sequence[str]) -> None:
    """Refuse what does not go with tests."""
    for name in names:
        if not is_test_file(name):
            raise InputError(
                f"{name} is no file of tests under @schedules, as the others are; run it by itself"
            )
    for name, option in (
        ("scenarios", "--scenario"),
        ("judge", "--as"),
        ("folder", "--log"),
        ("drawn", "--drawn"),
    ):
        if context.params[name] not in (None, ()):
            raise InputError(f"{option} is of designs; a test under @schedules says by itself what it runs")


def _refuse_of_mirrors(plan: Plan) -> None:
    """Refuse what is of designs that copy before writes alone."""
    for pair in plan.pairs:
        if pair.mirrors and FREE in plan.strategies:
            raise InputError(
                f"--strategy {FREE}: {pair.name} has a job that does not end, and nobody sees when free "
                "threads have nothing more to do; accepted: the others"
            )


def _refuse_of_parts(plan: Plan, names: Sequence[str]) -> None:
    """Refuse to keep or share what cannot be made again, or of which it is not known what it depends on."""
    if FREE in plan.strategies:
        refuse_parts(f"--strategy {FREE}: nobody can make a run of free threads again")
    own = [name for name in names if name not in ALL]
    if own and resumed():
        raise InputError(
            f"--resume: what {own[0]} loads beside itself is not known; accepted: bundled designs"
        )


def _said(context: click.Context, name: str) -> bool:
    return context.get_parameter_source(name) is ParameterSource.COMMANDLINE


def _run(plan: Plan) -> list[Outcome]:
    for pair in plan.pairs:
        if not plan.fitting(pair):
            raise InputError(
                f"{pair.name}: no scenario given fits it, its judge and threads, which run no streams"
            )
    console = Console(stderr=True)
    with console.status("") as status:
        return list(conform(plan, lambda progress: status.update(status_line(_progress(progress)))))


def _progress(progress: Progress) -> str:
    rate = f", {progress.schedules / progress.seconds:,.0f}/s" if progress.schedules else ""
    done = f"{progress.schedules:,} of {progress.all:,} schedules"
    return f"{progress.design} on '{progress.scenario}': {done}{rate}"


def as_json(outcome: Outcome) -> dict[str, Any]:
    """Return an outcome as the command's --json has it."""
    failure = outcome.failure
    return {
        "design": outcome.design,
        "verdict": outcome.verdict.value,
        "schedules": outcome.schedules,
        "seconds": round(outcome.seconds, 3),
        "strategy": ", ".join(outcome.strategies),
        "coverage": {
            "edges": list(outcome.coverage.edges),
            "refusals": list(outcome.coverage.waits),
        },
        "failure": failure
        and {
            "token": failure.token,
            "deviations": failure.deviations,
            "reason": f"on '{failure.scenario.name}': {_reason(failure)}",
        },
    }


def _reason(failure: Failure) -> str:
    finding = failure.finding
    if finding.refusal is None:
        return f"{finding.by}: {finding.says or finding.run.reason}"
    return explain.reason(failure.oracle, finding.refusal)


_SAID = {Verdict.HOLDS: "explained", Verdict.VIOLATED: "refused", Verdict.UNDETERMINED: "undetermined"}
"""Runs are a sample: that all were explained does not prove that a design holds."""


def _show(outcomes: Sequence[Outcome]) -> None:
    console = open_console()
    table = Table(box=box.SIMPLE_HEAD, padding=(0, 2, 0, 0), pad_edge=False)
    judged = any(outcome.model != outcome.design for outcome in outcomes)
    for name in ("design", "as", "runs") if judged else ("design", "runs"):
        table.add_column(name, no_wrap=True)
    for name in ("schedules", "edges", "waits"):
        table.add_column(name, justify="right", no_wrap=True)
    for outcome in outcomes:
        table.add_row(
            outcome.design,
            *([outcome.model] if judged else []),
            _SAID[outcome.verdict],
            f"{outcome.schedules:,}",
            *(_part(*pair) for pair in (outcome.coverage.edges, outcome.coverage.waits)),
        )
    console.print(table)
    schedules, seconds = (sum(getattr(o, name) for o in outcomes) for name in ("schedules", "seconds"))
    console.print(f"{schedules:,} schedule{'s' * (schedules != 1)} in all, {seconds:.1f} s.")
    for outcome in outcomes:
        if outcome.failure is not None:
            console.print()
            for line in _failure(outcome, outcome.failure):
                console.print(line, markup=False, soft_wrap=True)


def _part(reached: int, there: int) -> str:
    return f"{reached:,} of {there:,}" if there else "\N{EN DASH}"


def _failure(outcome: Outcome, failure: Failure) -> Iterator[str]:
    finding = failure.finding
    run, refusal = finding.run, finding.refusal
    lead = f"{outcome.design} as {outcome.model} on '{failure.scenario.name}': refused"
    if failure.token is None:
        yield f"{lead}, by free threads"
    else:
        count = failure.deviations
        yield f"{lead}, {count} deviation{'s' * (count != 1)} from the default schedule"
    if refusal is None:
        yield from draw(run.log, None)
        yield from wrap(f"refused: {_reason(failure)}.", WIDTH, "  ")
    else:
        yield from refused(failure.oracle, run.log, refusal)
    yield f"found by {failure.strategy}" + (f"; token {failure.token}" if failure.token else "")
    if is_drawn(failure.scenario):
        yield f"The workload was drawn; conform --log DIR writes it, as {outcome.design}.toml, for replay."
