"""Results rendered: the table of verdicts, the details of one run, JSON, and the answer to the RFC."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import Any

from rich import box
from rich.table import Table
from rich.text import Text

from cowpath.model.bench.check import PropertyResult, Result
from cowpath.model.language.verdict import Verdict
from cowpath.model.liveness.starvation import Starvation
from cowpath.model.trace import record

_ABREAST = 4
KEPT = "kept from an earlier run, its traces replayed now; --fresh explores again."
_NONE: Mapping[str, str] = MappingProxyType({})
STYLE = {Verdict.HOLDS: "green", Verdict.VIOLATED: "bold red", Verdict.UNDETERMINED: "yellow"}


def matrices(results: Sequence[Result], releases: Mapping[str, str] = _NONE) -> Iterator[Table | str]:
    """Yield what the table means, then designs x scenarios: "holds", or the properties that fall.

    As many designs stand side by side as 100 columns take. `releases`: of which releases each design is.
    """
    checked = dict.fromkeys(name for result in results for name in result.properties)
    yield f"Checked: {', '.join(checked)}."
    yield "A violated property is named with the length of its shortest trace."
    designs = list(dict.fromkeys(result.design for result in results))
    scenarios = list(dict.fromkeys(result.scenario.name for result in results))
    by_cell = {(result.scenario.name, result.design): result for result in results}
    if len(by_cell) < len(designs) * len(scenarios):
        yield "\N{EN DASH}: the design has no such request or option."
    rows = -(-len(designs) // _ABREAST)
    width = -(-len(designs) // rows)
    for start in range(0, len(designs), width):
        table = Table(box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0), pad_edge=False)
        table.add_column("scenario", overflow="fold")
        for design in designs[start : start + width]:
            title = f"{design}\n{releases[design]}" if design in releases else design
            table.add_column(Text(title), overflow="fold", min_width=14)
        for scenario in scenarios:
            cells = (_cell(by_cell.get((scenario, d))) for d in designs[start : start + width])
            table.add_row(Text(scenario), *cells)
        yield table


def _cell(result: Result | None) -> Text:
    if result is None:
        return Text("\N{EN DASH}", "dim")
    lines = []
    for name, outcome in result.properties.items():
        if outcome.verdict is Verdict.VIOLATED:
            depth = "" if outcome.depth is None else f" {outcome.depth}"
            lines.append(Text(f"{name}{depth}", STYLE[Verdict.VIOLATED]))
    undetermined = [n for n, p in result.properties.items() if p.verdict is Verdict.UNDETERMINED]
    if undetermined:
        count = "all" if len(undetermined) == len(result.properties) else str(len(undetermined))
        lines.append(Text(f"{count} undetermined", STYLE[Verdict.UNDETERMINED]))
    return Text("\n").join(lines) if lines else Text("holds", STYLE[Verdict.HOLDS])


def details(result: Result) -> Iterator[Text | str]:
    """Yield the lines that say all about one run but the traces."""
    found = result.exploration
    if not result.scenario.has_disk:
        yield result.case.disk
    else:
        whole = f"The disk is explored whole, in {len(result.case.geometry.cells)} cells."
        yield _reduction(result) or whole
    extent = "all" if found.complete else "the first"
    explored = f"{_count(found.states, 'state')}, {_count(found.transitions, 'transition')}"
    yield (
        f"{result.design}: {extent} {explored}, "
        f"depth {found.depth}, {found.seconds:.2f} s on the {found.engine} engine"
        + ("" if found.complete else f"; stopped: {found.stopped}")
    )
    yield from (*result.reductions, *found.remarks)
    if result.kept:
        yield f"This is {KEPT}"
    if result.starvation is not None:
        yield _search(result.starvation)
    column = max(map(len, result.properties)) + 1
    for name, outcome in result.properties.items():
        line = Text(f"  {name:<{column}}")
        line.append(f"{outcome.verdict.value:<13}", STYLE[outcome.verdict])
        line.append(result.case.design.meanings[name])
        yield line


def _count(number: int, what: str) -> str:
    return f"{number:,} {what}{'s' * (number != 1)}"


def _search(search: Starvation) -> str:
    """Say how `progress` was searched, which is not the engine's work."""
    if search.nodes:
        what = f"{_count(search.nodes, 'state')} with their queues searched for fair loops"
    else:
        what = f"no cycle among {_count(search.steps, 'step')}: every run ends"
    stopped = f"; stopped: {search.stopped}" if search.stopped else ""
    return f"progress: {what}, {search.seconds:.2f} s{stopped}"


def _reduction(result: Result) -> str | None:
    """Return how the disk was reduced; None where it was explored as it is."""
    return result.case.disk if result.case.reduced and result.scenario.has_disk else None


def totals(results: Sequence[Result], seconds: float) -> str:
    """Return one line on how much was explored."""
    states = sum(result.exploration.states for result in results)
    stopped = sum(result.stopped is not None for result in results)
    engines = ", ".join(sorted({result.exploration.engine for result in results}))
    remarks = dict.fromkeys(remark for result in results for remark in result.exploration.remarks)
    explored = f"{_count(len(results), 'run')}, {_count(states, 'state')} in all"
    line = f"{explored}, {seconds:.1f} s on the {engines} engine; "
    line += f"{stopped} not explored completely." if stopped else "every reachable state explored."
    if kept := sum(result.kept for result in results):
        are = "is" if kept == 1 else "are"
        line += f"\n{kept:,} of them {are} kept from earlier runs; --fresh explores again."
    return "\n".join([line, *remarks])


def surprises(results: Sequence[Result]) -> Iterator[str]:
    """Yield a line for each verdict or state count that is not what the scenario's file expects.

    It expects the count of a search that leaves nothing out.
    """
    for result in results:
        for name, expected in result.scenario.expect.get(result.design, {}).items():
            got: object = None
            if name == "states" and result.exploration.complete and not result.reductions:
                got = result.exploration.states
            elif name in result.properties:
                got = result.properties[name].verdict.value
                got = None if got == Verdict.UNDETERMINED.value else got
            if got is not None and got != expected:
                yield f"{result.case.title}: {name} is {got}, its file expects {expected}"


def as_json(result: Result, by_release: Mapping[str, str] = _NONE) -> dict[str, Any]:
    """Return the object that `--json` writes; `by_release`: its release and role, where these were asked."""
    found = result.exploration
    return {
        "design": result.design,
        **by_release,
        "scenario": result.scenario.name,
        "verdict": result.verdict.value,
        "states": found.states,
        "transitions": found.transitions,
        "depth": found.depth,
        "seconds": round(found.seconds, 3),
        "engine": found.engine,
        "stopped": result.stopped,
        "kept": result.kept,
        "reductions": [*([f"geometry: {line}"] if (line := _reduction(result)) else []), *result.reductions],
        "properties": {name: _property(outcome) for name, outcome in result.properties.items()},
    }


def _property(outcome: PropertyResult) -> dict[str, Any]:
    written: dict[str, Any] = {"verdict": outcome.verdict.value, "depth": outcome.depth, "trace": None}
    if outcome.trace is not None:
        written["trace"] = record.steps(outcome.trace)
        written.update(record.decided(outcome.trace))
    return written
