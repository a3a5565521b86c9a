"""The epilogue: when all requests have ended, a client reads back everything that they can have touched.

Who sees no more than clients do sees a lost update only if somebody happens to read there before it is
overwritten. So the guest reads all, and once more after a checkpoint, which makes the secondary disk's
content what the guest sees. These are requests like all others, and the model explains them as such; but
nobody else is under way, hence they add no choice to a schedule.
"""

from __future__ import annotations

from collections.abc import Iterator

from cowpath.model.designs import Design
from cowpath.model.scenarios import Scenario
from cowpath.model.scenarios.geometry import Range, reduce
from cowpath.model.scenarios.scenario import MOST_REQUESTS, Request

_Wanted = tuple[str, int | None, int | None]  # kind, offset, length


def epilogue(scenario: Scenario, *designs: Design) -> tuple[Request, ...]:
    """Return the requests to make then, one after the other: what the designs have, and a scenario may."""
    if not all("guest-read" in design.kinds for design in designs):
        return ()
    first = len(scenario.requests)
    reads: list[_Wanted] = [("guest-read", start, end - start) for start, end in _touched(scenario)]
    wanted = [*reads]
    if all("checkpoint" in design.kinds for design in designs):
        wanted += [("checkpoint", None, None), *reads]
    return tuple(
        Request(kind, offset, length, False, "none", f"{kind} {number}", number)
        for number, (kind, offset, length) in enumerate(wanted[: MOST_REQUESTS - first], first)
    )


def _touched(scenario: Scenario) -> Iterator[Range]:
    """Yield the extents of the clusters that requests touch, adjacent ones as one."""
    clusters = iter(reduce(scenario).clusters)
    start, end = next(clusters)
    for cluster in clusters:
        if cluster[0] > end:
            yield start, end
            start = cluster[0]
        end = cluster[1]
    yield start, end
