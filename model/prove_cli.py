"""The command `prove`: theorems for any number of requests and clusters."""

from __future__ import annotations

import json
import textwrap
import time
from collections.abc import Iterator, Sequence
from typing import Any

import click
from rich.console import Console
from rich.table import Table
from rich.text import Text

from model import output
from model.designs import Design
from model.prove.drawing import draw
from model.prove.prover import RLIMIT
from model.prove.theory import DEADLOCK
from model.proving import ANY, BrokenInvariant, Theorem, prove
from model.scenarios import bundled
from model.stack.properties import MEANING
from model.terminal import WIDTH, BadInput, find_designs, open_console
from model.trace import text
from model.verdict import Verdict, worst

_WORDS = {Verdict.HOLDS: "proved", Verdict.VIOLATED: "refuted", Verdict.UNDETERMINED: "undetermined"}
_THEOREMS = ("snapshot", DEADLOCK)


@click.command(name="prove")
@click.argument("names", metavar="[DESIGN|FILE.py]...", nargs=-1)
@click.option(
    "--theorem",
    "theorems",
    multiple=True,
    type=click.Choice(_THEOREMS),
    help=f"One of {', '.join(_THEOREMS)}. Default: all.",
)
@click.option("--json", "json_path", metavar="OUT", help="Write the results there as JSON ('-': to stdout).")
@click.option(
    "--rlimit",
    type=click.IntRange(min=1),
    default=RLIMIT,
    show_default=True,
    help="z3's units of work for one obligation; where they do not suffice, the theorem is undetermined.",
)
def prove_command(
    names: tuple[str, ...], theorems: tuple[str, ...], json_path: str | None, rlimit: int
) -> None:
    """Prove theorems for any number of requests and clusters, or refute them.

    Without arguments: every design. Exit status 0 if all are proved, 1 if one is refuted, 3 if one is
    undetermined, 2 for bad input.
    """
    chosen = find_designs(names)
    try:
        if json_path not in (None, "-"):
            output.check_file(str(json_path), "--json")
        began = time.perf_counter()
        results = _run(chosen, tuple(dict.fromkeys(theorems)) or _THEOREMS, rlimit)
        seconds = time.perf_counter() - began
        written = json.dumps([as_json(result) for result in results], indent=1) + "\n"
        if json_path == "-":
            click.echo(written, nl=False)
        else:
            if json_path is not None:
                output.write(json_path, written)
            _show(chosen, results, seconds)
    except output.OutputError as error:
        raise BadInput(str(error)) from None
    except BrokenInvariant as error:
        raise click.ClickException(str(error)) from None
    raise SystemExit(worst(result.verdict for result in results).exit_status)


def _run(chosen: Sequence[Design], theorems: Sequence[str], rlimit: int) -> list[Theorem]:
    console = Console(stderr=True)
    results: list[Theorem] = []
    if not console.is_terminal:
        for design in chosen:
            results += prove(design, theorems, bundled(), rlimit=rlimit)
        return results
    with console.status("") as status:
        for design in chosen:
            results += prove(
                design,
                theorems,
                bundled(),
                rlimit=rlimit,
                report=lambda task: status.update(Text(task)),
            )
    return results


def as_json(result: Theorem) -> dict[str, Any]:
    """Return the result as plain data."""
    return {
        "design": result.design,
        "theorem": result.theorem,
        "scope": result.scope,
        "verdict": result.verdict.value,
        "seconds": round(result.seconds, 3),
        "obligations": [
            {"name": o.name, "proved": o.proved, "seconds": round(o.seconds, 4)} for o in result.obligations
        ],
        "needs": list(result.needs),
    }


def _show(chosen: Sequence[Design], results: Sequence[Theorem], seconds: float) -> None:
    console = open_console()
    scopes = list(dict.fromkeys(result.scope for result in results))
    table = Table(box=None, padding=(0, 2, 0, 0))
    for column in ("design", "theorem", "for any number of", "verdict", "obligations", "needs"):
        table.add_column(column)
    for result in results:
        where = (
            "requests of any kind"
            if result.scope == ANY
            else f"requests in scope {scopes.index(result.scope)}"
        )
        table.add_row(
            result.design,
            result.theorem,
            where,
            _verdict(result),
            str(len(result.obligations)),
            str(len(result.needs)),
        )
    console.print(table, markup=False)


def _verdict(result: Theorem) -> str:
    if result.trace is not None:
        return f"refuted: {len(result.trace.steps)} steps on '{result.trace.scenario}'"
    return _WORDS[result.verdict]


COMMANDS = (prove_command,)
