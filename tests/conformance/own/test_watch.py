"""Any model as the oracle: what it explains, what it refuses and in what words, and what is wrongly said."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import pytest

from cowpath.conformance import Call, Watch, explore, instance
from cowpath.conformance.own.instance import instance as make_instance
from cowpath.conformance.own.vocabulary import WatchError
from cowpath.model.language.errors import InputError
from cowpath.model.language.sorts import Maybe
from cowpath.model.language.system import System
from tests.conformance.own import buffer_model, buffers
from tests.conformance.own.buffer_model import SYSTEM, requests, watch
from tests.conformance.own.buffers import Hasty, Lost, Right, Twice, workload

MODULES = [buffers]
SIGHTS = ["white", "black", ("put",)]


@pytest.mark.parametrize("substrate", ["threads", "greenlets"])
@pytest.mark.parametrize("sight", SIGHTS, ids=str)
def test_what_is_right_is_explained(sight: Any, substrate: str) -> None:
    judge = watch(Right, sight=sight)
    result = explore(workload(Right), modules=MODULES, model=judge, schedules=150, substrate=substrate)
    assert result.found is None, result
    assert result.coverage.startswith("the model 'buffer' explains all of them")


def test_it_is_explained_at_synchronisation_too() -> None:
    result = explore(
        workload(Right), modules=MODULES, model=watch(Right), schedules=150, points="synchronisation"
    )
    assert result.found is None, result


def test_to_be_stuck_may_be_right() -> None:
    """Four put and two get, and one fits in: one must wait for ever, and the model says so."""
    result = explore(workload(Right, 4, 2), modules=MODULES, model=watch(Right, 4, 2), schedules=100)
    assert result.found is None, result
    assert explore(workload(Right, 4, 2), modules=MODULES).found is not None


WRONG: list[tuple[type[Right], tuple[int, int], Any, str]] = [
    (Lost, (2, 2), "white", "put 1 cannot move, but in the model it can: put"),
    (Lost, (2, 2), "black", "put 1 cannot move, but in the model it can: put"),
    (Hasty, (3, 1), "white", "put 2 makes put, which the model does not allow: not 'there is room'"),
    (Hasty, (3, 1), "black", "put 2 returns, but in the model it has not finished"),
    (Twice, (2, 2), "white", "get 0 makes get, which the model does not allow: not 'there is an item'"),
    (Twice, (2, 2), "black", "when get 0 returns, got get 0 is item 0; in the model item 1"),
]


@pytest.mark.parametrize(("make", "size", "sight", "says"), WRONG)
def test_what_is_wrong_is_refused(make: type[Right], size: tuple[int, int], sight: str, says: str) -> None:
    result = explore(workload(make, *size), modules=MODULES, model=watch(make, *size, sight=sight))
    assert result.found is not None
    assert (result.found.kind, result.found.reason) == ("refused", says)
    assert result.found.refused is not None
    assert result.found.refused.states
    assert f"the model refuses it: {says}." in str(result)


def test_the_test_alone_does_not_see_all_of_it() -> None:
    assert explore(workload(Twice), modules=MODULES, schedules=300).found is None
    assert explore(workload(Twice), modules=MODULES, model=watch(Twice), schedules=300).found is not None


def test_the_statement_that_is_refused_is_marked() -> None:
    result = explore(workload(Hasty, 3, 1), modules=MODULES, model=watch(Hasty, 3, 1))
    marked = [line for line in str(result).splitlines() if line.endswith("<-- refused")]
    assert len(marked) == 1
    assert "self.items.append(item)" in marked[0]


def test_a_wrong_fact_is_refused() -> None:
    judge = watch(Right, facts={"put": lambda item: {"held": None}})
    result = explore(workload(Right), modules=MODULES, model=judge)
    assert result.found is not None
    assert result.found.reason == "after put of put 0, held is empty; in the model item 0"


def test_a_value_that_the_model_never_has_is_refused() -> None:
    judge = watch(Right, facts={"put": lambda item: {"held": f"thing {item}"}})
    result = explore(workload(Right), modules=MODULES, model=judge)
    assert result.found is not None
    assert result.found.reason == "held is never 'thing 0' in the model; it may be: item 0, item 1, empty"


def test_what_the_watch_asks_for_may_fail_on_wrong_code() -> None:
    judge = watch(Right, facts={"put": lambda self: {"held": self.items[7]}})
    result = explore(workload(Right), modules=MODULES, model=judge)
    assert result.found is not None
    assert result.found.reason == "what the watch asks for raises IndexError: list index out of range"


def test_nobody_comes_while_the_watch_asks() -> None:
    """What it calls has points of its own, and takes locks that the thread has."""

    def length(self: Right) -> dict[str, object]:
        with self.changed:
            return buffer_model.held(self)

    judge = watch(Right, facts={"put": length})
    result = explore(workload(Right), modules=[buffers, buffer_model], model=judge, schedules=100)
    assert result.found is None, result


def several(make: Callable[[], Right]) -> Callable[[], None]:
    def test() -> None:
        buffer = make()

        def all_of_them() -> None:
            for i in range(2):
                buffer.put(i)
                buffer.get()

        threading.Thread(target=all_of_them, name="both").start()

    return test


def test_a_thread_may_be_several_owners() -> None:
    names = ["put 0", "get 0", "put 1", "get 1"]
    judge = watch(Right, owner=lambda thread, number: names[number] if thread == "both" else None)
    assert explore(several(Right), modules=MODULES, model=judge, schedules=50).found is None
    with pytest.raises(WatchError, match=r"both makes a second call: say owner="):
        explore(several(Right), modules=MODULES, model=watch(Right, owner=None).__class__(
            SYSTEM, instance(SYSTEM, Request=["both"], Item=["item 0"], puts={"both": "item 0"}),
            calls=[Right.put, Right.get],
        ))  # fmt: skip


def test_a_call_may_be_a_part_of_an_owners_life() -> None:
    """Nothing is finished when `put` returns: the owner goes on in a later call."""
    system = System("two calls")
    system.parameter("nothing", sort=Maybe(buffer_model.Item))
    system.program(buffer_model.Request, start="called", places=("waiting",), ends=("done",))
    system.terminal(buffer_model.Request)

    @system.action("first", r=buffer_model.Request)
    def first(s: Any, r: Any) -> None:
        s.require_at(r, "called")
        s.go(r, "waiting")

    @system.action("second", r=buffer_model.Request)
    def second(s: Any, r: Any) -> None:
        s.require_at(r, "waiting")
        s.go(r, "done")

    def test() -> None:
        buffer = Right()

        def both() -> None:
            buffer.put(1)
            buffer.get()

        threading.Thread(target=both, name="one").start()

    one = make_instance(system, Request=["one"], Item=["item"])

    def judge(place: str) -> Watch:
        calls = [
            Call(Right.put, last=False, says=lambda _: {"pc": "waiting"}),
            Call(Right.get, lambda _: {"pc": place}),
        ]
        return Watch(system, one, calls=calls)

    assert explore(test, modules=MODULES, model=judge("done"), schedules=20).found is None
    refused = explore(test, modules=MODULES, model=judge("waiting"), schedules=20)
    assert refused.found is not None
    assert refused.found.reason == "when one returns, one is at waiting; in the model done"


MISSAID: list[tuple[dict[str, Any], str]] = [
    (
        {"steps": {"put: self.items.append(it)": "put"}, "facts": {}},
        r"no statement 'put: self.items.append\(it\)'; there is",
    ),
    ({"steps": {"put: while self.items:": "put"}, "facts": {}}, "is a block; accepted: a statement in it"),
    ({"steps": {"put: self.items.append(item)": "puts"}}, "steps: 'puts' is none of the model's steps"),
    ({"facts": {"gets": lambda: {}}}, "facts: 'gets' is none of labels of the steps"),
    ({"sight": "grey"}, "sight='grey'; accepted: white, black, or a collection of labels"),
    ({"sight": {"putt"}}, "sight: 'putt' is none of"),
    ({"calls": [3]}, "calls: 3 is no function; accepted: functions"),
    ({"facts": {"put": lambda it: {}}}, "the facts ask for it; there are: self, item"),
    ({"facts": {"put": lambda self: {"hold": 1}}}, "no variable 'hold'; it has: pc, held, got"),
    ({"facts": {"put": lambda self: {("got", "put 7"): 1}}}, "got has nothing at put 7"),
    (
        {"owner": lambda thread, number: "nobody"},
        "thread 'put 0' is to be 'nobody', and the model",
    ),
]


@pytest.mark.parametrize(("said", "error"), MISSAID)
def test_what_is_wrongly_said_is_refused_in_one_line(said: dict[str, Any], error: str) -> None:
    with pytest.raises(InputError, match=error) as raised:
        explore(workload(Right), modules=MODULES, model=watch(Right, **said), schedules=5)
    assert "\n" not in str(raised.value)


def test_a_fact_may_be_of_somebody_else() -> None:
    judge = watch(Right, facts={"put": lambda self: {("got", "get 0"): None, "pc": "done"}}, sight=["put"])
    result = explore(workload(Right, 1, 0), modules=MODULES, model=judge, schedules=5)
    assert result.found is None, result


def test_an_instance_is_made_of_words() -> None:
    made = requests(1, 1)
    assert made.sizes == {"Request": 2, "Item": 1}
    assert made.tables == {"puts": {(0,): 0, (1,): 1}}
    for words, error in (
        ({"Items": ["a"]}, r"buffer has no sort 'Items' \(did you mean 'Item'\?\)"),
        ({"Request": []}, "accepted of a sort: its elements' names"),
        ({"Item": ["i"]}, "buffer has a sort Request of no size"),
        ({"Request": ["a", "a"], "Item": ["i"]}, "1 names for 2"),
        ({"Request": ["a"], "Item": ["i"], "puts": {"b": "i"}}, "puts: there is no b"),
        ({"Request": ["a"], "Item": ["i"], "puts": {"a": "j"}}, "accepted: a number or name of"),
    ):
        with pytest.raises(InputError, match=error):
            instance(SYSTEM, **words)
