"""Partial-order reduction: what z3 certified against enumeration, reduced runs against unreduced ones."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

import networkx as nx
import pytest
from hypothesis import HealthCheck, assume, event, given, settings
from hypothesis import strategies as st

from cowpath.model.designs import DESIGNS
from cowpath.model.explore.native import search, visited
from cowpath.model.explore.native.engine import NativeEngine
from cowpath.model.explore.program import Program
from cowpath.model.explore.python_engine import PythonEngine
from cowpath.model.explore.reductions import UNREDUCED, Need, Reductions, alone
from cowpath.model.explore.result import DEADLOCK, UNLIMITED, Limits, Question, questions
from cowpath.model.finite.domains import Narrowed, narrow
from cowpath.model.finite.ground import ground
from cowpath.model.finite.instance import Instance
from cowpath.model.language.expression import Expr
from cowpath.model.language.system import State, System
from cowpath.model.reductions import certificate, symmetry
from cowpath.model.reductions.certificate import Certificate, certify
from cowpath.model.reductions.orbits import images
from cowpath.model.reductions.places import Places, places_of
from cowpath.model.scenarios import Scenario, find, loads
from cowpath.model.scenarios.geometry import reduce
from cowpath.model.stack.binding import bind
from tests.benchmarks import cow_request
from tests.draws import some
from tests.scenarios.test_reduction import scenarios
from tests.toys import (
    TOYS,
    Owner,
    Toy,
    column,
    dining,
    instance,
    leak,
    mutex,
    overflow,
    relay,
)

each_toy = pytest.mark.parametrize("toy", TOYS, ids=lambda toy: toy.name)
SMALL = ("unaligned-write", "race", "neighbours", "stop", "aligned-meets-unaligned")


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


def final(program: Program, states: Iterable[bytes]) -> set[bytes]:
    return {state for state in states if not program.successors(state)}


def found(program: Program, states: Iterable[bytes]) -> set[str]:
    names = {name for state in states for name in program.answers(state)}
    stuck = any(program.deadlocked(state, program.successors(state)) for state in states)
    return names | ({DEADLOCK} if stuck else set())


def assert_same(system: System, where: Instance, most: int = 30_000) -> float | None:
    """Compare a reduced search with an unreduced one; return how many times fewer states it visits."""
    narrowed, asked, certified = prepared(system, where)
    whole = PythonEngine().explore(narrowed, asked, Limits(max_states=most), lambda progress: None)
    if not whole.complete:
        return None
    small = PythonEngine().explore(narrowed, asked, UNLIMITED, lambda p: None, reductions(certified))
    assert small.depths.keys() == whole.depths.keys()
    assert all(small.depths[name] >= depth for name, depth in whole.depths.items())
    program = Program(narrowed, asked, reductions(certified))
    every = visit(program, reduced=False)
    some = visit(program, reduced=True, terminates=certified.terminates)
    assert len(every) == whole.states
    assert some <= every
    assert final(program, some) == final(program, every)
    assert found(program, some) == found(program, every) == set(whole.depths)
    return len(every) / len(some)


# -- whole runs


def assert_machine_code_agrees(narrowed: Narrowed, asked: tuple[Question, ...], chosen: Reductions) -> None:
    """Both engines, with and without the proviso, and with and without symmetry: the very same search."""
    for terminates in {chosen.terminates, False}:
        for permutations in {chosen.symmetry, ()}:
            how = replace(chosen, terminates=terminates, symmetry=permutations)
            plain, native = (
                engine.explore(narrowed, asked, UNLIMITED, lambda progress: None, how)
                for engine in (PythonEngine(), NativeEngine(2))
            )
            assert (native.states, native.transitions, native.depth, native.depths) == (
                plain.states,
                plain.transitions,
                plain.depth,
                plain.depths,
            )


@each_toy
@pytest.mark.parametrize("small", [False, True])
def test_machine_code_agrees_on_toys(toy: Toy, small: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    if small:  # the threads share each layer, the table grows, states go aside
        monkeypatch.setattr(search, "_SEGMENT", 4)
        monkeypatch.setattr(visited, "FEWEST_LINES", 2)
    narrowed, asked, certified = prepared(toy.system, toy.instance)
    if certified.needs:
        assert_machine_code_agrees(narrowed, asked, reductions(certified))


@pytest.mark.parametrize(
    ("design", "scenario"),
    [
        ("rfc-2016", "unaligned-write"),
        ("unserialised", "checkpoint"),
        ("block-copy-4.2", "second-cluster"),
        ("block-copy-5.0", "write-among-reads"),
        ("copy-before-write-9.2", "failing-copies"),
        ("rfc-repaired", "wide-read-among-reads"),
    ],
)
def test_machine_code_agrees_on_designs(design: str, scenario: str) -> None:
    """The bundled scenarios include requests that are interchangeable, and runs that do not end."""
    drawn = find(scenario)
    narrowed, asked, certified = prepared(DESIGNS[design].system, bind(drawn, reduce(drawn)))
    alike = replace(reductions(certified), symmetry=symmetry.permutations(narrowed.model))
    assert_machine_code_agrees(narrowed, asked, alike)


@settings(max_examples=some(8, 2), deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
@given(scenarios(), st.sampled_from(sorted(DESIGNS)))
def test_machine_code_agrees_on_drawn_scenarios(scenario: Scenario, name: str) -> None:
    assume(DESIGNS[name].unsupported(scenario) is None)
    narrowed, asked, certified = prepared(DESIGNS[name].system, bind(scenario, reduce(scenario)))
    assert_machine_code_agrees(narrowed, asked, reductions(certified))


@each_toy
def test_toys(toy: Toy) -> None:
    assert_same(toy.system, toy.instance)


@pytest.mark.parametrize(
    "row", [row for row in cow_request.TABLE if row.states < 2_000], ids=lambda r: r.name
)
def test_the_cow_request_model(row: cow_request.Row) -> None:
    fewer = assert_same(cow_request.build(), cow_request.instance(row))
    assert fewer is not None
    assert fewer > (2 if row.states > 500 else 1)


@settings(max_examples=some(40), deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
@given(scenarios(), st.sampled_from(sorted(DESIGNS)), st.data())
def test_drawn_scenarios_and_broken_designs(scenario: Scenario, name: str, data: st.DataObject) -> None:
    design = DESIGNS[name]
    assume(design.unsupported(scenario) is None)
    system = design.system
    if data.draw(st.booleans()):
        deletable = [
            (action.label, guard)
            for action in system.actions
            for guard in action.guard_names
            if not any(g.name == guard and g.location for g in action.guards)
        ]
        system = system.without(*data.draw(st.sampled_from(deletable)))
        event("broken")
    fewer = assert_same(system, bind(scenario, reduce(scenario)), 8_000)
    event("too large" if fewer is None else f"times fewer states: {int(fewer)}")


@settings(max_examples=some(200), deadline=None, derandomize=True)
@given(st.data())
def test_drawn_systems(data: st.DataObject) -> None:
    """Three owners run short programs over shared and own Booleans, with waits and endless loops."""
    system = System("drawn")
    for other in range(3):
        system.parameter(f"is_{other}", Owner)
    for name in ("x", "y", "z"):
        system.variable(name)
    system.variable("own", Owner)
    system.variable("step", Owner)
    booleans = st.booleans()

    def value(s: State, r: Expr, what: str) -> Expr:
        read: Expr = s.own[r] if what == "own" else s.step[r] if what == "step" else s[what]
        return read

    names = st.sampled_from(["x", "y", "z", "own", "step"])
    for number in range(data.draw(st.integers(2, 5))):
        who = data.draw(st.sets(st.integers(0, 2), min_size=1))
        guards = data.draw(st.lists(st.tuples(names, booleans), max_size=2, unique_by=lambda g: g[0]))
        updates = data.draw(st.lists(st.tuples(names, st.sampled_from(["flip", "set", "clear", "x", "own"])),
                                     min_size=1, max_size=2, unique_by=lambda u: u[0]))  # fmt: skip
        waits = data.draw(st.sampled_from([None, None, "own", "step"]))

        @system.action(f"a{number}", r=Owner)
        def act(
            s: State,
            r: Expr,
            who: set[int] = who,
            guards: list[tuple[str, bool]] = guards,
            updates: list[tuple[str, str]] = updates,
            waits: str | None = waits,
        ) -> None:
            for other in sorted({0, 1, 2} - who):
                s.require(~s[f"is_{other}"][r], f"is not {other}", location=True)
            for what, wanted in guards:
                s.require(value(s, r, what) == wanted, f"{what} {wanted}")
            if waits:
                s.wait_while(Owner, lambda q: (q != r) & value(s, q, waits), on="others", held=waits)
            for what, how in updates:
                old = value(s, r, what)
                new = {"flip": ~old, "set": True, "clear": False}.get(how)
                target = value(s, r, how) if new is None else new
                if what in ("own", "step"):
                    s[what][r] = target
                else:
                    setattr(s, what, target)

    system.sometimes("all set", lambda s: s.x & s.y & s.z)
    system.always("not both", lambda s: ~(s.x & ~s.y))
    system.terminal(Owner, lambda s, r: s.step[r])
    tables = {f"is_{i}": column(*(int(i == r) for r in range(3))) for i in range(3)}
    fewer = assert_same(system, instance({"Owner": 3}, **tables))
    event(f"fewer: {fewer is not None and fewer > 1}")


@pytest.mark.parametrize("design", list(DESIGNS))
def test_together_with_symmetry(design: str) -> None:
    scenario = loads(
        """
        name = "two alike"
        unit = "sectors"
        sectors = 2
        cluster = 2
        [secondary]
        request_alignment = 2
        [[request]]
        kind = "guest-read"
        at = [0, 2]
        count = 2
        [[request]]
        kind = "nbd-write"
        at = [0, 1]
        """,
        "two alike",
    )
    narrowed, asked, certified = prepared(DESIGNS[design].system, bind(scenario, reduce(scenario)))
    plain = reductions(certified)
    both = replace(plain, symmetry=symmetry.permutations(narrowed.model))
    assert both.symmetry
    whole, less, least = (
        PythonEngine().explore(narrowed, asked, UNLIMITED, lambda progress: None, chosen)
        for chosen in (UNREDUCED, plain, both)
    )
    assert whole.depths.keys() == less.depths.keys() == least.depths.keys()
    assert least.states < less.states < whole.states


def test_independent_owners_go_one_after_the_other() -> None:
    toy = mutex(6, locked=False)
    toy.system.properties.clear()
    narrowed, asked, certified = prepared(toy.system, toy.instance)
    reduced = PythonEngine().explore(narrowed, asked, UNLIMITED, lambda p: None, reductions(certified))
    assert (reduced.states, reduced.transitions, reduced.depth) == (13, 12, 12)
    assert certified.refused == ()


def test_owners_that_meet_everywhere_are_not_reduced() -> None:
    toy = relay(3)
    toy.system.properties.clear()
    narrowed, asked, certified = prepared(toy.system, toy.instance)
    reduced = PythonEngine().explore(narrowed, asked, UNLIMITED, lambda p: None, reductions(certified))
    assert reduced.states > 2 * 2 + 1


# -- the claims of a certificate, one by one


def reached(program: Program, state: bytes, without: set[int]) -> set[bytes]:
    seen, todo = {state}, [state]
    while todo:
        for command, successor in program.successors(todo.pop()):
            if command not in without and successor not in seen:
                seen.add(successor)
                todo.append(successor)
    return seen


def assert_persistent(program: Program) -> int:
    """Check both claims of the certificate in every reachable state; return in how many some is left out."""
    cut = 0
    for state in sorted(visit(program, reduced=False)):
        every = program.successors(state)
        taken = {command for command, _ in program.enough(state, every)}
        if len(taken) == len(every):
            continue
        cut += 1
        owners = {program.owners[command] for command in taken}
        for later in reached(program, state, taken):
            ways = dict(program.successors(later))
            assert taken <= ways.keys()
            true = found(program, [later])
            for t in taken:
                assert true <= found(program, [ways[t]])
                after = dict(program.successors(ways[t]))
                for d in ways.keys() - taken:
                    assert program.owners[d] not in owners
                    assert d in after
                    assert after[d] == dict(program.successors(ways[d])).get(t)
    return cut


@each_toy
def test_sets_are_persistent_in_toys(toy: Toy) -> None:
    if toy.states > 100:
        pytest.skip("large")
    narrowed, asked, certified = prepared(toy.system, toy.instance)
    assert_persistent(Program(narrowed, asked, reductions(certified)))


@pytest.mark.parametrize("scenario", SMALL)
@pytest.mark.parametrize("design", list(DESIGNS))
def test_sets_are_persistent_in_designs(design: str, scenario: str) -> None:
    drawn = find(scenario)
    if DESIGNS[design].unsupported(drawn):
        pytest.skip("does not fit")
    narrowed, asked, certified = prepared(DESIGNS[design].system, bind(drawn, reduce(drawn)))
    assert certified.refused == ()
    assert assert_persistent(Program(narrowed, asked, reductions(certified))) > 5


def test_the_check_of_persistence_can_fail() -> None:
    toy = relay(3)
    narrowed, asked, certified = prepared(toy.system, toy.instance)
    careless = replace(certified, needs=tuple(() for _ in certified.needs), visible=frozenset())
    with pytest.raises(AssertionError):
        assert_persistent(Program(narrowed, asked, reductions(careless)))


# -- whether every run ends


def longest_run(program: Program) -> int | None:
    """Return the number of steps of the longest run; None if there is an endless one."""
    graph: nx.DiGraph[bytes] = nx.DiGraph()
    graph.add_node(program.initial)
    for state in visit(program, reduced=False):
        graph.add_edges_from((state, successor) for _, successor in program.successors(state))
    return nx.dag_longest_path_length(graph) if nx.is_directed_acyclic_graph(graph) else None


@each_toy
def test_termination_is_certified_only_where_no_run_is_endless(toy: Toy) -> None:
    narrowed, asked, certified = prepared(toy.system, toy.instance)
    endless = longest_run(Program(narrowed, asked)) is None
    assert endless == (toy.name.startswith("dining") or toy.name == "awkward")  # one ticks, two swap for ever
    assert certified.terminates == (not endless)


ROUND = {  # who finds a cluster dirty again copies again: that this ends does not follow from places
    ("block-copy-5.0", "checkpoint-unquiesced"),
    ("block-copy-5.0", "failing-copies"),
    ("copy-before-write-9.2", "failing-copies"),
}


@pytest.mark.parametrize("scenario", ["unaligned-write", "checkpoint-unquiesced", "failing-copies", "stop"])
@pytest.mark.parametrize("design", list(DESIGNS))
def test_designs_terminate_though_a_request_may_wait_again(design: str, scenario: str) -> None:
    drawn = find(scenario)
    if DESIGNS[design].unsupported(drawn):
        pytest.skip("does not fit")
    narrowed, asked, certified = prepared(DESIGNS[design].system, bind(drawn, reduce(drawn)))
    assert certified.terminates == ((design, scenario) not in ROUND)
    assert longest_run(Program(narrowed, asked)) is not None


@pytest.mark.parametrize("wakes", [True, False])
def test_two_that_wake_each_other_for_ever(wakes: bool) -> None:
    """Both stay in place and change what is not theirs alone: endless if each wakes the other."""
    system = System("ping-pong")
    system.variable("awake", Owner, initial=True)

    @system.action("sleep", r=Owner)
    def sleep(s: State, r: Expr) -> None:
        s.require(s.awake[r], "awake")
        for q in s.each(Owner):
            s.awake[q] = (s.awake[q] | wakes) & (q != r)

    system.terminal(Owner, lambda s, r: ~s.awake[r])
    narrowed, asked, certified = prepared(system, instance({"Owner": 2}))
    assert (longest_run(Program(narrowed, asked)) is None) is wakes
    assert certified.terminates is not wakes


# -- refusals


def test_a_command_that_may_leave_its_sort_is_refused() -> None:
    system, where = overflow(0)
    assert prepared(system, where)[2] == Certificate(
        (),
        frozenset(),
        False,
        ("partial order: add may leave a variable's sort: every state must be looked at",),
    )


def test_a_command_that_cannot_leave_its_sort_after_all_is_not() -> None:
    """Narrowing does not see that piece + 1 < parts keeps the piece in its sort; z3 does."""
    scenario = find("ragged-zero")
    narrowed, _, certified = prepared(DESIGNS["merged-2.8"].system, bind(scenario, reduce(scenario)))
    assert narrowed.unproved
    assert certified.refused == ()
    assert certified.needs


@pytest.mark.parametrize("toy", [mutex(3), dining(2), relay(3), leak(3)], ids=lambda toy: toy.name)
def test_what_is_proposed_wrongly_is_not_believed(toy: Toy, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(certificate, "propose", lambda narrowed, of, places, pairs: {})
    certified = prepared(toy.system, toy.instance)[2]
    assert certified.refused
    assert any(Need(other, 1, 1) in needs for needs in certified.needs for other in range(4))
    assert_same(toy.system, toy.instance)


@pytest.mark.parametrize(
    ("design", "scenario"), [("block-copy-5.0", "write-among-reads"), ("rfc-2016", "checkpoint")]
)
def test_z3_confirms_of_images_what_it_was_asked_of_others(
    design: str, scenario: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    drawn = find(scenario)
    narrowed, asked, certified = prepared(DESIGNS[design].system, bind(drawn, reduce(drawn)))
    known = {(n, need.other): need for n, needs in enumerate(certified.needs) for need in needs}
    assert images(narrowed.model)
    monkeypatch.setattr(certificate, "images", lambda model: {})
    monkeypatch.setattr(certificate, "propose", lambda narrowed, of, places, pairs: known)
    again = certify(narrowed, asked)
    assert list(map(set, again.needs)) == list(map(set, certified.needs))
    assert replace(again, needs=()) == replace(certified, needs=())
    assert again.refused == ()


@pytest.mark.parametrize("lacking", [0, 1, 2])  # the first is where it starts
def test_places_that_are_not_all_are_not_believed(monkeypatch: pytest.MonkeyPatch, lacking: int) -> None:
    def fewer(narrowed: Narrowed, most: int) -> list[Places]:
        return [
            replace(p, valuations=p.valuations - {sorted(p.valuations)[lacking]})
            for p in honest(narrowed, most)
        ]

    honest = places_of
    honest_places = honest(narrow(ground(mutex(3).system, mutex(3).instance)), 100)
    assert all(len(p.valuations) == 3 for p in honest_places)
    monkeypatch.setattr(certificate, "places_of", fewer)
    toy = mutex(3)
    assert prepared(toy.system, toy.instance)[2] == Certificate(
        (), frozenset(), False, ("partial order: where owners can be is not confirmed",)
    )


def test_an_unknown_answer_certifies_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(certificate, "_RLIMIT", 1)
    toy = dining(3)
    certified = prepared(toy.system, toy.instance)[2]
    assert certified.refused == (
        "partial order: whom release, take left, take right need is not confirmed: everybody",
    )
    narrowed, asked, _ = prepared(toy.system, toy.instance)
    reduced = PythonEngine().explore(narrowed, asked, UNLIMITED, lambda p: None, reductions(certified))
    assert reduced.states == toy.states


def test_too_many_places(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(certificate, "_MOST_VALUATIONS", 2)
    toy = mutex(3)
    assert prepared(toy.system, toy.instance)[2].refused == ("partial order: some owner has too many places",)


def test_a_step_that_falsifies_what_is_asked_is_visible() -> None:
    toy = mutex(3, locked=False)
    narrowed, _, certified = prepared(toy.system, toy.instance)
    labels = {narrowed.model.commands[n].action.label for n in certified.visible}
    assert labels == {"leave"}  # of 'exclusive' violated and 'inside'; both can only come true by entering


# -- the choice


def test_alone_takes_the_smallest_closed_set() -> None:
    assert alone([0b001, 0b010, 0b100], [2, 1, 1], 0) == 0b010  # the first of the two smallest
    assert alone([0b010, 0b100, 0b000], [1, 1, 1], 0) == 0b100
    assert alone([0b010, 0b100, 0b000], [1, 0, 1], 0) == 0b100
    assert alone([0b010, 0b000, 0b000], [1, 0, 1], 0) == 0b011
    assert alone([0b000, 0b001, 0b001], [1, 1, 1], 0b001) == 0  # whoever is barred cannot be taken alone
    assert alone([0b010, 0b001], [1, 1], 0) == 0  # all of them: no reduction
    assert alone([0], [0], 0) == 0
