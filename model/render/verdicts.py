"""Results rendered: the table of verdicts, the details of one run, JSON, and the answer to the RFC."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from rich import box
from rich.table import Table
from rich.text import Text

from cowpath.model.bench.check import PropertyResult, Result
from cowpath.model.bench.formula import in_words
from cowpath.model.language.verdict import Verdict
from cowpath.model.liveness.starvation import PROGRESS, Starvation
from cowpath.model.render.text import conclusion
from cowpath.model.stack.properties import STANDARD
from cowpath.model.trace import record
from cowpath.model.trace.trace import Trace

if TYPE_CHECKING:
    from cowpath.model.bench.failing import Failing
    from cowpath.model.bench.survey import Survey

_ABREAST = 5
STYLE = {Verdict.HOLDS: "green", Verdict.VIOLATED: "bold red", Verdict.UNDETERMINED: "yellow"}


def matrices(results: Sequence[Result]) -> Iterator[Table | str]:
    """Yield what the table means, then designs x scenarios: "holds", or the properties that fall.

    As many designs stand side by side as 100 columns take.
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
        table.add_column("scenario")
        for design in designs[start : start + width]:
            table.add_column(Text(design), overflow="fold", min_width=14)
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
    return "\n".join([line, *remarks])


def telling(results: Sequence[Result]) -> list[Trace]:
    """Return the traces to show beside a table: the RFC's shortest deadlock, by an unaligned write if any."""
    dead = [r for r in results if r.design == "rfc-2016" and "deadlock" in r.violated]
    dead.sort(key=lambda r: (not any(r.case.geometry.unaligned), r.properties["deadlock"].depth))
    return [trace for r in dead[:1] if (trace := r.properties["deadlock"].trace) is not None]


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


def answer(results: Sequence[Result], all_: tuple[Survey, Failing] | None = None) -> str | None:
    """Return the answer to the RFC's question as the results give it; None if they bear on it too little.

    `all_`: which of all small workloads deadlock, if that was asked.
    """
    rfc = [r for r in results if r.design == "rfc-2016" and set(STANDARD) <= set(r.properties)]
    if len(rfc) < 2:
        return None
    if not all(result.exploration.complete for result in results):
        return "The RFC's question is not answered: not every run was explored completely."
    parts = ['Does the RFC "introduce an unexpected deadlock"?']
    dead = [r for r in rfc if "deadlock" in r.violated]
    if dead:
        (trace,) = telling(dead)
        words = conclusion(trace, "").removeprefix("deadlock: ")
        parts.append(
            f"Yes, in {len(dead)} of {len(rfc)} scenarios. On '{trace.scenario}' it takes "
            f"{len(trace.steps)} steps: {words}"
        )
    else:
        parts.append(f"Not in any of {len(rfc)} scenarios.")
    if all_ is not None:
        parts.append(_of_all(*all_))
    plain = [r for r in rfc if not any(r.case.geometry.unaligned) and not r.scenario.copy_on_read]
    if plain and not any("deadlock" in r.violated for r in plain):
        parts.append(
            f"In the {len(plain)} where every write is aligned to the notifier's node and that node does not "
            "copy on read, there is none."
        )
    closed = sum("snapshot" not in r.violated for r in rfc)
    parts.append(f"The race it was written for is closed in {closed} of {len(rfc)} scenarios.")
    repaired = [r for r in results if r.design == "rfc-repaired"]
    if repaired:
        whole = sum(not set(r.violated) - {PROGRESS} for r in repaired)
        served = sum(PROGRESS not in r.violated for r in repaired)
        parts.append(
            f"With the changes of rfc-repaired every property but `progress` holds in {whole} of "
            f"{len(repaired)}, and `progress` in {served}; `cowpath designs rfc-repaired` lists them."
        )
    return " ".join(parts)


def _of_all(survey: Survey, failing: Failing) -> str:
    bound = survey.bound
    number = sum(len(size.workloads) for size in survey.sizes.values())
    fail = failing.violated + sum(failing.smaller.values())
    line = (
        f"Of all {number} workloads of up to {bound.requests} requests ({', '.join(bound.kinds)}) on a disk "
        f"of {bound.sectors} sectors in one cluster, with blocks of {bound.alignment}, it deadlocks in {fail}"
    )
    return f"{line}{'' if failing.when is None else f', exactly when {in_words(failing.when)}'}."


def as_json(result: Result) -> dict[str, Any]:
    """Return the object that `--json` writes for a result."""
    found = result.exploration
    return {
        "design": result.design,
        "scenario": result.scenario.name,
        "verdict": result.verdict.value,
        "states": found.states,
        "transitions": found.transitions,
        "depth": found.depth,
        "seconds": round(found.seconds, 3),
        "engine": found.engine,
        "stopped": result.stopped,
        "reductions": [*([f"geometry: {line}"] if (line := _reduction(result)) else []), *result.reductions],
        "properties": {name: _property(outcome) for name, outcome in result.properties.items()},
    }


def _property(outcome: PropertyResult) -> dict[str, Any]:
    written: dict[str, Any] = {"verdict": outcome.verdict.value, "depth": outcome.depth, "trace": None}
    if outcome.trace is not None:
        written["trace"] = record.steps(outcome.trace)
        written.update(record.decided(outcome.trace))
    return written
