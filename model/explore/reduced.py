"""A search that leaves things out, and the search after it that shows what was found."""

from __future__ import annotations

from dataclasses import replace

from cowpath.model.explore.reductions import UNREDUCED, Reductions
from cowpath.model.explore.result import Engine, Exploration, Limits, Question, Report
from cowpath.model.finite.domains import Narrowed


def explore(
    engine: Engine,
    narrowed: Narrowed,
    questions: tuple[Question, ...],
    limits: Limits,
    report: Report,
    reductions: Reductions,
) -> Exploration:
    """Explore with reductions; then unreduced for what was found, down to its depth, for shortest witnesses.

    What that second search cannot show within the limits is in `depths` and not in `witnesses`.
    """
    remarks: tuple[str, ...] = ()
    if reductions.needs and not engine.partial_order:
        reductions = Reductions(reductions.symmetry)
        remarks = (
            f"partial order: left aside, the {engine.name} engine does not know it; auto and python do",
        )
    found = engine.explore(narrowed, questions, limits, report, reductions)
    found = replace(found, remarks=(*remarks, *found.remarks))
    if reductions == UNREDUCED or not found.depths:
        return found
    asked = tuple(question for question in questions if question.name in found.depths)
    left = None if limits.max_seconds is None else max(0.0, limits.max_seconds - found.seconds)
    within = replace(limits, max_seconds=left, max_depth=max(found.depths.values()))
    shown = engine.explore(narrowed, asked, within, report)
    witnesses = {name: w for name, w in shown.witnesses.items() if name in found.depths}
    remarks = found.remarks
    if missing := sorted(found.depths.keys() - witnesses):
        why = f"the unreduced search that would show it was stopped: {shown.stopped}"
        remarks += tuple(f"{name} was answered in the reduced search, but {why}" for name in missing)
    return replace(found, witnesses=witnesses, remarks=remarks)
