"""What the command `prove` prints: tables, the arguments in words, and what is missing."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from rich.console import Console
from rich.table import Table

from cowpath.model.bench.invariants import Found
from cowpath.model.bench.theorems import ANY, Explored, Theorem
from cowpath.model.commands.inputs import WIDTH, open_console
from cowpath.model.designs import Design
from cowpath.model.language.verdict import Verdict
from cowpath.model.prove.rank import TERMINATION
from cowpath.model.prove.theorem import Use
from cowpath.model.prove.theory import DEADLOCK
from cowpath.model.render import text
from cowpath.model.scenarios.vocabulary import PROPERTIES
from cowpath.model.trace import record

_WORDS = {Verdict.HOLDS: "proved", Verdict.VIOLATED: "refuted", Verdict.UNDETERMINED: "undetermined"}
Levels = tuple[tuple[str, str], ...]
"""Names of levels, highest first, and what is said of each."""
_MEANING = {**PROPERTIES, TERMINATION: "every run ends"}


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
        "rank": list(result.rank),
        "explored": None if result.explored is None else asdict(result.explored),
        "counterexample_to_induction": result.missing,
        "reached": result.reached,
        "trace": None if result.trace is None else record.steps(result.trace),
    }


def show_theorems(chosen: Sequence[Design], results: Sequence[Theorem], seconds: float) -> None:
    """Print the table, the arguments, and what refutes or is missing."""
    console = open_console()
    table = Table(box=None, padding=(0, 2, 0, 0))
    for column in ("design", "theorem", "any number of requests", "verdict", "obligations", "needs"):
        table.add_column(column, justify="right" if column in ("obligations", "needs") else "left")
    scopes = list(dict.fromkeys(result.scope for result in results if result.scope != ANY))
    for result in results:
        scope = "of any kind" if result.scope == ANY else f"in scope {scopes.index(result.scope) + 1}"
        shown = sum(obligation.proved for obligation in result.obligations)
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
        _show_levels(console, names, levels)
    if len(chosen) == 1:
        _show_rank(console, results)
    for name, explored in {result.design: result.explored for result in results}.items():
        if explored is not None and explored.scenarios:
            _show_explored(console, name, explored)
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
    filled = textwrap.fill(line[start:], WIDTH, subsequent_indent=indent, break_on_hyphens=False)
    console.print(filled, markup=False)


def _arguments(
    chosen: Sequence[Design], results: Sequence[Theorem], scopes: Sequence[str]
) -> dict[Levels, list[str]]:
    """Return the levels by which designs were proved free from deadlock, with their names and scopes."""
    found: dict[Levels, list[str]] = {}
    for design in chosen:
        for result in results:
            proved = (result.design, result.theorem) == (
                design.name,
                DEADLOCK,
            ) and result.verdict is Verdict.HOLDS
            if proved and design.proof is not None:
                where = "" if result.scope == ANY else f" (scope {scopes.index(result.scope) + 1})"
                levels = tuple((level.name, level.says) for level in design.proof.levels)
                found.setdefault(levels, []).append(design.name + where)
    return found


def _show_levels(console: Console, names: Sequence[str], levels: Levels) -> None:
    does = "does" if len(names) == 1 else "do"
    _print(
        console,
        f"\nWhy {' and '.join(names)} {does} not deadlock: whoever waits, waits for an unfinished request "
        "on a lower level, so no cycle can close; and the unfinished on the lowest level can always move.",
    )
    for number, (name, says) in reversed(list(enumerate(reversed(levels), 1))):
        _print(console, f"  {number}  {name}: {says}.", " " * 5)
    _print(console, "  0  all others.")


def _show_rank(console: Console, results: Sequence[Theorem]) -> None:
    for result in results:
        if result.rank and result.verdict is Verdict.HOLDS:
            _print(
                console,
                f"\nWhy every run of {result.design} ends: each step takes something forward, and nothing "
                "back, in the first of these that it changes; what it changes in later ones is free.",
            )
            for number, measure in enumerate(result.rank, 1):
                _print(console, f"  {number}  {measure}", " " * 5)


def _show_explored(console: Console, name: str, explored: Explored) -> None:
    _print(
        console,
        f"\nNot vacuous: all that is assumed of {name} holds in {explored.states:,} states, all that the "
        f"checker reaches on {explored.scenarios} scenarios in scope, and between them is every step"
        + (f" but {', '.join(explored.never)}." if explored.never else "."),
    )


def _show_failure(console: Console, result: Theorem) -> None:
    _print(console, f"\n{result.design}, {result.theorem}, {result.scope}: {_WORDS[result.verdict]}.")
    if result.open:
        _print(console, f"  not shown ({len(result.open)}): {result.open[0]}", " " * 5)
    if result.loop:
        _print(console, f"  steps that may go round for ever: {', '.join(result.loop)}", " " * 5)
    if result.missing is not None:
        reached = {True: "reaches", False: "does not reach", None: "may or may not reach"}[result.reached]
        _print(console, f"  the smallest counterexample to it, which the checker {reached}:")
        console.print(textwrap.indent(result.missing, "  "), end="", markup=False)
    if result.trace is not None:
        rendered = text.render(result.trace, _MEANING.get(result.theorem, result.theorem), width=WIDTH)
        console.print(rendered, end="", markup=False, soft_wrap=True)


def show_uses(name: str, uses: Sequence[Use]) -> None:
    """Print what falls without each hypothesis, and which are not needed."""
    console = open_console()
    needed = [use for use in uses if use.falls]
    idle = [use.name for use in uses if not use.falls]
    _print(console, f"{name}: {len(needed)} of {len(uses)} restrictions, invariants and guards are needed.")
    for use in needed:
        _print(console, f"without {use.name}", "    ")
        _print(console, f"  {' and '.join(use.falls)} not proved: {use.open}", "    ")
    _print(console, f"Not needed, each alone: {'; '.join(idle) or 'none'}.")


def show_found(name: str, found: Sequence[Found]) -> None:
    """Print the invariants found, what follows from them, and what of the design's own does not."""
    console = open_console()
    for each in found:
        _print(
            console,
            f"{name}: {each.candidates} facts hold somewhere in the program in {each.states:,} explored "
            f"states; {each.counterexamples} counterexamples to induction, of two or three requests, showed "
            "where else they need not.",
        )
        if each.open is not None:
            _print(console, f"Claims left by then, none of them proved: {len(each.open)}.")
            for claim in each.open:
                _print(console, f"  {claim}", " " * 4)
            continue
        _print(
            console,
            f"That leaves {each.claims} claims. Kept, being inductive for any number of requests, and not "
            f"following from each other: {len(each.kept)}.",
        )
        for claim in each.kept:
            _print(console, f"  {claim}", " " * 4)
        _print(console, f"Theorems proved from these alone: {', '.join(each.proved) or 'none'}.")
        own = len(each.follow) + len(each.missing)
        if own:
            rest = "; not:" if each.missing else "."
            _print(
                console, f"Of the design's own {own} invariants {len(each.follow)} follow from these{rest}"
            )
        for claim in each.missing:
            _print(console, f"  {claim}", " " * 4)
