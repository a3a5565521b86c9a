"""At which release of QEMU a verdict changes, and by which commits."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from cowpath.model.bench.check import Result
from cowpath.model.designs.release import Role, written
from cowpath.model.language.verdict import Verdict

Found = Mapping[tuple[str, str], Result]
"""The results by scenario's name and design."""


def borders(role: Role, results: Sequence[Result]) -> Iterator[str]:
    """Yield, release by release, what came with it and the cells that changed, one to a line.

    Of releases that one design stands for nothing can change. Every line but a border's first is indented.
    """
    found = {(result.scenario.name, result.design): result for result in results}
    scenarios = list(dict.fromkeys(result.scenario.name for result in results))
    for before, after in role.borders():
        cells = [
            f"    {scenario}: {was} \N{RIGHTWARDS ARROW} {becomes}"
            for scenario in scenarios
            if (was := _cell(found.get((scenario, before.design))))
            != (becomes := _cell(found.get((scenario, after.design))))
        ]
        yield f"{written(after.since)}, {before.design} to {after.design}:"
        yield from (f"  {line}" for line in after.changed)
        yield from cells or ["    no cell changes"]


def _cell(result: Result | None) -> str:
    """Return what a cell says; depths of traces do not count."""
    if result is None:
        return "no such request or option"
    words = [name for name, outcome in result.properties.items() if outcome.verdict is Verdict.VIOLATED]
    undetermined = any(outcome.verdict is Verdict.UNDETERMINED for outcome in result.properties.values())
    return ", ".join(words + ["undetermined"] * undetermined) or "holds"
