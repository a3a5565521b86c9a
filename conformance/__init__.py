"""The harness: schedules the threaded block stack, and anybody's threads, and holds them against a model.

Of what is for anybody's code, the names are here: `explore` and `replay`, which return an `Explored`;
`schedules`, `state_machine`; `Watch`, `Call`, `instance`; `injected`. Of what is for a design of a block
stack: `scenarios`, a strategy of Hypothesis whose examples are workloads, and `wide`, which says what may be
in them (`Bounds`). Each is imported when it is asked for.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from cowpath.conformance.campaign.drawing import Bounds, wide
    from cowpath.conformance.campaign.strategy import scenarios
    from cowpath.conformance.own import injected
    from cowpath.conformance.own.decorator import schedules
    from cowpath.conformance.own.explore import explore, replay
    from cowpath.conformance.own.instance import instance
    from cowpath.conformance.own.machine import state_machine
    from cowpath.conformance.own.result import Explored
    from cowpath.conformance.own.watch import Call, Watch

_FROM = {
    "Bounds": "campaign.drawing",
    "Call": "own.watch",
    "Explored": "own.result",
    "Watch": "own.watch",
    "explore": "own.explore",
    "instance": "own.instance",
    "replay": "own.explore",
    "scenarios": "campaign.strategy",
    "schedules": "own.decorator",
    "state_machine": "own.machine",
    "wide": "campaign.drawing",
}
__all__ = [
    "Bounds",
    "Call",
    "Explored",
    "Watch",
    "explore",
    "injected",
    "instance",
    "replay",
    "scenarios",
    "schedules",
    "state_machine",
    "wide",
]


def __getattr__(name: str) -> object:
    if name == "injected":
        return importlib.import_module(f"{__name__}.own.injected")
    if name not in _FROM:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{_FROM[name]}"), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
