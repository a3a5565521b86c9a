"""What `[expect]` of a scenario says of one design: a verdict for each property, or the number of states."""

from __future__ import annotations

from collections.abc import Collection

from cowpath.model.language.errors import shown
from cowpath.model.language.verdict import Verdict
from cowpath.model.scenarios.document import Where, choice, table_of

VERDICTS = tuple(verdict.value for verdict in Verdict)
"""What may be said of a property."""


def read(raw: object, where: Where, known: Collection[str] | None) -> dict[str, str | int]:
    """Check a design's table; `known`: the properties, None for any. Raises `ScenarioError`."""
    expected: dict[str, str | int] = {}
    for name, value in table_of(raw, where, known, what="property").items():
        if name != "states":
            expected[name] = choice(value, VERDICTS, where.key(name))
        elif isinstance(value, int) and not isinstance(value, bool) and value >= 1:
            expected[name] = value
        else:
            raise where.key(name).error(
                f"{shown(value)} is not a number of states; accepted: a whole number from 1"
            )
    return expected
