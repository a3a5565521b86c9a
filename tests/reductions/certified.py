"""A model with its certificate, and what a search by that certificate visits."""

from __future__ import annotations

from collections.abc import Iterable

import pytest

from cowpath.model.explore.program import Program
from cowpath.model.explore.reductions import Reductions
from cowpath.model.explore.result import DEADLOCK, Question, questions
from cowpath.model.finite.domains import Narrowed, narrow
from cowpath.model.finite.ground import ground
from cowpath.model.finite.instance import Instance
from cowpath.model.language.system import System
from cowpath.model.reductions.certificate import Certificate, certify
from tests.toys import TOYS

each_toy = pytest.mark.parametrize("toy", TOYS, ids=lambda toy: toy.name)


def prepared(system: System, where: Instance) -> tuple[Narrowed, tuple[Question, ...], Certificate]:
    narrowed = narrow(ground(system, where))
    asked = questions(narrowed.model, [p.name for p in system.properties])
    return narrowed, asked, certify(narrowed, asked)


def reductions(certified: Certificate) -> Reductions:
    return Reductions(needs=certified.needs, visible=certified.visible, terminates=certified.terminates)


def visit(program: Program, *, reduced: bool, terminates: bool = False) -> set[bytes]:
    """Return the states that a breadth-first search visits, by the rule that `Reductions` states."""
    seen, layer = {program.initial}, [program.initial]
    while layer:
        following: set[bytes] = set()
        for state in layer:
            every = program.successors(state)
            few = program.enough(state, every) if reduced else every
            new = {s for _, s in few} - seen
            if not new and not terminates:
                new = {s for _, s in every} - seen
            following |= new
        seen |= following
        layer = sorted(following)
    return seen


def found(program: Program, states: Iterable[bytes]) -> set[str]:
    names = {name for state in states for name in program.answers(state)}
    stuck = any(program.deadlocked(state, program.successors(state)) for state in states)
    return names | ({DEADLOCK} if stuck else set())
