"""From the parts of a design to its system, and to what its proofs rest on."""

from __future__ import annotations

from collections.abc import Sequence

from cowpath.model.language.claim import Claim, Level, ProofOutline, placed
from cowpath.model.language.errors import ModelError
from cowpath.model.language.system import System
from cowpath.model.stack.machine import Machine
from cowpath.model.stack.part import Parts


def assemble(name: str, parts: Parts, machine: Machine) -> System:
    """Return the system: all declarations, then all actions, then what is claimed of every such machine."""
    system = System(name)
    for part in parts:
        part.declare(system, parts)
    for part in parts:
        part.act(system, parts)
    machine.claims(system, parts)
    return system


def kinds_of(parts: Parts, bundled: Sequence[str]) -> tuple[str, ...]:
    """Return the kinds of request that some part has a place for: bundled ones first, in their order."""
    found = dict.fromkeys(kind for part in parts for kind in part.kinds)
    return (*(kind for kind in bundled if kind in found), *(kind for kind in found if kind not in bundled))


def outline(
    system: System,
    parts: Parts,
    machine: Machine,
    scope: tuple[Claim, ...],
    order: Sequence[str],
    theorems: tuple[str, ...],
) -> ProofOutline:
    """Return what the proofs rest on. `order`: the names of levels, highest first; some may be of no part.

    Raises `ModelError` if a part has a level that the order does not name.
    """
    levels: dict[str, Level] = {level.name: level for part in parts for level in part.levels(parts)}
    if missing := levels.keys() - set(order):
        raise ModelError(f"{system.name}: no place in the order of levels for {', '.join(sorted(missing))}")
    landmarks = {mark.name: mark for part in parts for mark in part.landmarks(parts)}
    places = (claim for program in system.programs.values() for claim in placed(program))
    return ProofOutline(
        given=(
            *machine.given,
            machine.kinds_given(kinds_of(parts, machine.kinds)),
            *(claim for part in parts for claim in part.given(parts)),
        ),
        scope=scope,
        invariants=(*places, *(claim for part in parts for claim in part.claims(parts))),
        levels=tuple(levels[name] for name in order if name in levels),
        landmarks=tuple(landmarks.values()),
        theorems=theorems,
        measures=tuple(measure for part in parts for measure in part.measures(parts)),
        runs=machine.runs,
        tiers=tuple(tier for part in parts for tier in part.tiers(parts)),
    )
