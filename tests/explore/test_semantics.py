"""Random systems: the text's plain meaning against grounding, narrowing, both programs and both engines."""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import fields, is_dataclass
from functools import partial

import numpy as np
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from cowpath.model.explore import codes, numpy_engine, packing, state_set
from cowpath.model.explore.native import search, visited
from cowpath.model.explore.program import Program
from cowpath.model.explore.result import DEADLOCK, Exploration, Limits
from cowpath.model.explore.vector_program import VectorProgram
from cowpath.model.finite.domains import Narrowed, narrow
from cowpath.model.finite.ground import GroundModel
from cowpath.model.finite.reference import OutOfRange, Vector
from cowpath.model.language.expression import Expr, Quantified
from tests.draws import some
from tests.naive_search import CAP, Naive
from tests.random_systems import Case, cases
from tests.toys import ENGINES, Step, explore, steps


def unnarrowed(model: GroundModel) -> Narrowed:
    """Return the model as grounding left it: every command, every value of every sort, every check."""
    values = tuple(tuple(range(max(size, 2))) for size in model.layout.sizes)  # two at least: none left out
    return Narrowed(model, values, {n: command.updates for n, command in enumerate(model.commands)})


def by_program(narrowed: Narrowed, states: list[Vector]) -> dict[Vector, Counter[tuple[Step, Vector]]]:
    program = Program(narrowed, ())
    commands = narrowed.model.commands
    result = {}
    for state in states:
        successors = program.successors(bytes(state[cell] for cell in program.live))
        result[state] = Counter(
            ((commands[n].action.label, commands[n].arguments), program.vector(after))
            for n, after in successors
        )
    return result


def by_vectors(narrowed: Narrowed, states: list[Vector]) -> dict[Vector, Counter[tuple[Step, Vector]]]:
    program = VectorProgram(narrowed, ())
    packed = np.concatenate([program.coding.pack(state) for state in states])
    result: dict[Vector, Counter[tuple[Step, Vector]]] = {state: Counter() for state in states}
    for number, which, columns in program.expand(tuple(packed.T)):
        command = narrowed.model.commands[number]
        for i, row in zip(which, np.stack(columns, axis=1), strict=True):
            step = (command.action.label, command.arguments)
            result[states[i]][step, program.coding.unpack(row)] += 1
    return result


def random_cases(number: int, part: int = 3) -> settings:
    return settings(
        max_examples=some(number, part),
        derandomize=True,
        deadline=None,
        database=None,
        phases=[Phase.generate, Phase.shrink],
        suppress_health_check=[HealthCheck.too_slow],
    )


@contextmanager
def cramped() -> Iterator[None]:
    """Words of 8 bits, chunks of 3 states, 4 lines, codes of 6, 4 recent: small systems take many of each."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(packing, "WORD", 8)
        patch.setattr(numpy_engine, "_CHUNK", 3)
        patch.setattr(search, "_SEGMENT", 3)
        patch.setattr(visited, "FEWEST_LINES", 2)
        patch.setattr(codes, "MOST", 6)
        patch.setattr(state_set, "_RECENT", 2)
        yield


@random_cases(60)
@given(cases())
def test_successors_are_those_of_the_reference(case: Case) -> None:
    states = list(case.naive.successors)
    wanted = {state: Counter(found) for state, found in case.naive.successors.items()}
    for narrowed in (narrow(case.model), unnarrowed(case.model)):
        assert by_program(narrowed, states) == wanted
        assert by_vectors(narrowed, states) == wanted
        with cramped():
            assert by_vectors(narrowed, states) == wanted


@random_cases(100)
@given(cases())
def test_engines_agree_with_a_naive_search_narrowed_or_not(case: Case) -> None:
    naive = case.naive
    if not naive.complete:
        return
    outcomes = []
    models = (narrow(case.model), unnarrowed(case.model))
    for narrowed in models:
        for engine, small in itertools.product(ENGINES, (False, True)):
            if engine.name == "native" and narrowed is not models[0] and not small:
                continue  # compilation takes its time
            with cramped() if small else nullcontext():
                found = explore(engine, case.system, case.instance, narrowed=narrowed)
            assert found.complete
            assert (found.states, found.transitions, found.depth) == naive.numbers
            assert {name: w.depth for name, w in found.witnesses.items()} == naive.least
            outcomes.append(steps(narrowed, found))
    assert all(outcome == outcomes[0] for outcome in outcomes)
    for name, path in outcomes[0].items():
        assert naive.sought[name](last(naive, path))


def last(naive: Naive, path: tuple[Step, ...]) -> Vector:
    """Follow the path in the naive search's graph."""
    state = naive.reference.initial()
    for step in path:
        state = dict(naive.successors[state])[step]
    return state


@random_cases(30)
@given(cases(), st.integers(1, 60))
def test_a_limit_gives_the_right_part(case: Case, most: int) -> None:
    naive = case.naive
    if not naive.complete:
        return
    for engine in ENGINES:
        found = explore(engine, case.system, case.instance, Limits(max_states=most))
        assert found.complete == (naive.numbers[0] <= most)
        assert {name: w.depth for name, w in found.witnesses.items()}.items() <= naive.least.items()


def leaves_a_sort(look: Callable[[], Naive | Exploration]) -> bool | None:
    """Tell whether a search finds a value outside its sort; None if it did not see everything."""
    try:
        return False if look().complete else None
    except OutOfRange:
        return True


@random_cases(100)
@given(cases(wild=True))
def test_a_value_outside_its_sort_is_found_by_all(case: Case) -> None:
    wanted = leaves_a_sort(lambda: case.naive)
    if wanted is None:
        return
    limits = Limits(max_states=10 * CAP)
    found = [leaves_a_sort(partial(explore, e, case.system, case.instance, limits)) for e in ENGINES]
    assert found == [wanted] * len(ENGINES)


# -- the generator itself


def kinds(thing: object) -> Iterator[str]:
    """Yield the kinds of all nodes of a recorded text."""
    if isinstance(thing, Expr):
        yield thing.kind if isinstance(thing, Quantified) else type(thing).__name__
    if is_dataclass(thing):
        for field in fields(thing):
            yield from kinds(getattr(thing, field.name))
    elif isinstance(thing, tuple | list):
        for part in thing:
            yield from kinds(part)


@pytest.mark.lengthy  # what it draws is the same in every run
def test_the_generator_is_not_vacuous() -> None:
    seen: list[Naive] = []
    used: set[str] = set()

    @random_cases(120, part=1)
    @given(cases())
    def sample(case: Case) -> None:
        seen.append(case.naive)
        used.update(kinds(case.system.actions))

    sample()
    complete = [naive for naive in seen if naive.complete]
    assert len(complete) > 0.7 * len(seen)

    def often(what: Callable[[Naive], bool]) -> int:
        return sum(map(what, complete))

    def deadlocks(naive: Naive) -> list[Vector]:
        return [state for state in naive.depths if naive.deadlocked(state)]

    assert often(lambda naive: naive.numbers[0] >= 50) > 10
    assert often(lambda naive: naive.numbers[2] >= 5) > 20
    assert often(lambda naive: any(not naive.successors[state] for state in deadlocks(naive))) > 10
    assert often(lambda naive: any(naive.successors[state] for state in deadlocks(naive))) > 2
    assert often(lambda naive: naive.least.get(DEADLOCK, 0) > 1) > 2
    assert often(lambda naive: naive.least.get("always 0", 0) > 1) > 2
    assert often(lambda naive: "always 0" not in naive.least) > 10
    operators = {"Not", "And", "Or", "Eq", "Less", "Add", "IfThenElse", "exists", "forall", "count"}
    assert used == {"Const", "Size", "Local", "Param", "Read", *operators}


def test_the_wild_generator_leaves_sorts_and_stays_in_them() -> None:
    seen: Counter[bool | None] = Counter()

    @random_cases(40, part=1)
    @given(cases(wild=True))
    def sample(case: Case) -> None:
        seen[leaves_a_sort(lambda: case.naive)] += 1

    sample()
    assert seen[True] > 5
    assert seen[False] > 5
