"""Many instances in one search: of each is found what a search of that one finds, on every engine."""

from __future__ import annotations

import random
from collections import defaultdict
from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cowpath.model.designs import DESIGNS
from cowpath.model.explore.each import Each
from cowpath.model.explore.result import UNLIMITED, Engine, Exploration, Limits, questions
from cowpath.model.finite.domains import narrow
from cowpath.model.finite.ground import ground
from cowpath.model.finite.instance import Instance
from cowpath.model.finite.instances import DifferentShapes, Instances
from cowpath.model.finite.reference import OutOfRange, Reference
from cowpath.model.language.system import System
from cowpath.model.scenarios import bundled
from cowpath.model.scenarios.geometry import reduce
from cowpath.model.stack.binding import bind
from tests.draws import first, some
from tests.explore.test_semantics import cramped, random_cases
from tests.naive_search import CAP
from tests.random_systems import Case, cases
from tests.toys import ENGINES, explore

every = pytest.mark.parametrize("engine", ENGINES, ids=lambda engine: engine.name)


def search(engine: Engine, some: Instances, limits: Limits = UNLIMITED) -> Each:
    narrowed = narrow(some.ground())
    asked = questions(narrowed.model, [p.name for p in some.system.properties])
    return engine.explore_each(narrowed, asked, limits, lambda progress: None)


def assert_same(found: Each, alone: Sequence[Exploration]) -> None:
    """Compare what was found of each start with searches of one instance each."""
    assert found.stopped is None
    assert found.complete.all()
    assert found.states.tolist() == [one.states for one in alone]
    assert found.depth.tolist() == [one.depth for one in alone]
    if found.transitions is not None:
        assert found.transitions.tolist() == [one.transitions for one in alone]
    for name, depths in found.depths.items():
        assert depths.tolist() == [one.depths.get(name, -1) for one in alone]


def like(case: Case, seed: int, most: int) -> list[Instance]:
    """Return some instances with the case's sizes and drawn tables, each different."""
    draw = random.Random(seed)
    first, system = case.instance, case.system
    found = {str(first.tables): first}
    for _ in range(most):
        tables = {
            name: {at: draw.randrange(system.parameters[name].sort.size(first.sizes)) for at in table}
            if draw.random() < 0.7
            else table
            for name, table in first.tables.items()
        }
        found.setdefault(str(tables), replace(first, tables=tables))
    return list(found.values())


def in_full(system: System, instances: Sequence[Instance]) -> list[Exploration] | None:
    """Return searches of one instance each; None if one is large or leaves a sort."""
    try:
        alone = [explore(ENGINES[0], system, each, Limits(max_states=CAP)) for each in instances]
    except OutOfRange:
        return None
    return alone if all(one.complete for one in alone) else None


@random_cases(60)
@given(cases(), st.integers(0, 1 << 30))
def test_drawn_systems_on_drawn_instances(case: Case, seed: int) -> None:
    instances = like(case, seed, 5)
    alone = in_full(case.system, instances)
    if alone is None:
        return
    some = Instances.of(case.system, instances)
    starts = narrow(some.ground()).model.starts
    layout = some.ground().layout
    for instance, start in zip(instances, starts, strict=True):
        state = dict(zip(((c.variable, c.indices) for c in layout.cells), start, strict=True))
        reference = Reference(case.system, instance)
        wanted = zip(reference.layout.cells, reference.initial(), strict=True)
        assert all(state[cell.variable, cell.indices] == value for cell, value in wanted)
    for engine in ENGINES:
        for small in (False, True):
            with cramped() if small else nullcontext():
                assert_same(search(engine, some), alone)


@random_cases(40)
@given(cases(wild=True), st.integers(0, 1 << 30))
def test_a_value_outside_its_sort_is_found_in_any_of_them(case: Case, seed: int) -> None:
    instances = like(case, seed, 3)
    outside = []
    for each in instances:
        try:
            if not explore(ENGINES[0], case.system, each, Limits(max_states=CAP)).complete:
                return
            outside.append(False)
        except OutOfRange:
            outside.append(True)
    some = Instances.of(case.system, instances)
    for engine in ENGINES:
        try:
            search(engine, some)
            found = False
        except OutOfRange:
            found = True
        assert found == any(outside)


def shapes(design: str) -> Mapping[tuple[object, ...], list[Instance]]:
    """Return the instances of the bundled scenarios by shape, those that only streams tell apart together."""
    found: dict[tuple[object, ...], list[Instance]] = defaultdict(list)
    for scenario in bundled():
        if DESIGNS[design].unsupported(scenario) is None:
            instance = bind(scenario, reduce(scenario))
            known = found[tuple(instance.sizes.items())]
            read = DESIGNS[design].system.parameters
            if all(any(k.tables[n] != instance.tables[n] for n in read) for k in known):
                known.append(instance)
    return found


@every
@pytest.mark.parametrize("design", first(DESIGNS, "rfc-2016", "block-copy-5.1"))
def test_bundled_scenarios_of_one_shape(engine: Engine, design: str) -> None:
    system = DESIGNS[design].system
    if engine.name == "native" and design not in ("rfc-2016", "block-copy-4.2"):
        return
    several = [instances for instances in shapes(design).values() if len(instances) > 1]
    for number, instances in enumerate(several):
        if number % (3 // some(3)) == 0:  # all of them with `--everything`
            alone = [explore(ENGINES[0], system, instance) for instance in instances]
            assert_same(search(engine, Instances.of(system, instances)), alone)


@every
def test_a_limit_leaves_open_what_it_cut(engine: Engine) -> None:
    instances = max(shapes("rfc-2016").values(), key=len)
    system = DESIGNS["rfc-2016"].system
    alone = [explore(ENGINES[0], system, instance) for instance in instances]
    limit = sum(one.states for one in alone) - 5
    with cramped():
        found = search(engine, Instances.of(system, instances), Limits(max_states=limit))
    assert found.stopped == f"--max-states {limit} was reached"
    assert 0 < found.complete.sum() < len(instances)
    for number, one in enumerate(alone):
        if found.complete[number]:
            assert (found.states[number], found.depth[number]) == (one.states, one.depth)
        for name, depths in found.depths.items():
            assert depths[number] in (-1, one.depths.get(name, -1))
            assert not found.complete[number] or depths[number] == one.depths.get(name, -1)


def test_instances_must_have_one_shape_and_differ() -> None:
    system = DESIGNS["rfc-2016"].system
    (one, other, *_) = (some[0] for some in shapes("rfc-2016").values())
    with pytest.raises(DifferentShapes, match="how many elements"):
        Instances.of(system, [one, other])
    with pytest.raises(AssertionError, match="cannot be told apart"):
        search(ENGINES[1], Instances.of(system, [one, one]))


def test_one_instance_is_grounded_as_it_is() -> None:
    design = DESIGNS["rfc-2016"]
    scenario = bundled()[0]
    instance = bind(scenario, reduce(scenario))
    alone = narrow(ground(design.system, instance))
    many = narrow(Instances.of(design.system, [instance]).ground())
    assert many.values == alone.values
    assert many.model.starts == alone.model.starts
    assert len(many.model.commands) == len(alone.model.commands)
