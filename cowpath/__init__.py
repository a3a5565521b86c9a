"""A verification bench for copy-before-write storage: model, checker, proofs, conformance.

What a design of one's own is written with can be imported from here; nothing is loaded until it is used. The
rooms behind it are `cowpath.model`, `cowpath.impl` and `cowpath.conformance`.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from cowpath.model.bench.check import check
    from cowpath.model.designs import Case, Design
    from cowpath.model.language.claim import Landmark, Level, ProofOutline, claim
    from cowpath.model.language.expression import Expr, If, count, exists, forall, nobody
    from cowpath.model.language.sorts import BOOL, Enum, Index, Int, Maybe, Position
    from cowpath.model.language.system import State, System
    from cowpath.model.scenarios import Scenario, load

_LANGUAGE = "cowpath.model.language"
_FROM = {
    "check": "cowpath.model.bench.check",
    **dict.fromkeys(("Case", "Design"), "cowpath.model.designs"),
    **dict.fromkeys(("Landmark", "Level", "ProofOutline", "claim"), f"{_LANGUAGE}.claim"),
    **dict.fromkeys(("Expr", "If", "count", "exists", "forall", "nobody"), f"{_LANGUAGE}.expression"),
    **dict.fromkeys(("BOOL", "Enum", "Index", "Int", "Maybe", "Position"), f"{_LANGUAGE}.sorts"),
    **dict.fromkeys(("State", "System"), f"{_LANGUAGE}.system"),
    **dict.fromkeys(("Scenario", "load"), "cowpath.model.scenarios"),
}

__all__ = [
    "BOOL",
    "Case",
    "Design",
    "Enum",
    "Expr",
    "If",
    "Index",
    "Int",
    "Landmark",
    "Level",
    "Maybe",
    "Position",
    "ProofOutline",
    "Scenario",
    "State",
    "System",
    "check",
    "claim",
    "count",
    "exists",
    "forall",
    "load",
    "nobody",
]


def __getattr__(name: str) -> object:
    if name not in _FROM:
        raise AttributeError(f"module 'cowpath' has no attribute '{name}'")
    return getattr(import_module(_FROM[name]), name)
