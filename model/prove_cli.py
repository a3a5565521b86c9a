"""The command `prove`: theorems for any number of requests and clusters."""

from __future__ import annotations

import json
import multiprocessing
import os
import textwrap
import time
from collections.abc import Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click
from rich.console import Console
from rich.table import Table
from rich.text import Text

from model import output
from model.designs import DESIGNS, Design
from model.language.claim import Level
from model.prove.prover import RLIMIT
from model.prove.theory import DEADLOCK
from model.proving import ANY, BrokenInvariant, Theorem, prove
from model.proving import uses as uses_of
from model.scenarios import bundled
from model.stack.properties import MEANING
from model.terminal import WIDTH, BadInput, find_designs, open_console
from model.trace import record, text
from model.verdict import Verdict, worst

_WORDS = {Verdict.HOLDS: "proved", Verdict.VIOLATED: "refuted", Verdict.UNDETERMINED: "undetermined"}
THEOREMS = ("snapshot", DEADLOCK)


@click.command(name="prove")
@click.argument("names", metavar="[DESIGN|FILE.py]...", nargs=-1)
@click.option(
    "--theorem",
    "theorems",
    multiple=True,
    type=click.Choice(THEOREMS),
    help=f"One of {', '.join(THEOREMS)}. Default: all.",
)
@click.option("--json", "json_path", metavar="OUT", help="Write the results there as JSON ('-': to stdout).")
@click.option("--smt2", "folder", metavar="DIR", help="Write every obligation there as SMT-LIB 2.")
@click.option(
    "--uses", is_flag=True, help="Leave out each restriction, invariant and guard in turn; say what falls."
)
@click.option(
    "--rlimit",
    type=click.IntRange(min=1),
    default=RLIMIT,
    show_default=True,
    help="z3's units of work for one obligation; where they do not suffice, the theorem is undetermined.",
)
def prove_command(
    names: tuple[str, ...],
    theorems: tuple[str, ...],
    json_path: str | None,
    folder: str | None,
    uses: bool,
    rlimit: int,
) -> None:
    """Prove theorems for any number of requests and clusters, or refute them.

    Without arguments: every design. Exit status 0 if all are proved, 1 if one is refuted, 3 if one is
    undetermined, 2 for bad input.
    """
    chosen = find_designs(names)
    given = dict(zip([design.name for design in chosen], names or DESIGNS, strict=True))
    wanted = tuple(dict.fromkeys(theorems)) or THEOREMS
    try:
        if json_path not in (None, "-"):
            output.check_file(str(json_path), "--json")
        scripts = None if folder is None else output.make_folder(folder, "--smt2")
        if uses:
            _show_uses(chosen, wanted, rlimit)
            return
        began = time.perf_counter()
        results = _run([Task(given[design.name], wanted, rlimit, scripts) for design in chosen])
        seconds = time.perf_counter() - began
        written = json.dumps([as_json(result) for result in results], indent=1) + "\n"
        if json_path == "-":
            click.echo(written, nl=False)
        else:
            if json_path is not None:
                output.write(json_path, written)
            _show(chosen, results, seconds)
    except (output.OutputError, BrokenInvariant) as error:
        raise BadInput(str(error)) from None
    raise SystemExit(worst(result.verdict for result in results).exit_status)


@dataclass(frozen=True)
class Task:
    """One design's theorems, for a process of its own; designs go by name or file, as they are not data."""

    name: str
    theorems: tuple[str, ...]
    rlimit: int
    folder: Path | None

    def __call__(self) -> list[Theorem]:
        """Prove them."""
        (design,) = find_designs([self.name])
        return list(prove(design, self.theorems, bundled(), rlimit=self.rlimit, folder=self.folder))


def _run(tasks: Sequence[Task]) -> list[Theorem]:
    """Prove on all cores, a design a process; the results are in order, whoever is first."""
    console = Console(stderr=True)
    processes = min(len(tasks), os.cpu_count() or 1)
    with (
        ProcessPoolExecutor(processes, multiprocessing.get_context("spawn")) as pool,
        console.status("") if console.is_terminal else nullcontext() as status,
    ):
        futures = {pool.submit(task): task for task in tasks}
        try:
            waiting = set(futures)
            while waiting:
                if status is not None:
                    names = [futures[f].name for f in futures if f in waiting and f.running()][:processes]
                    done = len(tasks) - len(waiting)
                    status.update(Text(f"{done} of {len(tasks)} designs; {', '.join(names)}"))
                _, waiting = wait(waiting, timeout=1, return_when=FIRST_COMPLETED)
        except KeyboardInterrupt:  # it has reached those at work, too, which end with what they know
            pool.shutdown(cancel_futures=True)
        return [result for future, task in futures.items() for result in _results(future, task)]


def _results(future: Future[list[Theorem]], task: Task) -> list[Theorem]:
    if not future.cancelled() and not isinstance(future.exception(), KeyboardInterrupt):
        return future.result()
    (design,) = find_designs([task.name])
    nothing = ("everything: interrupted",)
    return [
        Theorem(design.name, theorem, ANY, Verdict.UNDETERMINED, 0.0, (), (), nothing)
        for theorem in task.theorems
    ]


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
        "counterexample_to_induction": result.missing,
        "reached": result.reached,
        "trace": None if result.trace is None else record.steps(result.trace),
    }


def _show(chosen: Sequence[Design], results: Sequence[Theorem], seconds: float) -> None:
    console = open_console()
    table = Table(box=None, padding=(0, 2, 0, 0))
    for column in ("design", "theorem", "any number of requests", "verdict", "obligations", "needs"):
        table.add_column(column, justify="right" if column in ("obligations", "needs") else "left")
    scopes = list(dict.fromkeys(result.scope for result in results if result.scope != ANY))
    for result in results:
        scope = "of any kind" if result.scope == ANY else f"in scope {scopes.index(result.scope) + 1}"
        shown = len(result.obligations) - len(result.open)
        table.add_row(
            result.design,
            result.theorem,
            scope,
            _verdict(result),
            f"{shown:,} of {len(result.obligations):,}",
            str(len(result.needs)),
        )
    console.print(table)
    for number, scope in enumerate(scopes, 1):
        _print(console, f"scope {number}: {scope}.")
    for levels, names in _arguments(chosen, results, scopes).items():
        _show_levels(console, " and ".join(names), levels)
    for result in results:
        if result.verdict is not Verdict.HOLDS:
            _show_failure(console, result)
    count = sum(len(result.obligations) for result in results)
    _print(console, f"\n{count:,} obligations in all, {seconds:.1f} s.")


def _verdict(result: Theorem) -> str:
    if result.trace is not None:
        return f"refuted, {len(result.trace.steps)} steps"
    return _WORDS[result.verdict]


def _print(console: Console, line: str, indent: str = "  ") -> None:
    start = len(line) - len(line.lstrip("\n"))
    console.print(line[:start], end="")
    console.print(textwrap.fill(line[start:], WIDTH, subsequent_indent=indent), markup=False)


def _arguments(
    chosen: Sequence[Design], results: Sequence[Theorem], scopes: Sequence[str]
) -> dict[tuple[Level, ...], list[str]]:
    """Return the levels by which designs were proved free from deadlock, with their names and scopes."""
    found: dict[tuple[Level, ...], list[str]] = {}
    for design in chosen:
        for result in results:
            proved = (result.design, result.theorem) == (
                design.name,
                DEADLOCK,
            ) and result.verdict is Verdict.HOLDS
            if proved and design.argument is not None:
                where = "" if result.scope == ANY else f" (scope {scopes.index(result.scope) + 1})"
                found.setdefault(design.argument.levels, []).append(design.name + where)
    return found


def _show_levels(console: Console, names: str, levels: Sequence[Level]) -> None:
    _print(
        console,
        f"\nWhy {names} does not deadlock: whoever waits, waits for an unfinished request on a lower "
        "level, so no cycle can close; and the unfinished on the lowest level can always move.",
    )
    for number, level in reversed(list(enumerate(reversed(levels), 1))):
        _print(console, f"  {number}  {level.name}: {level.says}.", " " * 5)
    _print(console, "  0  all others.")


def _show_failure(console: Console, result: Theorem) -> None:
    _print(console, f"\n{result.design}, {result.theorem}, {result.scope}: {_WORDS[result.verdict]}.")
    if result.open:
        _print(console, f"  not shown ({len(result.open)}): {result.open[0]}", " " * 5)
    if result.missing is not None:
        reached = {True: "reaches", False: "does not reach", None: "may or may not reach"}[result.reached]
        _print(console, f"  the smallest counterexample to it, which the checker {reached}:")
        console.print(textwrap.indent(result.missing, "  "), end="", markup=False)
    if result.trace is not None:
        rendered = text.render(result.trace, MEANING[result.theorem], width=WIDTH)
        console.print(rendered, end="", markup=False, soft_wrap=True)


def _show_uses(chosen: Sequence[Design], theorems: Sequence[str], rlimit: int) -> None:
    table = Table(box=None, padding=(0, 2, 0, 0))
    for column in ("design", "without", "not proved", "because of"):
        table.add_column(column)
    with Console(stderr=True).status("") as status:
        for design in chosen:
            for use in uses_of(design, theorems, rlimit):
                status.update(Text(f"{design.name}: {use.name}"))
                table.add_row(design.name, use.name, ", ".join(use.falls) or "nothing", use.open or "")
    open_console().print(table)


COMMANDS = (prove_command,)
