"""The command `graph`: the state graph of a small model, as a picture."""

from __future__ import annotations

import click
from rich.console import Console

from cowpath.model.commands.by_release import for_release
from cowpath.model.commands.inputs import check_target, deliver, find_designs, find_scenarios, status_line
from cowpath.model.designs import Case
from cowpath.model.language.errors import InputError
from cowpath.model.render import state_graphs
from cowpath.model.render.graph import Picture

_WRITERS = {"dot": Picture.dot, "graphml": Picture.graphml, "mermaid": Picture.mermaid}
_DRAWN = ("svg", "png")
_LEGIBLE = 400


@click.command(short_help="Draw the graph of all states.")
@click.argument("name", required=False, metavar="DESIGN|FILE.py")
@for_release("name")
@click.option("--scenario", "wanted", required=True, metavar="NAME|FILE.toml", help="Of what.")
@click.option("--quotient", is_flag=True, help="Take states alike whose clusters are at the same stages.")
@click.option(
    "--format",
    "form",
    type=click.Choice([*_WRITERS, *_DRAWN]),
    default="dot",
    show_default=True,
    help="svg and png are drawn by Graphviz.",
)
@click.option("-o", "path", metavar="OUT", help="Write it there instead of to stdout.")
@click.option(
    "--max-states",
    "most",
    type=click.IntRange(min=1),
    default=20_000,
    show_default=True,
    help="Refuse a larger graph.",
)
@click.option(
    "--reduce/--no-reduce",
    "reduced",
    default=True,
    help="Reduce the disk to the smallest equivalent one (the default).",
)
def graph(
    name: str, wanted: str, quotient: bool, form: str, path: str | None, most: int, reduced: bool
) -> None:
    """Draw the state graph of a design on a scenario; deadlocks and violations are marked.

    With --quotient a person can read it: what a cluster goes through (clean, being copied, done,
    overwritten), and which steps lead from one stage to the next.
    """
    (design,) = find_designs([name])
    (scenario,) = find_scenarios([wanted], [design])
    case = Case(design, scenario, reduced)
    if quotient and not scenario.has_disk:
        raise InputError("--quotient: is by the stages of clusters; accepted: for a design with disks")
    check_target(path, form)
    with Console(stderr=True).status("") as status:  # nothing is written where there is no terminal
        explored = state_graphs.explore(
            case, most, lambda states: status.update(status_line(f"{states:,} states"))
        )
    picture = explored.quotient() if quotient else explored.picture()
    deliver(_written(picture, form), path)


def _written(picture: Picture, form: str) -> str | bytes:
    if form in _DRAWN and len(picture.boxes) > _LEGIBLE:
        raise InputError(
            f"--format {form}: nobody can read {len(picture.boxes):,} boxes; accepted: up to {_LEGIBLE}, "
            f"--quotient, or {', '.join(_WRITERS)}"
        )
    return picture.drawn(form) if form in _DRAWN else _WRITERS[form](picture)
