"""The native engine's parts: dense codes, states of several words, tables that grow, and what it refuses."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import pytest

from cowpath.model.designs import DESIGNS, Case
from cowpath.model.explore import engines, vector_program
from cowpath.model.explore.codes import Coding
from cowpath.model.explore.native import moves, search, visited
from cowpath.model.explore.native.engine import NativeEngine
from cowpath.model.explore.native.moves import Unsupported
from cowpath.model.explore.native.visited import Shape
from cowpath.model.explore.numpy_engine import NumpyEngine
from cowpath.model.explore.packing import Packing
from cowpath.model.explore.reductions import Need, Reductions
from cowpath.model.explore.result import UNLIMITED, Limits, questions
from cowpath.model.explore.vector_program import VectorProgram
from cowpath.model.finite.domains import narrow
from cowpath.model.finite.ground import ground
from cowpath.model.kept.answers import Answers, keeping
from cowpath.model.kept.store import Store
from cowpath.model.language.expression import Expr, exists
from cowpath.model.language.sorts import Index, Int, Position
from cowpath.model.language.system import State, System
from cowpath.model.reductions.choice import choose
from cowpath.model.scenarios import find
from tests.benchmarks import cow_request
from tests.toys import Owner, column, dining, explore, instance, march, mutex

Counter = Index("Counter", ordered=True)


def counters(most: int = 200) -> System:
    """Each owner counts up every counter once, in order; what a counter could take is known only roughly."""
    system = System("counters")
    system.variable("at", Owner, sort=Position(Counter), initial=0)
    system.variable("count", Counter, sort=Int(most), initial=0)

    @system.action("count", r=Owner, k=Counter)
    def count(s: State, r: Expr, k: Expr) -> None:
        s.require(s.at[r] == k, "is here", location=True)
        s.require(s.count[k] < most, "fits")
        s.count[k] = s.count[k] + 1
        s.at[r] = s.at[r] + 1

    system.terminal(Owner, lambda s, r: ~exists(Counter, lambda k: s.at[r] == k))
    system.sometimes("two", lambda s: exists(Counter, lambda k: s.count[k] == 2))
    return system


@pytest.mark.parametrize(("number", "words"), [(4, 1), (6, 1), (8, 2), (15, 3)])
def test_states_of_several_words(number: int, words: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Small segments and few lines at first, so that the table grows and states go aside."""
    monkeypatch.setattr(search, "_SEGMENT", 64)
    monkeypatch.setattr(visited, "FEWEST_LINES", 3)
    where = instance({"Owner": 3, "Counter": number})
    system = counters()
    assert Coding.of(narrow(ground(system, where))).words == words
    ours, theirs = (explore(engine, system, where) for engine in (NativeEngine(2), NumpyEngine()))
    assert (ours.states, ours.transitions, ours.depth) == (theirs.states, theirs.transitions, theirs.depth)
    assert ours.states == (number + 1) ** 3
    assert ours.witnesses == theirs.witnesses


@pytest.mark.parametrize("bits", [1, 40, 57, 62, 64, 65, 100, 128, 200, 640])
def test_a_slot_holds_what_the_line_does_not_tell(bits: int) -> None:
    shape = Shape.of(bits)
    assert 32 + 8 * shape.extra >= shape.bits - shape.first_lines
    assert 4 <= shape.slots <= 31
    assert shape.slots * (4 + shape.extra) + 4 <= shape.line


def test_codes_are_fewer_bits_than_values() -> None:
    narrowed = narrow(ground(dining(3).system, dining(3).instance))
    assert Coding.of(narrowed).bits < Packing.of(narrowed.values).bits


def test_past_layers_are_searched_again_for_a_trace(monkeypatch: pytest.MonkeyPatch) -> None:
    toy = march(3)
    kept = explore(NativeEngine(1), toy.system, toy.instance)
    monkeypatch.setattr("cowpath.model.explore.native.engine._KEPT", 1)
    again = explore(NativeEngine(1), toy.system, toy.instance)
    assert again.witnesses == kept.witnesses
    assert again.states == kept.states == toy.states


def test_threads_find_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(search, "_SEGMENT", 16)
    monkeypatch.setattr(visited, "FEWEST_LINES", 4)
    toy = mutex(7, locked=False)
    for _ in range(20):
        found = explore(NativeEngine(3), toy.system, toy.instance)
        assert (found.states, found.transitions, found.depth) == (toy.states, toy.transitions, toy.depth)


def test_more_than_64_owners_are_left_to_numpy() -> None:
    system = System("many")
    system.parameter("before", Owner)
    system.variable("up", Owner)

    @system.action("rise", r=Owner)
    def rise(s: State, r: Expr) -> None:
        s.require(~s.up[r], "down", location=True)
        s.require(s.before[r] | exists(Owner, lambda q: s.up[q] & s.before[q]), "the first is up")
        s.up[r] = True

    system.terminal(Owner, lambda s, r: s.up[r])
    where = instance({"Owner": 65}, before=column(1, *[0] * 64))
    with pytest.raises(Unsupported):
        explore(NativeEngine(), system, where, Limits(max_states=50))
    found = explore(engines.ENGINES["native"], system, where, Limits(max_states=50))
    assert found.engine == "numpy"
    assert found.remarks == (
        "NumPy ran instead of the native engine: 65 owners or properties; at most 64 are possible",
    )


def test_a_table_that_would_be_too_large_is_left_to_numpy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(moves, "_MOST_ENTRIES", 1)
    toy = dining(3)
    found = explore(engines.ENGINES["native"], toy.system, toy.instance)
    assert found.engine == "numpy"
    assert (found.states, found.transitions) == (toy.states, toy.transitions)


def test_without_llvmlite_numpy_runs_and_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    toy = dining(2)
    found = explore(engines.ENGINES["native"], toy.system, toy.instance)
    assert (found.engine, found.states) == ("numpy", toy.states)
    assert found.remarks == ("llvmlite is not installed, so NumPy ran instead of the native engine",)


def test_without_llvmlite_plain_python_knows_partial_order(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    toy = mutex(3)
    narrowed = narrow(ground(toy.system, toy.instance))
    everybody = tuple(
        tuple(Need(q, 1, 1) for q in range(3) if q != command.owner) for command in narrowed.model.commands
    )
    for name in ("native", "auto"):
        found = engines.ENGINES[name].explore(
            narrowed, (), UNLIMITED, lambda progress: None, Reductions(needs=everybody)
        )
        assert (found.engine, found.states) == ("python", toy.states)
        assert found.remarks == (
            ("llvmlite is not installed, so plain Python ran instead of the native engine",)
            if name == "native"
            else ()
        )


def test_auto_changes_to_machine_code_when_there_are_many(monkeypatch: pytest.MonkeyPatch) -> None:
    toy = mutex(5, locked=False)
    auto = engines.ENGINES["auto"]
    assert explore(auto, toy.system, toy.instance).engine == "numpy"
    monkeypatch.setattr(engines, "_SMALL", 10)
    found = explore(auto, toy.system, toy.instance)
    assert (found.engine, found.states, found.complete) == ("native", toy.states, True)
    monkeypatch.setattr(engines, "_FEW", 10)
    narrowed = narrow(ground(toy.system, toy.instance))
    asked = questions(narrowed.model, [p.name for p in toy.system.properties])
    chosen, _ = choose(narrowed, asked, ["partial-order"])
    reduced = auto.explore(narrowed, asked, UNLIMITED, lambda progress: None, chosen)
    assert (reduced.engine, reduced.complete) == ("native", True)
    assert 10 < reduced.states < toy.states
    part = explore(auto, toy.system, toy.instance, Limits(max_states=5))
    assert (part.engine, part.stopped) == ("numpy", "--max-states 5 was reached")


def test_where_tables_would_be_huge_numpy_codes_each_component(monkeypatch: pytest.MonkeyPatch) -> None:
    """The native engine hands its layers to NumPy for traces: it must tell them in NumPy's codes."""
    row = next(row for row in cow_request.TABLE if row.states == 1_070)
    system, where = cow_request.build(), cow_request.instance(row)
    narrowed = narrow(ground(system, where))
    usual = VectorProgram(narrowed, ()).coding
    wanted = explore(NumpyEngine(), system, where)
    monkeypatch.setattr(vector_program, "_MOST_ENTRIES", 20)
    coding = VectorProgram(narrowed, ()).coding
    assert len(coding.groups) > len(usual.groups)
    assert all(len(group.cells) == 1 for group in coding.groups)
    for engine in (NumpyEngine(), NativeEngine(2)):
        found = explore(engine, system, where)
        assert (found.states, found.transitions, found.depth) == (row.states, row.transitions, row.depth)
        assert found.witnesses == wanted.witnesses
    assert wanted.witnesses


def test_machine_code_is_kept_and_what_is_damaged_is_made_again(tmp_path: Path) -> None:
    narrowed = Case(DESIGNS["rfc-2016"], find("two-by-two")).narrowed
    asked = questions(narrowed.model, ("snapshot",))
    whole = NativeEngine(threads=1).explore(narrowed, asked, UNLIMITED, lambda progress: None)
    for damage in (False, False, True):
        for path in tmp_path.rglob("*"):
            if path.is_file() and damage:
                path.write_bytes(path.read_bytes()[:-9] + b"\0" * 9)
        with keeping(Answers(Store(tmp_path))):
            found = NativeEngine(threads=1).explore(narrowed, asked, UNLIMITED, lambda progress: None)
        assert (found.states, found.transitions, found.depth) == (
            whole.states,
            whole.transitions,
            whole.depth,
        )
        assert found.depths == whole.depths
    assert any(path.is_file() for path in tmp_path.rglob("*"))
