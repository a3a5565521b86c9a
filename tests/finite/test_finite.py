"""Random ground terms and states: what z3 says of a term is what plain Python says of it."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

import pytest
import z3
from hypothesis import given, settings
from hypothesis import strategies as st

from cowpath.model.designs import DESIGNS, Case
from cowpath.model.finite.ground import ground
from cowpath.model.finite.in_z3 import FiniteState
from cowpath.model.finite.reference import OutOfRange, Reference
from cowpath.model.finite.term import Node, Term, Terms
from cowpath.model.language.expression import Const, Param, Read
from cowpath.model.language.sorts import BOOL
from cowpath.model.scenarios import find
from cowpath.model.scenarios.geometry import reduce
from cowpath.model.stack.binding import bind
from cowpath.model.stack.world import Request
from tests.draws import some

SIZES = (2, 2, 3, 4, 7)


def evaluate(term: Term, state: Sequence[int]) -> int:
    if isinstance(term, int):
        return term
    if term.kind == "cell":
        (cell,) = term.arguments
        assert isinstance(cell, int)
        return state[cell]
    values = [evaluate(a, state) for a in term.arguments]
    match term.kind:
        case "not":
            return 1 - values[0]
        case "and":
            return int(all(values))
        case "or":
            return int(any(values))
        case "eq":
            return int(values[0] == values[1])
        case "lt":
            return int(values[0] < values[1])
        case "if":
            return values[1] if values[0] else values[2]
    return sum(values)


@st.composite
def terms(draw: st.DrawFn, truth: bool, depth: int = 4) -> Term:
    """Draw a term (unfolded, so that every kind comes up): a truth value, or a number."""
    cells = [Node("cell", (i,)) for i, size in enumerate(SIZES) if not truth or size == 2]
    constants: list[Term] = [0, 1] if truth else [0, 1, 2, 5]
    if depth == 0:
        return draw(st.sampled_from([*cells, *constants]))
    truths, numbers = terms(True, depth - 1), terms(False, depth - 1)
    several = st.lists(truths, min_size=1, max_size=3).map(tuple)
    shapes = (
        [("not", (truths,)), ("eq", (numbers, numbers)), ("lt", (numbers, numbers)), ("if", (truths,) * 3)]
        if truth
        else [("add", (numbers, numbers)), ("if", (truths, numbers, numbers))]
    )
    options = [st.tuples(*parts).map(partial(Node, kind)) for kind, parts in shapes]
    junctions = ("and", "or") if truth else ("sum",)
    options += [several.map(partial(Node, kind)) for kind in junctions]
    return draw(st.one_of(st.sampled_from([*cells, *constants]), *options))


states = st.tuples(*(st.integers(0, size - 1) for size in SIZES))


def pinned(state: FiniteState, values: Sequence[int]) -> z3.Solver:
    solver = z3.Solver()
    solver.add(state.in_range(), *(state.equals(i, v) for i, v in enumerate(values)))
    return solver


@given(terms(True), states)
@settings(max_examples=some(300), deadline=None)
def test_truth_values_agree(term: Term, values: tuple[int, ...]) -> None:
    state = FiniteState(SIZES)
    solver = pinned(state, values)
    solver.add(state.boolean(term) != bool(evaluate(term, values)))
    assert solver.check() == z3.unsat


@given(terms(False), states)
@settings(max_examples=some(300), deadline=None)
def test_numbers_agree(term: Term, values: tuple[int, ...]) -> None:
    state = FiniteState(SIZES)
    solver = pinned(state, values)
    assert solver.check() == z3.sat
    model = solver.model()
    assert [state.value(model, i) for i in range(len(SIZES))] == list(values)
    found = model.eval(state.number(term), model_completion=True)
    assert isinstance(found, z3.BitVecNumRef)
    assert found.as_long() == evaluate(term, values) <= state.highest(term)


def test_a_number_is_no_truth_value() -> None:
    with pytest.raises(TypeError, match="may be 6"):
        FiniteState(SIZES).boolean(Node("cell", (4,)))


def test_values_outside_a_sort_are_excluded() -> None:
    state = FiniteState(SIZES)
    solver = z3.Solver()
    solver.add(state.in_range(), state.equals(2, 3))
    assert solver.check() == z3.unsat


def test_equal_terms_are_one_expression() -> None:
    shared = Terms()
    state = FiniteState(SIZES)
    one = state.boolean(shared.equal(shared.cell(2), 1))
    assert one is state.boolean(shared.equal(shared.cell(2), 1))


@pytest.mark.parametrize("design", ["rfc-2016", "copy-before-write-9.2"])
def test_the_commands_of_a_design_agree_with_the_reference(design: str) -> None:
    """Along a path: which commands are enabled, and where they lead."""
    scenario = find("race")
    instance = bind(scenario, reduce(scenario))
    system = DESIGNS[design].system
    model, reference = ground(system, instance), Reference(system, instance)
    state = FiniteState(model.layout.sizes)
    enabled = [state.boolean(command.enabled) for command in model.commands]
    values, steps = reference.initial(), 0
    while successors := list(reference.steps(values)):
        solver = pinned(state, values)
        assert solver.check() == z3.sat
        z3_model = solver.model()
        may = [n for n, t in enumerate(enabled) if z3.is_true(z3_model.eval(t, model_completion=True))]
        commands = [model.commands[n] for n in may]
        assert [(c.action.label, c.arguments) for c in commands] == [
            (s.action.label, s.arguments) for s in successors
        ]
        for command, successor in zip(commands, successors, strict=True):
            for cell, value in command.updates:
                new = z3_model.eval(state.number(value), model_completion=True)
                assert isinstance(new, z3.BitVecNumRef)
                assert new.as_long() == successor.after[cell]
        values, steps = successors[-1].after, steps + 1
    assert steps > 10


@pytest.mark.parametrize("kind", [Param, Read])
def test_what_is_read_where_there_is_none_is_named(kind: type[Param] | type[Read]) -> None:
    """A state that nobody reaches may ask for it: who searches such states takes that for no answer."""
    case = Case(DESIGNS["rfc-2016"], find("race"))
    name = "stream" if kind is Param else "pc"
    nobody = Const(Request, 9)
    reference = Reference(case.design.system, case.instance)
    expr, state = kind(BOOL, name, (nobody,)), reference.initial()
    with pytest.raises(OutOfRange, match=rf"{name} is read at \(9,\), where it has no"):
        reference.value(expr, state, {})
