"""The command `mutants`."""

from __future__ import annotations

import time
from collections.abc import Sequence

import click
from click.core import ParameterSource
from rich.console import Console

from cowpath.conformance.campaign.alarm import CanaryError
from cowpath.conformance.campaign.kept import refuse_parts
from cowpath.conformance.commands import mutants_text
from cowpath.conformance.commands.generated_mutants import SCHEDULES, hunt_generated
from cowpath.conformance.commands.own_mutants import hunt_own
from cowpath.conformance.mutants.catalogue import MUTANTS
from cowpath.conformance.mutants.hunt import Outcome, Plan, hunt_all
from cowpath.conformance.mutants.mutant import SIGHTS, Mutant
from cowpath.conformance.own.testfile import is_test_file
from cowpath.conformance.runs.log import Sight
from cowpath.conformance.strategies.portfolio import STRATEGIES
from cowpath.model.commands import files
from cowpath.model.commands.answering import RESUME_CAMPAIGN
from cowpath.model.commands.inputs import open_console, status_line
from cowpath.model.designs import ALL
from cowpath.model.language.errors import InputError, hint
from cowpath.model.language.verdict import Verdict, worst

_MATRIX = ("portfolio", "random", "pct", "pos", "urw")


@click.command(short_help="Seed faults, and count the schedules until each is found.")
@click.argument("names", nargs=-1, metavar="[NAME|DESIGN|FILE.py[::TEST]]...")
@click.option(
    "--strategy",
    "strategies",
    multiple=True,
    type=click.Choice(list(STRATEGIES)),
    help=f"Who chooses the schedules; may be repeated. Default: {', '.join(_MATRIX)}.",
)
@click.option(
    "--budget", type=click.IntRange(min=1), default=400, show_default=True, help="Schedules of one hunt."
)
@click.option(
    "--seeds", type=click.IntRange(min=1), default=5, show_default=True, help="Hunts by one strategy."
)
@click.option(
    "--sight",
    type=click.Choice(SIGHTS),
    default="white",
    show_default=True,
    help="What is seen: every step, transfers of data, or what a client sees.",
)
@click.option("--json", "path", metavar="OUT", help="Write the outcomes there, too ('-': to stdout, alone).")
@click.option(
    "--function",
    "functions",
    multiple=True,
    metavar="NAME",
    help="With FILE.py or --generated: mutate this function only; may be repeated.",
)
@click.option(
    "--generated",
    is_flag=True,
    help="Every first-order change of the stack's functions, instead of the faults made by hand; held against"
    " each design's model as conform does it.",
)
@click.option(
    "--one-of",
    type=click.IntRange(min=1),
    default=1,
    show_default=True,
    metavar="N",
    help="Of so many generated mutants take one.",
)
@RESUME_CAMPAIGN
@click.pass_context
def mutants(
    context: click.Context,
    names: tuple[str, ...],
    strategies: tuple[str, ...],
    budget: int,
    seeds: int,
    sight: str,
    path: str | None,
    functions: tuple[str, ...],
    generated: bool,
    one_of: int,
) -> None:
    """Seed faults in the threaded stack and in the model, and count the schedules until each is found.

    Without a name: all of them. With names: the way to each kill is shown, made as short as can be. With
    FILE.py: in the functions that the tests there under @schedules run, up to --budget schedules a test; or,
    where it defines THREADS, in the functions of that design.

    Generated mutants have the schedules that conform has, so many for each design (--budget: other than
    2,000), on bundled scenarios and drawn workloads. DESIGN, beside --generated: by the runs of these alone.

    Exit status 0 if all die but those that are known to be equivalent, and these survive; 1 if not; 3 if
    interrupted; 2 for bad input.
    """
    if any(map(is_test_file, names)):
        for option in ("strategies", "seeds", "sight", "generated", "one_of"):
            if context.get_parameter_source(option) is ParameterSource.COMMANDLINE:
                shown = "--strategy" if option == "strategies" else f"--{option.replace('_', '-')}"
                raise InputError(
                    f"{shown} is of the stack's mutants; a test under @schedules says it by itself"
                )
        refuse_parts("mutants of your own functions are hunted in one go")
        raise SystemExit(hunt_own(names, functions, budget, path).exit_status)
    own = [name for name in names if name.endswith(".py")]
    if generated or own:
        _refuse_generated(context, names, own, generated)
        if own:
            refuse_parts(f"mutants of {own[0]} are hunted in one go")
        given = context.get_parameter_source("budget") is ParameterSource.COMMANDLINE
        schedules = budget if given else SCHEDULES
        raise SystemExit(hunt_generated(names, functions, one_of, schedules, sight, path).exit_status)
    for option, said in (("--function", functions), ("--one-of", one_of > 1)):
        if said:
            raise InputError(f"{option} is of generated mutants; accepted: FILE.py or --generated beside it")
    chosen = [_find(name) for name in dict.fromkeys(names)] or list(MUTANTS)
    plan = Plan(tuple(dict.fromkeys(strategies)) or _MATRIX, seeds, budget, Sight(sight))
    try:
        files.check_json(path)
        began = time.perf_counter()
        outcomes, interrupted = _hunt(chosen, plan)
        if files.write_json(path, [mutants_text.as_json(each) for each in outcomes]):
            _show(outcomes, time.perf_counter() - began, bool(names))
        if interrupted:
            left = f"interrupted: {len(chosen) - len(outcomes)} of {len(chosen)} are undetermined"
            click.echo(left, err=path == "-")
    except CanaryError as error:
        click.echo(f"undetermined: {error}")
        raise SystemExit(Verdict.UNDETERMINED.exit_status) from None
    verdicts = [outcome.verdict for outcome in outcomes]
    raise SystemExit(worst([*verdicts, *([Verdict.UNDETERMINED] if interrupted else [])]).exit_status)


def _refuse_generated(
    context: click.Context, names: Sequence[str], own: Sequence[str], generated: bool
) -> None:
    """Refuse what does not go with generated mutants."""
    other = [name for name in names if name not in own and not (generated and name in ALL)]
    if other:
        raise InputError(
            f"{other[0]}: generated mutants have no names; accepted: FILE.py with THREADS, or --generated and"
            " designs, by whose runs they are to be seen"
        )
    if generated and own:
        raise InputError(f"--generated is of the bundled stack; accepted: {own[0]} without it")
    for option in ("strategies", "seeds"):
        if context.get_parameter_source(option) is ParameterSource.COMMANDLINE:
            shown = "--strategy" if option == "strategies" else f"--{option}"
            raise InputError(
                f"{shown} is of the faults made by hand; generated mutants are hunted as conform does"
            )


def _find(name: str) -> Mutant:
    known = {mutant.name: mutant for mutant in MUTANTS}
    if name not in known:
        raise InputError(
            f"unknown mutant '{name}'{hint(name, known)}; accepted: names that `cowpath mutants` prints"
        )
    return known[name]


def _hunt(chosen: Sequence[Mutant], plan: Plan) -> tuple[list[Outcome], bool]:
    outcomes: list[Outcome] = []
    console = Console(stderr=True)
    try:
        with console.status("") as status:
            for outcome in hunt_all(
                chosen,
                plan,
                lambda mutant: status.update(
                    status_line(f"{mutant.name} ({len(outcomes) + 1} of {len(chosen)})")
                ),
            ):
                outcomes.append(outcome)
    except KeyboardInterrupt:
        return outcomes, True
    return outcomes, False


def _show(outcomes: Sequence[Outcome], seconds: float, at_length: bool) -> None:
    if not outcomes:
        return
    console = open_console()
    console.print(mutants_text.matrix(outcomes), markup=False)
    for outcome in outcomes if at_length else ():
        for line in mutants_text.details(outcome):
            console.print(line, markup=False, soft_wrap=True)
        console.print()
    console.print(mutants_text.totals(outcomes, seconds), markup=False)
