"""The harness: schedules the threaded block stack, and anybody's threads, and holds them against a model.

Of what is for anybody's code, the names are here: `explore` and `replay`, which return an `Explored`;
`schedules`, `state_machine`; `Watch`, `Call`, `instance`; `injected`. Each is imported when it is asked for.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from cowpath.conformance.own import injected
    from cowpath.conformance.own.decorator import schedules
    from cowpath.conformance.own.explore import explore, replay
    from cowpath.conformance.own.instance import instance
    from cowpath.conformance.own.machine import state_machine
    from cowpath.conformance.own.result import Explored
    from cowpath.conformance.own.watch import Call, Watch

_FROM = {
    "Call": "watch",
    "Explored": "result",
    "Watch": "watch",
    "explore": "explore",
    "instance": "instance",
    "replay": "explore",
    "schedules": "decorator",
    "state_machine": "machine",
}
__all__ = [
    "Call",
    "Explored",
    "Watch",
    "explore",
    "injected",
    "instance",
    "replay",
    "schedules",
    "state_machine",
]


def __getattr__(name: str) -> object:
    if name == "injected":
        return importlib.import_module(f"{__name__}.own.injected")
    if name not in _FROM:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.own.{_FROM[name]}"), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
