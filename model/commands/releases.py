"""The command `releases`: which design stands for which release of QEMU, in each role."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import click
from rich.console import Group
from rich.table import Table
from rich.text import Text

from cowpath.model.commands import files
from cowpath.model.commands.inputs import open_console
from cowpath.model.designs.release import Role, find_role, written
from cowpath.model.designs.releases import ROLES


@click.command(short_help="Say which design stands for which release of QEMU.")
@click.option("--role", "named", metavar="ROLE", help=f"One of {', '.join(r.name for r in ROLES)}.")
@click.option("--json", "json_path", metavar="OUT", help="Write the table there as JSON ('-': to stdout).")
def releases(named: str | None, json_path: str | None) -> None:
    """Say which design stands for which release of QEMU, in each role, and what changed at each border.

    Under "-" is what a release has or does that its design does not say.
    """
    roles = ROLES if named is None else (find_role(named, ROLES),)
    files.check_json(json_path)
    if not files.write_json(json_path, [row for role in roles for row in as_json(role)]):
        return
    console = open_console()
    for role in roles:
        console.print(Text.assemble((role.name, "bold"), f"  {role.says}"))
        console.print(_table(role))


def as_json(role: Role) -> list[dict[str, Any]]:
    """Return the rows of a role: of one era each, with all of its releases."""
    return [
        {
            "role": role.name,
            "since": written(era.since),
            "releases": [written(release) for release in role.releases(era)],
            "design": era.design,
            "changed": list(era.changed),
            "not_modelled": list(era.left_out),
        }
        for era in role.eras
    ]


def _table(role: Role) -> Table:
    table = Table(box=None, padding=(0, 2, 0, 0))
    table.add_column("releases", no_wrap=True)
    table.add_column("design", no_wrap=True)
    table.add_column("what changed; -: what is not modelled")
    for era in role.eras:
        lines = [Text(line) for line in era.changed] + [_hung(era.left_out)] * bool(era.left_out)
        table.add_row(role.span((era,)), Text(era.design), Group(*lines))
    return table


def _hung(left_out: Sequence[str]) -> Text:
    return Text(f"- {'; '.join(left_out)}", "dim")
