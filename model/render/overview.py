"""All verdicts on one page of HTML, with their traces, and proofs where they are given."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from cowpath.model.bench.check import Result
from cowpath.model.bench.rfc import asked_of_all
from cowpath.model.bench.theorems import ANY
from cowpath.model.designs import Design
from cowpath.model.language.errors import InputError
from cowpath.model.language.reading import called, read_text
from cowpath.model.language.verdict import Verdict
from cowpath.model.render import html, rfc_question, verdicts
from cowpath.model.scenarios import Scenario
from cowpath.model.trace.trace import Trace


@dataclass(frozen=True)
class Mark:
    """A word of a cell: `kind` is a verdict or `none`, `anchor` leads to the trace behind it."""

    text: str
    kind: str
    anchor: str | None


@dataclass(frozen=True)
class Cell:
    """A design on a scenario; `states` is how many were explored, None where there was nothing to explore."""

    marks: tuple[Mark, ...]
    traces: tuple[tuple[Mark, Trace], ...]
    states: int | None


@dataclass(frozen=True)
class Row:
    """A scenario, its disk in words, and a cell for each design."""

    scenario: Scenario
    disk: str
    cells: tuple[Cell, ...]


@dataclass(frozen=True)
class Proof:
    """A theorem about a design for any number of requests, as `cowpath prove --json` has it."""

    theorem: str
    scope: str
    verdict: str
    obligations: int
    proved: int
    needs: tuple[str, ...]
    missing: str | None

    @property
    def general(self) -> bool:
        """Whether it is about all requests, and not in a narrower scope."""
        return self.scope == ANY


@dataclass(frozen=True)
class Report:
    """All that the page of verdicts shows."""

    designs: tuple[Design, ...]
    scenarios: tuple[Row, ...]
    properties: tuple[str, ...]
    totals: str
    answer: str | None
    proofs: Mapping[str, tuple[Proof, ...]]


class NoProofs(InputError):
    """A file is not what `cowpath prove --json` writes; the message is one line."""


def overview(
    designs: Sequence[Design],
    results: Sequence[Result],
    seconds: float,
    proofs: Mapping[str, tuple[Proof, ...]],
) -> str:
    """Return the page of all results."""
    found = {(result.scenario.name, result.design): result for result in results}
    shown = tuple(design for design in designs if any(result.design == design.name for result in results))
    rows = []
    for number, scenario in enumerate(dict.fromkeys(result.scenario for result in results), 1):
        cells = [
            _cell(found.get((scenario.name, design.name)), f"trace-{number}-{column}")
            for column, design in enumerate(shown, 1)
        ]
        disk = next(result.case.disk for result in results if result.scenario == scenario)
        rows.append(Row(scenario, disk, tuple(cells)))
    asked = tuple(dict.fromkeys(name for result in results for name in result.properties))
    told = Report(
        shown,
        tuple(rows),
        asked,
        verdicts.totals(results, seconds),
        rfc_question.answer(results, asked_of_all(results)),
        proofs,
    )
    meanings = {name: words for r in results for name, words in r.case.design.meanings.items()}
    return html.report_page(told, meanings)


def _cell(result: Result | None, anchor: str) -> Cell:
    if result is None:
        return Cell((Mark("\N{EN DASH}", "none", None),), (), None)
    marks, traces = [], []
    for name, outcome in result.properties.items():
        if outcome.verdict is not Verdict.HOLDS:
            trace = outcome.trace
            text = f"{name} {len(trace.steps)}" if trace else f"{name} {outcome.verdict.value}"
            mark = Mark(text, outcome.verdict.value, f"{anchor}-{name}" if trace else None)
            marks.append(mark)
            if trace:
                traces.append((mark, trace))
    return Cell(tuple(marks) or (Mark("holds", "holds", None),), tuple(traces), result.exploration.states)


def read_proofs(path: str) -> dict[str, tuple[Proof, ...]]:
    """Return the proofs of a file that `cowpath prove --json` has written, by design. Raises `NoProofs`."""
    text = read_text(path, "proofs", NoProofs)
    try:
        written = json.loads(text)
        proofs: dict[str, tuple[Proof, ...]] = {}
        for each in written:
            shown = sum(bool(obligation["proved"]) for obligation in each["obligations"])
            verdict = Verdict(each["verdict"]).value
            proof = Proof(
                str(each["theorem"]),
                str(each["scope"]),
                verdict,
                len(each["obligations"]),
                shown,
                tuple(map(str, each["needs"])),
                each["counterexample_to_induction"],
            )
            proofs[each["design"]] = (*proofs.get(each["design"], ()), proof)
    except (ValueError, KeyError, TypeError, RecursionError):
        raise NoProofs(f"{called(path)}: not what `cowpath prove --json` writes") from None
    return proofs
