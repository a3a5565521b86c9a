"""Every engine on systems whose numbers are known, at their limits, and interrupted."""

from __future__ import annotations

from dataclasses import replace

import pytest

from cowpath.model.explore import numpy_engine, python_engine
from cowpath.model.explore.native import search
from cowpath.model.explore.native.engine import NativeEngine
from cowpath.model.explore.packing import Packing
from cowpath.model.explore.result import DEADLOCK, UNLIMITED, Engine, Exploration, Limits, Progress
from cowpath.model.finite.domains import narrow
from cowpath.model.finite.ground import ground
from cowpath.model.finite.instance import Instance
from cowpath.model.finite.reference import OutOfRange
from cowpath.model.language.expression import Expr, forall
from cowpath.model.language.sorts import Int, Position
from cowpath.model.language.system import State, System
from cowpath.model.trace.trace import replay
from tests.toys import (
    ENGINES,
    TOYS,
    Cell,
    Owner,
    Toy,
    column,
    dining,
    explore,
    instance,
    leak,
    march,
    mutex,
    overflow,
    steps,
)

every = pytest.mark.parametrize("engine", ENGINES, ids=lambda engine: engine.name)
each_toy = pytest.mark.parametrize("toy", TOYS, ids=lambda toy: toy.name)


class Clock:
    """A second passes whenever somebody looks: so progress is reported for every layer."""

    def __init__(self) -> None:
        self.now = 0.0

    def perf_counter(self) -> float:
        self.now += 1
        return self.now


@pytest.fixture
def slow(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = Clock()
    monkeypatch.setattr(python_engine, "time", clock)
    monkeypatch.setattr(numpy_engine, "time", clock)
    monkeypatch.setattr(search, "time", clock)


def run(engine: Engine, toy: Toy, limits: Limits = UNLIMITED, stop_at: int | None = None) -> Exploration:
    """Explore the toy; somebody presses Ctrl-C when progress is reported for the layer `stop_at`."""

    def report(progress: Progress) -> None:
        if progress.depth == stop_at:
            raise KeyboardInterrupt

    return explore(engine, toy.system, toy.instance, limits, report)


def numbers(found: Exploration) -> tuple[int, int, int]:
    return found.states, found.transitions, found.depth


def depths(found: Exploration) -> dict[str, int]:
    return {name: witness.depth for name, witness in found.witnesses.items()}


def assert_replays(toy: Toy, found: Exploration) -> None:
    """The reference follows every witness, and its last state decides the property; see `replay`."""
    model = narrow(ground(toy.system, toy.instance)).model
    for name, witness in found.witnesses.items():
        path = [(model.commands[n].action, model.commands[n].arguments) for n in witness.path]
        assert len(replay(toy.system, toy.instance, "toy", name, path).steps) == toy.witnesses[name]


@every
@each_toy
def test_numbers_are_those_worked_out_by_hand(engine: Engine, toy: Toy) -> None:
    found = run(engine, toy)
    assert numbers(found) == (toy.states, toy.transitions, toy.depth)
    assert depths(found) == toy.witnesses
    assert found.stopped is None
    assert found.complete
    assert found.engine == engine.name
    assert_replays(toy, found)


@each_toy
def test_ties_are_broken_alike(toy: Toy) -> None:
    one, two, three = (run(engine, toy).witnesses for engine in ENGINES)
    assert dict(one) == dict(two) == dict(three)


@every
def test_of_the_ways_into_a_state_the_least_command_is_taken(engine: Engine) -> None:
    toy = dining(2)
    narrowed = narrow(ground(toy.system, toy.instance))
    found = explore(engine, toy.system, toy.instance, narrowed=narrowed)
    assert steps(narrowed, found)[DEADLOCK] == (("take left", (1,)), ("take left", (0,)))


@every
def test_of_the_states_sought_the_least_is_taken(engine: Engine) -> None:
    """Of 'one' inside, the least state (idle, idle, one) has the last owner inside."""
    toy = mutex(3)
    narrowed = narrow(ground(toy.system, toy.instance))
    found = explore(engine, toy.system, toy.instance, narrowed=narrowed)
    assert steps(narrowed, found)["inside"] == (("enter", (2,)),)


@every
def test_a_cycle_is_a_deadlock_though_somebody_can_move(engine: Engine) -> None:
    toy = dining(3)
    model = narrow(ground(toy.system, toy.instance)).model
    path = run(engine, toy).witnesses[DEADLOCK].path
    moves = [(model.commands[n].action, model.commands[n].arguments) for n in path]
    trace = replay(toy.system, toy.instance, "toy", DEADLOCK, moves)
    assert {(edge.waiter, edge.holder) for edge in trace.cycle} == {
        ("owner 0", "owner 1"),
        ("owner 1", "owner 2"),
        ("owner 2", "owner 0"),
    }


@every
def test_an_owner_waits_where_it_has_come_to_whatever_its_other_guards_say(engine: Engine) -> None:
    """Two owners wait for each other in every state, though only a lamp, lit by the third, would let them."""
    system = System("lamp")
    system.parameter("lights", Owner)
    system.variable("lamp")

    @system.action("go", r=Owner)
    def go(s: State, r: Expr) -> None:
        s.require(~s.lights[r], "at the start", location=True)
        s.require(s.lamp, "there is light")
        s.wait_while(Owner, lambda q: (q != r) & ~s.lights[q], on="the other", held="its place")

    @system.action("light", r=Owner)
    def light(s: State, r: Expr) -> None:
        s.require(s.lights[r], "lights", location=True)
        s.lamp = ~s.lamp

    system.terminal(Owner, lambda s, r: s.lights[r])
    found = explore(engine, system, instance({"Owner": 3}, lights=column(0, 0, 1)))
    assert numbers(found) == (2, 2, 1)
    assert depths(found) == {DEADLOCK: 0}


@every
def test_a_value_that_comes_to_be_later_is_passed_on(engine: Engine) -> None:
    """Each action reads what only the next one assigns: narrowing must go round until nothing is new."""
    system = System("backwards")
    for name in ("a", "b", "c"):
        system.variable(name, sort=Int(7), initial=0)

    @system.action("third", r=Owner)
    def third(s: State, r: Expr) -> None:
        s.a = s.b

    @system.action("second", r=Owner)
    def second(s: State, r: Expr) -> None:
        s.b = s.c

    @system.action("first", r=Owner)
    def first(s: State, r: Expr) -> None:
        s.c = 5

    system.terminal(Owner, lambda s, r: s.a == 5)
    system.sometimes("arrived", lambda s: s.a == 5)
    found = explore(engine, system, instance({"Owner": 1}))
    assert numbers(found) == (4, 12, 3)  # none of them is 5, c, c and b, all; three steps from each
    assert depths(found) == {"arrived": 3}


@every
def test_a_stuck_whole_is_a_deadlock_without_a_cycle(engine: Engine) -> None:
    toy = leak(3)
    model = narrow(ground(toy.system, toy.instance)).model
    path = run(engine, toy).witnesses[DEADLOCK].path
    moves = [(model.commands[n].action, model.commands[n].arguments) for n in path]
    trace = replay(toy.system, toy.instance, "toy", DEADLOCK, moves)
    assert trace.cycle == ()
    assert len(trace.unfinished) == 2


@pytest.mark.parametrize(("cells", "bits", "words"), [(4, 70, 2), (8, 136, 3)])
def test_wide_toys_take_several_words(cells: int, bits: int, words: int) -> None:
    toy = march(cells)
    packing = Packing.of(narrow(ground(toy.system, toy.instance)).values)
    assert (packing.bits, packing.words) == (bits, words)


@pytest.mark.parametrize("chunk", [1, 2, 7])
@each_toy
def test_the_size_of_a_chunk_changes_nothing(monkeypatch: pytest.MonkeyPatch, toy: Toy, chunk: int) -> None:
    whole = run(numpy_engine.NumpyEngine(), toy)
    monkeypatch.setattr(numpy_engine, "_CHUNK", chunk)
    found = run(numpy_engine.NumpyEngine(), toy)
    assert numbers(found) == numbers(whole)
    assert found.witnesses == whole.witnesses


# -- limits


@every
@pytest.mark.parametrize("toy", [mutex(5, locked=False), dining(3), march(4)], ids=lambda toy: toy.name)
def test_a_limit_on_states_leaves_a_part_that_is_right(engine: Engine, toy: Toy) -> None:
    whole = run(engine, toy)
    decided = set()
    for most in range(1, toy.states, 5):
        found = run(engine, toy, Limits(max_states=most))
        assert found.stopped == f"--max-states {most} was reached"
        assert not found.complete
        assert most < found.states <= toy.states
        assert found.transitions <= toy.transitions
        assert found.depth <= toy.depth
        assert depths(found).items() <= toy.witnesses.items()
        assert found.witnesses.items() <= whole.witnesses.items()
        decided.add(len(found.witnesses))
    assert len(decided) > 1  # the limit fell before as well as after a witness


@every
@each_toy
def test_a_limit_that_is_not_passed_stops_nothing(engine: Engine, toy: Toy) -> None:
    assert run(engine, toy, Limits(max_states=toy.states)).complete


def test_a_limit_that_is_not_passed_stops_no_chunk(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(numpy_engine, "_CHUNK", 1)
    toy = mutex(5, locked=False)
    assert run(numpy_engine.NumpyEngine(), toy, Limits(max_states=toy.states)).complete


def test_a_limit_is_looked_at_before_each_chunk(monkeypatch: pytest.MonkeyPatch) -> None:
    """A chunk of one state finds five at most."""
    monkeypatch.setattr(numpy_engine, "_CHUNK", 1)
    toy = mutex(5, locked=False)
    for most in range(1, toy.states, 11):
        found = run(numpy_engine.NumpyEngine(), toy, Limits(max_states=most))
        assert found.stopped == f"--max-states {most} was reached"
        assert most < found.states <= most + 5
        assert depths(found).items() <= toy.witnesses.items()


@every
def test_a_limit_on_time_leaves_a_part_that_is_right(engine: Engine, slow: None) -> None:
    toy = dining(3)
    seconds = [0.5, 3.5, 6.5]
    found = [run(engine, toy, Limits(max_seconds=most)) for most in seconds]
    assert [part.stopped for part in found] == [f"--max-seconds {most:g} was reached" for most in seconds]
    assert [depths(part) for part in found] == [{}, {}, {DEADLOCK: 3}]
    assert [part.depth for part in found] == [0, 3, 6]
    assert run(engine, toy, Limits(max_seconds=1000)).complete


# -- Ctrl-C


@every
def test_an_interrupt_keeps_what_was_found(engine: Engine, slow: None) -> None:
    toy = dining(3)
    whole = run(engine, toy)
    for depth in range(1, toy.depth + 1):
        found = run(engine, toy, stop_at=depth)
        assert found.stopped == "interrupted"
        assert not found.complete
        assert found.depth == depth
        assert 1 < found.states <= toy.states
        wanted = {name for name, least in toy.witnesses.items() if least < depth}
        assert found.witnesses == {name: whole.witnesses[name] for name in wanted}


@every
def test_an_interrupt_within_a_layer_keeps_what_was_found_there(
    engine: Engine, slow: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The Python engine reports once for 1024 states; the layer of the state sought has 3139."""
    monkeypatch.setattr(numpy_engine, "_CHUNK", 1024)
    monkeypatch.setattr(search, "_SEGMENT", 256)
    if engine.name == "native":
        engine = NativeEngine(threads=1)  # which looks up between any two segments
    toy = mutex(9, locked=False)
    toy.system.sometimes("all inside", lambda s: forall(Owner, lambda r: s.pc[r] == "one"))
    here: list[Progress] = []

    def report(progress: Progress) -> None:
        if progress.depth == 9:
            here.append(progress)
        if len(here) == 4:
            raise KeyboardInterrupt

    found = explore(engine, toy.system, toy.instance, report=report)
    assert found.stopped == "interrupted"
    assert found.depth == 9
    expected = {"inside": 1, "exclusive": 2, "all inside": 9}
    if engine.name == "native":  # it takes the states of a layer in an order of its own
        assert {("inside", 1), ("exclusive", 2)} <= depths(found).items() <= expected.items()
    else:
        assert depths(found) == expected
    assert_replays(replace(toy, witnesses=depths(found)), found)


# -- progress


def reports(engine: Engine, toy: Toy) -> tuple[list[Progress], Exploration]:
    seen: list[Progress] = []
    return seen, explore(engine, toy.system, toy.instance, report=seen.append)


def rises(values: list[float]) -> bool:
    return values == sorted(values)


@every
@each_toy
def test_progress_is_monotone_and_well_formed(engine: Engine, toy: Toy, slow: None) -> None:
    seen, found = reports(engine, toy)
    assert [p.depth for p in seen] == list(range(toy.depth + 1))  # one for each layer
    assert rises([p.states for p in seen])
    assert rises([p.transitions for p in seen])
    assert rises([p.seconds for p in seen])
    assert all(p.frontier > 0 and p.memory > 0 and p.seconds > 0 for p in seen)
    assert sum(p.frontier for p in seen) == found.states == seen[-1].states
    assert found.seconds > seen[-1].seconds
    assert (seen[0].states, seen[0].transitions, seen[0].frontier) == (1, 0, 1)


def test_progress_is_monotone_over_chunks(slow: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(numpy_engine, "_CHUNK", 1)
    seen, found = reports(numpy_engine.NumpyEngine(), mutex(5, locked=False))
    assert len(seen) == found.states
    assert rises([p.states for p in seen])


@every
def test_nothing_is_reported_in_the_first_tenth_of_a_second(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Fast(Clock):
        def perf_counter(self) -> float:
            self.now += 0.001
            return self.now

    monkeypatch.setattr(python_engine, "time", Fast())
    monkeypatch.setattr(numpy_engine, "time", Fast())
    assert reports(engine, dining(3))[0] == []


# -- values outside their sort


def outside(engine: Engine, system: System, where: Instance) -> str:
    with pytest.raises(OutOfRange) as caught:
        explore(engine, system, where, Limits(max_states=1000))
    return str(caught.value)


@every
def test_a_counter_that_leaves_its_sort_is_an_error(engine: Engine) -> None:
    assert outside(engine, *overflow(0)) == "add leaves the sort of total"


@every
def test_a_counter_that_can_only_leave_its_sort_is_an_error(engine: Engine) -> None:
    assert outside(engine, *overflow(2)) == "add leaves the sort of total"


@every
@pytest.mark.parametrize("sort", [Int(2), Position(Cell)], ids=str)
def test_a_constant_outside_the_sort_is_an_error(engine: Engine, sort: Int | Position) -> None:
    """The value becomes a constant only by grounding: a parameter's entry, or an element plus two."""
    system = System("jump")
    system.parameter("far", sort=Int(5))
    system.variable("at", sort=sort, initial=0)
    system.variable("next", sort=sort, initial=0)

    @system.action("jump", r=Owner, k=Cell)
    def jump(s: State, r: Expr, k: Expr) -> None:
        s.at = s.far if isinstance(sort, Int) else k + 2

    @system.action("step", r=Owner)
    def step(s: State, r: Expr) -> None:
        s.at = 1
        s.next = 1

    system.terminal(Owner, lambda s, r: s.at == 2)
    where = instance({"Owner": 1, "Cell": 2}, far={(): 4})
    assert outside(engine, system, where) == "jump leaves the sort of at"
