"""The epilogue: when all requests have ended, a client reads back everything that they can have touched.

Who sees no more than clients do sees a lost update only if somebody happens to read there before it is
overwritten. So the guest reads all, and once more after a checkpoint, which makes the secondary disk's
content what the guest sees. These are requests like all others, and the model explains them as such; but
nobody else is under way, hence they add no choice to a schedule.
"""

from __future__ import annotations

from model.designs import Design
from model.scenarios import Scenario
from model.scenarios.geometry import reduce
from model.scenarios.scenario import MOST_REQUESTS, Request


def epilogue(scenario: Scenario, *designs: Design) -> tuple[Request, ...]:
    """Return the requests to make then, one after the other, as far as the designs have them."""
    clusters = reduce(scenario).clusters
    start, end = clusters[0][0], clusters[-1][1]
    first = len(scenario.requests)
    kinds = ["guest-read"]
    if not any("checkpoint" in design.lacks for design in designs):
        kinds += ["checkpoint", "guest-read"]
    return tuple(
        Request(
            kind=kind,
            offset=start if kind == "guest-read" else None,
            length=end - start if kind == "guest-read" else None,
            stream=False,
            fault="none",
            label=f"{kind} {number}",
            group=number,
        )
        for number, kind in enumerate(kinds[: MOST_REQUESTS - first], first)
    )
