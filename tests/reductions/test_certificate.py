"""The certificate of a partial order: what z3 certified against enumeration, and what it refuses."""

from __future__ import annotations

from dataclasses import replace

import networkx as nx
import pytest

from cowpath.model.designs import DESIGNS
from cowpath.model.explore.program import Program
from cowpath.model.explore.python_engine import PythonEngine
from cowpath.model.explore.reductions import Need, alone
from cowpath.model.explore.result import UNLIMITED
from cowpath.model.finite.domains import Narrowed, narrow
from cowpath.model.finite.ground import ground
from cowpath.model.language.expression import Expr
from cowpath.model.language.system import State, System
from cowpath.model.reductions import certificate
from cowpath.model.reductions.certificate import Certificate, certify
from cowpath.model.reductions.orbits import images
from cowpath.model.reductions.places import Places, places_of
from cowpath.model.scenarios import find
from cowpath.model.scenarios.geometry import reduce
from cowpath.model.stack.binding import bind
from tests.draws import first
from tests.reductions.certified import each_toy, found, prepared, reductions, visit
from tests.reductions.test_partial_order import assert_same
from tests.toys import TOYS, Owner, Toy, dining, instance, leak, mutex, overflow, relay

SMALL = ("unaligned-write", "race", "neighbours", "stop", "aligned-meets-unaligned")


# -- its claims, one by one


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


@pytest.mark.parametrize("toy", [toy for toy in TOYS if toy.states <= 100], ids=lambda toy: toy.name)
def test_sets_are_persistent_in_toys(toy: Toy) -> None:
    narrowed, asked, certified = prepared(toy.system, toy.instance)
    assert_persistent(Program(narrowed, asked, reductions(certified)))


# One of each kind: notifier, block-copy, filter, and readers before the notifier.
some_designs = pytest.mark.parametrize(
    "design", first(DESIGNS, "rfc-2016", "block-copy-5.0", "copy-before-write-9.2", "rfc-repaired")
)


@pytest.mark.parametrize("scenario", SMALL)
@some_designs
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
    ("block-copy-5.1", "checkpoint-unquiesced"),
    ("block-copy-5.1", "failing-copies"),
    ("copy-before-write-9.2", "failing-copies"),
}


@pytest.mark.parametrize("scenario", ["unaligned-write", "checkpoint-unquiesced", "failing-copies", "stop"])
@some_designs
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
