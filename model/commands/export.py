"""The command `export`: a ground model for SPIN or TLC."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import click

from cowpath.model.commands import files
from cowpath.model.commands.by_release import for_release
from cowpath.model.commands.inputs import find_designs, find_scenarios
from cowpath.model.commands.options import PROPERTIES, REDUCE, check_expectations, check_properties
from cowpath.model.designs import Case
from cowpath.model.explore.result import DEADLOCK, questions
from cowpath.model.export.naming import identifier
from cowpath.model.export.promela import promela
from cowpath.model.export.tla import tla
from cowpath.model.language.errors import InputError


@click.command(short_help="Write a model for SPIN or TLC.")
@click.argument("name", required=False, metavar="DESIGN|FILE.py")
@for_release("name")
@click.option("--scenario", "wanted", required=True, metavar="NAME|FILE.toml", help="On what.")
@click.option("--to", "form", required=True, type=click.Choice(["promela", "tla"]), help="For SPIN, or TLC.")
@PROPERTIES
@click.option("-o", "path", metavar="OUT", help="Write it there (of OUT.tla: OUT.cfg, too), not to stdout.")
@REDUCE
def export(
    name: str, wanted: str, form: str, properties: tuple[str, ...], path: str | None, reduce: bool
) -> None:
    """Write a design on a scenario, with its properties, as a model for another checker.

    What is written is the finite model that `check` explores, with the same steps and states, and those of
    its properties that a state decides: `progress` and `convergence`, of runs without end, are not exported.
    """
    (design,) = find_designs([name])
    (scenario,) = find_scenarios([wanted], [design])
    check_expectations([design], [scenario])
    check_properties([design], properties)
    case = Case(design, scenario, reduce)
    live = design.system.live
    if unsaid := [name for name in properties if name in live]:
        raise InputError(f"--property: {unsaid[0]} is of runs without end, and not exported")
    asked = [name for name in case.asked(properties) if name not in live]
    narrowed = case.narrowed
    sought, deadlock = questions(narrowed.model, asked), DEADLOCK in asked
    heading = [case.title, *(f"{each}: {design.meanings[each]}" for each in asked)]
    if reduce:
        heading.insert(1, case.disk)
    if form == "promela":
        _put({path: promela(narrowed, heading, sought, deadlock)})
        return
    module = identifier(design.name, scenario.slug) if path is None else Path(path).stem
    if path is not None and Path(path).name != f"{identifier(module)}.tla":
        raise InputError(f"-o: '{path}' is no module's file; accepted: letters, digits and '_', then .tla")
    text, configuration = tla(narrowed, module, heading, sought, deadlock)
    if path is None:  # what follows a module is no part of it
        _put({None: f"{text}\n{module}.cfg:\n{configuration}"})
    else:
        _put({path: text, str(Path(path).with_suffix(".cfg")): configuration})


def _put(contents: Mapping[str | None, str]) -> None:
    """Write the files if all of them can be written; None is stdout."""
    for target in filter(None, contents):
        files.check_file(target, "-o")
    for path, content in contents.items():
        if path is None:
            click.echo(content, nl=False)
        else:
            files.write(path, content)
