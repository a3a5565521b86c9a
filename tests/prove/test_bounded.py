"""Bounded reachability in z3 against the reference: exactly the same states after exactly k steps."""

from __future__ import annotations

import pytest
import z3

from cowpath.model.designs import DESIGNS
from cowpath.model.finite.ground import GroundModel, ground
from cowpath.model.finite.in_z3 import FiniteState, equate
from cowpath.model.finite.reference import Reference, Vector
from cowpath.model.scenarios import find
from cowpath.model.scenarios.geometry import reduce
from cowpath.model.stack.binding import bind


def transition(model: GroundModel, before: FiniteState, after: FiniteState) -> z3.BoolRef:
    """Some command leads from the one state to the other."""
    steps = []
    for command in model.commands:
        updates = dict(command.updates)
        moves = [
            equate(before.number(updates.get(i, model.terms.cell(i))), after.number(model.terms.cell(i)))
            for i in range(len(model.layout.sizes))
        ]
        steps.append(z3.And(before.boolean(command.enabled), *moves))
    return z3.Or(steps)


def reachable_in(model: GroundModel, depth: int) -> list[set[Vector]]:
    """All states after exactly 0, 1, ... steps: every solution of z3, one by one."""
    sizes = model.layout.sizes
    states = [FiniteState(sizes, f"s{k}.") for k in range(depth + 1)]
    solver = z3.Solver()
    solver.add(*(states[0].equals(i, value) for i, value in enumerate(model.initial)))
    layers = [{model.initial}]
    for k in range(1, depth + 1):
        solver.add(states[k].in_range(), transition(model, states[k - 1], states[k]))
        found: set[Vector] = set()
        solver.push()
        while solver.check() == z3.sat:
            z3_model = solver.model()
            state = tuple(states[k].value(z3_model, i) for i in range(len(sizes)))
            found.add(state)
            solver.add(z3.Not(z3.And([states[k].equals(i, value) for i, value in enumerate(state)])))
        solver.pop()
        layers.append(found)
    return layers


@pytest.mark.parametrize("design", ["rfc-2016", "block-copy-5.0", "copy-before-write-9.2"])
def test_the_states_after_k_steps_are_the_references(design: str) -> None:
    scenario = find("race")
    instance = bind(scenario, reduce(scenario))
    system = DESIGNS[design].system
    reference = Reference(system, instance)
    layers = [{reference.initial()}]
    for _ in range(5):
        layers.append({step.after for state in layers[-1] for step in reference.steps(state)})
    assert reachable_in(ground(system, instance), 5) == layers
    assert len(layers[-1]) > 3
