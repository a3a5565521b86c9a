"""The bugs of the record, in words: what each was, how it is said, and what the checker finds."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from cowpath.model.bench.check import PropertyResult
from cowpath.model.bench.recorded import Judged, Report, Said


def lines(found: Sequence[Judged | Report]) -> Iterator[str]:
    """Yield each bug: what it was, then indented its repair, and the verdicts or why there is none."""
    for each in found:
        report = each.report if isinstance(each, Judged) else each
        yield f"{report.name}: {report.what}"
        yield f"    in {report.broken}; repaired by {report.fix}"
        if isinstance(each, Judged):
            said = each.said
            yield (
                f"    on {said.scenario}, {said.property}: {_side(said, said.before, each.before)}; "
                f"{_side(said, said.after, each.after)}"
            )
            if not each.as_recorded:
                yield "    NOT AS RECORDED"
        else:
            yield f"    not said: {report.unsaid}"
    judged = [each for each in found if isinstance(each, Judged)]
    yield ""
    yield (
        f"{len(found)} bugs, {len(judged)} said by a scenario; of these {sum(j.as_recorded for j in judged)} "
        "fall before their repair and hold after it."
    )


def as_json(each: Judged | Report) -> dict[str, Any]:
    """Return the object that `--json` writes for a bug."""
    report = each.report if isinstance(each, Judged) else each
    written: dict[str, Any] = {
        "name": report.name,
        "what": report.what,
        "fix": report.fix,
        "broken": report.broken,
        "unsaid": report.unsaid or None,
        "scenario": None,
    }
    if isinstance(each, Judged):
        said = each.said
        written |= {"scenario": said.scenario, "property": said.property, "role": said.role}
        for side, when, result in (("before", said.before, each.before), ("after", said.after, each.after)):
            written[side] = {
                "release": when if said.role else None,
                "design": said.design(when),
                "verdict": result.verdict.value,
                "depth": result.depth,
            }
    return written


def _side(said: Said, when: str, result: PropertyResult) -> str:
    design = said.design(when)
    who = design if said.role is None else f"{when} ({design})"
    steps = "" if result.depth is None else f" in {result.depth} step{'s' * (result.depth != 1)}"
    return f"{who} {result.verdict.value}{steps}"
