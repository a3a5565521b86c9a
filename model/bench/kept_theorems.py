"""Theorems proved earlier: what z3 said is taken as it was, what refutes one is replayed again."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from typing import Any

from cowpath.model.bench.kept import design_text, trace_read, trace_written
from cowpath.model.bench.theorems import INTERRUPTED, Explored, Theorem, argument_of
from cowpath.model.designs import ALL, Case, Design
from cowpath.model.kept import answers
from cowpath.model.kept.text import argument_text
from cowpath.model.language.verdict import Verdict
from cowpath.model.prove.prover import Outcome
from cowpath.model.scenarios import Scenario
from cowpath.model.trace.waiting import ReplayError


def keep(design: Design, theorems: Sequence[str], rlimit: int, proved: Sequence[Theorem]) -> None:
    """Keep what came of all the theorems asked of a design, where answers are kept.

    What an interrupt left open is no answer.
    """
    if any(INTERRUPTED in each.open for each in proved):
        return
    if (known := answers.current()) is not None:
        known.keep(_question(design, theorems, rlimit), [_written(each) for each in proved])


def recall(
    design: Design, theorems: Sequence[str], rlimit: int, scenarios: Sequence[Scenario]
) -> list[Theorem] | None:
    """Return what came of the theorems earlier, the trace of a refutation replayed now; None if unknown."""
    known = answers.current()
    try:
        if known is None or (found := known.recall(_question(design, theorems, rlimit))) is None:
            return None
        cases = {scenario.name: scenario for scenario in scenarios}
        return [_read(each, design, cases) for each in found]
    except (ReplayError, LookupError, TypeError, ValueError):  # it is not what it says it is
        return None


def _question(design: Design, theorems: Sequence[str], rlimit: int) -> str:
    # The bundled scenarios are files of the program, which every question depends on.
    own = ALL.get(design.name) is design
    argument = "" if own else argument_text(design.system, argument_of(design))
    return json.dumps(["prove", design_text(design), argument, list(theorems), rlimit])


def _written(theorem: Theorem) -> dict[str, Any]:
    written = asdict(replace(theorem, trace=None, obligations=()))
    written["verdict"] = theorem.verdict.value
    written["obligations"] = [
        {**asdict(each), "needs": None if each.needs is None else sorted(each.needs)}
        for each in theorem.obligations
    ]
    if (trace := theorem.trace) is not None:
        written["trace"] = [trace.scenario, trace.property, trace_written(trace)]
    return written


def _read(written: dict[str, Any], design: Design, cases: Mapping[str, Scenario]) -> Theorem:
    written["verdict"] = Verdict(written["verdict"])
    for each in written["obligations"]:
        each["needs"] = None if each["needs"] is None else frozenset(each["needs"])
    written["obligations"] = tuple(Outcome(**each) for each in written["obligations"])
    for name in ("needs", "open", "rank", "loop"):
        written[name] = tuple(written[name])
    if (explored := written["explored"]) is not None:
        written["explored"] = Explored(explored["states"], explored["scenarios"], tuple(explored["never"]))
    if (trace := written["trace"]) is not None:
        scenario, name, made = trace
        written["trace"] = trace_read(Case(design, cases[scenario]), name, made)
    return Theorem(**written)
