"""What the search of every bundled design on every bundled scenario comes to, exactly, in tests/expected/.

`python -m tests.expectations` (or `make expectations`) writes the files anew, after a change that is meant to
show in them; the difference is then to be read, and committed. Names of designs after it: only these.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

from cowpath.model.bench.batch import Plan, run
from cowpath.model.bench.check import Result
from cowpath.model.designs import ALL
from cowpath.model.scenarios import Scenario, bundled
from cowpath.model.scenarios.vocabulary import STALL

FOLDER = Path(__file__).parent / "expected"
RENEW = "if that is meant: make expectations, and read what git diff says"


def outcome(result: Result) -> dict[str, Any]:
    """Return what is expected: how much there is to explore, and each violation with its shortest trace."""
    found = result.exploration
    assert result.stopped is None
    asked = (*result.case.design.standard, STALL)
    depths = {name: result.properties[name].depth for name in result.violated if name in asked}
    counts = {"states": found.states, "transitions": found.transitions, "depth": found.depth}
    return {**counts, "violated": depths}


@cache
def expected(design: str) -> Mapping[str, Mapping[str, Any]]:
    """Return what is expected of the design, by the scenario's slug."""
    path = FOLDER / f"{design}.json"
    assert path.exists(), f"{path.name} is missing; {RENEW}"
    loaded: dict[str, dict[str, Any]] = json.loads(path.read_text())
    return loaded


def found(design: str, scenarios: Sequence[Scenario]) -> dict[str, dict[str, Any]]:
    """Check the design on those of the scenarios that fit it."""
    results = run(Plan([ALL[design]], scenarios, ()), processes=1)
    return {result.scenario.slug: outcome(result) for result in results}


def dumps(outcomes: Mapping[str, Mapping[str, Any]]) -> str:
    """Return JSON with a scenario a line, so that a difference is read line by line."""
    lines = ",\n".join(f" {json.dumps(slug)}: {json.dumps(outcomes[slug])}" for slug in outcomes)
    return f"{{\n{lines}\n}}\n"


def renew(designs: Iterable[str]) -> None:
    """Write the files of these designs; those of designs that are gone go, too."""
    FOLDER.mkdir(exist_ok=True)
    for path in FOLDER.glob("*.json"):
        if path.stem not in ALL:
            path.unlink()
    for design in designs:
        (FOLDER / f"{design}.json").write_text(dumps(found(design, bundled())))


if __name__ == "__main__":
    if unknown := set(sys.argv[1:]) - {*ALL}:
        sys.exit(f"no such design: {', '.join(sorted(unknown))}; accepted: {', '.join(ALL)}")
    renew(sys.argv[1:] or ALL)
