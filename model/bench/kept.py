"""Checks carried out earlier: their counts and verdicts as they were, their traces replayed again."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, replace
from typing import Any

from cowpath.model.bench.check import PropertyResult, Result, check
from cowpath.model.designs import ALL, Case, Design
from cowpath.model.explore import ranks
from cowpath.model.explore.program import Program
from cowpath.model.explore.result import UNLIMITED, Exploration, Limits, Report
from cowpath.model.finite.instance import Instance
from cowpath.model.kept import answers
from cowpath.model.kept.text import system_text
from cowpath.model.language.system import System
from cowpath.model.language.verdict import Verdict
from cowpath.model.liveness.starvation import Starvation
from cowpath.model.trace.lasso import replay_lasso
from cowpath.model.trace.trace import Path, Trace, replay
from cowpath.model.trace.waiting import ReplayError


def checked(
    case: Case,
    *,
    properties: Sequence[str] = (),
    engine: str = "auto",
    limits: Limits = UNLIMITED,
    reductions: Collection[str] = (),
    report: Report = lambda progress: None,
    program: Program | None = None,
) -> Result:
    """Return what `check` finds, or what is kept of it; keep it if it is complete, where answers are kept."""
    how: dict[str, Any] = {"properties": properties, "engine": engine, "limits": limits}
    how["reductions"] = reductions
    if ranks.together() is None and (before := recall(case, **how)) is not None:
        return before
    result = check(case, **how, report=report, program=program)
    known = answers.current()
    decided = all(each.verdict is not Verdict.UNDETERMINED for each in result.properties.values())
    if known is not None and result.stopped is None and decided:
        known.keep(_question(case, properties, engine, limits, reductions), _written(result))
    return result


def recall(
    case: Case,
    *,
    properties: Sequence[str] = (),
    engine: str = "auto",
    limits: Limits = UNLIMITED,
    reductions: Collection[str] = (),
) -> Result | None:
    """Return what `checked` once returned of the same; None if that is not known.

    Every trace has been replayed by the reference semantics, just now.
    """
    known = answers.current()
    if known is None:
        return None
    found = known.recall(_question(case, properties, engine, limits, reductions))
    try:
        return None if found is None else _read(case, found)
    except (ReplayError, LookupError, TypeError, ValueError):  # it is not what it says it is
        return None


def design_text(design: Design) -> str:
    """Return the text of a design; one of this package's own is text that every question has with it."""
    return design.name if ALL.get(design.name) is design else system_text(design.system)


def instance_text(instance: Instance) -> str:
    """Return the text of an instance."""
    tables = {name: sorted(table.items()) for name, table in sorted(instance.tables.items())}
    return repr((sorted(instance.sizes.items()), tables, sorted(instance.names.items())))


def _question(
    case: Case, properties: Sequence[str], engine: str, limits: Limits, reductions: Collection[str]
) -> str:
    # A limit of time is none of the answer's business; that of states says which engine answers.
    how = (case.design.asked(properties), engine, limits.max_states, sorted(reductions))
    return json.dumps(["check", design_text(case.design), instance_text(case.instance), how])


def _written(result: Result) -> dict[str, Any]:
    exploration = asdict(replace(result.exploration, witnesses={}))
    starvation = result.starvation and asdict(replace(result.starvation, lassos=()))
    return {
        "exploration": exploration,
        "starvation": starvation,
        "reductions": result.reductions,
        "properties": {
            name: (each.verdict.value, each.trace and trace_written(each.trace))
            for name, each in result.properties.items()
        },
    }


def _read(case: Case, found: Mapping[str, Any]) -> Result:
    exploration, starvation = found["exploration"], found["starvation"]
    exploration["remarks"] = tuple(exploration["remarks"])
    if starvation is not None:
        starvation["lassos"] = ()  # the properties have them, as traces
    properties = {
        name: PropertyResult(Verdict(verdict), trace and trace_read(case, name, trace))
        for name, (verdict, trace) in found["properties"].items()
    }
    return Result(
        case,
        Exploration(**exploration),
        starvation and Starvation(**starvation),
        tuple(found["reductions"]),
        properties,
        kept=True,
    )


def trace_written(trace: Trace) -> dict[str, Any]:
    """Return what a trace can be made of again: its steps, by action and arguments, and what repeats."""
    owners = trace.scene.owners
    return {
        "path": [(step.action, step.arguments) for step in trace.steps],
        "loop": trace.loop,
        "starved": [owners.index(name) for name in trace.starved],
    }


def trace_read(case: Case, name: str, written: Mapping[str, Any]) -> Trace:
    """Return the trace that decides a property, every step of it made again by the reference.

    Raises `ReplayError`, or what comes of data that are not as `trace_written` makes them.
    """
    system, instance = case.design.system, case.instance
    path = _path(system, instance, written["path"])
    if (loop := written["loop"]) is None:
        return replay(system, instance, case.scenario.name, name, path)
    stem, around = path[: loop - 1], path[loop - 1 :]
    return replay_lasso(system, instance, case.scenario.name, written["starved"], stem, around, name)


def _path(system: System, instance: Instance, steps: Sequence[tuple[str, Sequence[str]]]) -> Path:
    actions = {action.label: action for action in system.actions}
    path = []
    for label, words in steps:
        action = actions[label]
        path.append((action, instance.arguments(action.params, words)))
    return path
