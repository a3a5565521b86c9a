"""Points in a syntax tree: where they are, what they are called, and that the code does what it did."""

from __future__ import annotations

import ast
import types
from typing import Any

import pytest

from cowpath.conformance import explore
from cowpath.conformance.own.exchange import Exchange
from cowpath.conformance.own.points import BEGUN, CALLED, MADE, POINT, RAISED, RETURNED, Wanted, insert
from tests.conformance.own import stranger

SOURCE = '''
"""A module."""
n = 0

def count(items, where):
    """Words."""
    global n
    n += 1
    where.n = where.n + 1
    where.total[len(items)] += 2  # a comment
    for item in items:
        if item > 1:
            where.n = 7
        elif item:
            continue
        else:
            pass
    while where.n < 9:
        where.n += 1
    try:
        with where:
            raise ValueError(
                "many"
            )
    except ValueError:
        where.kept = True
    finally:
        where.left = True
    def inner():
        nonlocal items
        items += [0]
        return lambda: items
    class Local:
        x = 1
        def method(self):
            return self.x
    return inner, Local().method()
'''
TEXTS = [
    "n += 1",
    "n += 1",
    "where.n = where.n + 1",
    "where.n = where.n + 1",
    "where.total[len(items)] += 2",
    "where.total[len(items)] += 2",
    "for item in items:",
    "if item > 1:",
    "where.n = 7",
    "if item:",
    "continue",
    "while where.n < 9:",
    "where.n += 1",
    "where.n += 1",
    "try:",
    "with where:",
    'raise ValueError( "many" )',
    "where.kept = True",
    "where.left = True",
    "items += [0]",
    "items += [0]",
    "return lambda: items",
    "return self.x",
    "return inner, Local().method()",
]


class Where:
    n, left, kept = 0, False, False

    def __init__(self) -> None:
        self.total = {3: 5}

    def __enter__(self) -> None:
        pass

    def __exit__(self, *error: object) -> None:
        pass


def ran(source: str, wanted: Wanted) -> tuple[types.SimpleNamespace, list[Any], list[str]]:
    """Return the module's names, what the points have told, and the points' texts by number."""
    tree = ast.parse(source)
    points = insert(tree, source, "m.py", wanted, 0)
    told: list[Any] = []

    def tell(what: object, value: Any = None) -> Any:
        told.append(what)
        return value

    space: dict[str, Any] = {
        POINT: lambda number, entering: tell(points[number].text),
        CALLED: lambda name: tell(("called", name)),
        RETURNED: lambda name, value: tell(("returned", name, value), value),
        RAISED: lambda name: tell(("raised", name)),
        BEGUN: lambda number: tell(("begun", points[number].text)),
        MADE: lambda number, value=None: tell(("made", points[number].text), value),
    }
    exec(compile(tree, "m.py", "exec"), space)
    return types.SimpleNamespace(**space), told, [point.text for point in points]


def test_points_are_before_each_statement_and_in_what_reads_what_it_writes() -> None:
    module, told, texts = ran(SOURCE, Wanted(True))
    assert sorted(texts) == sorted(TEXTS)
    where, plain = Where(), Where()
    inner, x = module.count([0, 1, 2], where)
    assert told[:9] == [*TEXTS[:6], "for item in items:", "if item > 1:", "if item:"]
    space: dict[str, Any] = {}
    exec(SOURCE, space)
    space["count"]([0, 1, 2], plain)
    assert vars(where) == vars(plain)
    assert vars(where) == {"n": 9, "total": {3: 7}, "kept": True, "left": True}
    assert (module.count.__globals__["n"], x, inner()()) == (1, 1, [0, 1, 2, 0])
    assert module.count.__doc__ == "Words."


def test_an_index_is_evaluated_once() -> None:
    source = "def f(items, take):\n    items[take()] += 1\n"
    module, _, _ = ran(source, Wanted(True))
    items, indices = [0, 0], iter((1, 0))
    module.f(items, lambda: next(indices))
    assert (items, next(indices)) == ([0, 1], 0)


def test_without_statements_there_are_no_points() -> None:
    module, told, texts = ran(SOURCE, Wanted(False))
    module.count([0, 1, 2], Where())
    assert (told, texts) == ([], [])


WATCHED = '''
class C:
    def f(self, x):
        """Words."""
        y = x + 1
        if y > 2:
            return y
        if y < 0:
            raise ValueError
    def g(self):
        pass
'''


def test_calls_and_statements_are_told_of() -> None:
    wanted = Wanted(
        False,
        frozenset({("", "C.f")}),
        frozenset({"C.f: y = x + 1"}),
        frozenset({"f: y = x + 1", "f: return y"}),
    )
    module, told, _ = ran(WATCHED, wanted)
    assert (module.C().f(5), told) == (
        6,
        [
            ("called", "C.f"),
            ("begun", "y = x + 1"),
            ("made", "y = x + 1"),
            ("made", "return y"),
            ("returned", "C.f", 6),
        ],
    )
    del told[:]
    assert (module.C().f(0), told[-1]) == (None, ("returned", "C.f", None))
    with pytest.raises(ValueError):  # noqa: PT011
        module.C().f(-9)
    assert told[-1] == ("raised", "C.f")
    assert module.C().f.__doc__ == "Words."
    del told[:]
    module.C().g()
    assert told == []


def test_a_call_of_another_file_is_not_meant() -> None:
    module, told, _ = ran(WATCHED, Wanted(False, frozenset({("other.py", "C.f")})))
    module.C().f(5)
    assert told == []


def test_functions_of_all_kinds_are_exchanged_and_come_back() -> None:
    numbers: list[int] = []
    exchange = Exchange([stranger], Wanted(True), None, None)
    before = {name: value.__code__ for name, value in vars(stranger).items() if hasattr(value, "__code__")}

    def use() -> list[object]:
        thing = stranger.Thing(3)
        return [
            thing.twice, thing.method(), stranger.Thing.made(), stranger.Thing.static(),
            list(thing.generator()), stranger.Child(4).method(),
            stranger.decorated(1), stranger.bare(1), stranger.MADE(1),
        ]  # fmt: skip

    expected = use()
    with exchange.made({POINT: lambda number, entering: numbers.append(number)}) as functions:
        assert use() == expected
    reached = {exchange.points[number].text for number in numbers}
    at_import = {"return wrapper", "return wrapped", "return made"}
    assert {point.text for point in exchange.points} - at_import == reached
    assert len(functions) >= 10
    count = len(numbers)
    assert use() == expected
    assert len(numbers) == count
    after = {name: value.__code__ for name, value in vars(stranger).items() if hasattr(value, "__code__")}
    assert after == before
    assert POINT not in vars(stranger)


COUNTER = 0


def add() -> None:
    global COUNTER
    COUNTER += 1


def test_a_race_on_a_global_is_found() -> None:
    from threading import Thread

    def test() -> None:
        global COUNTER
        COUNTER = 0
        threads = [Thread(target=add) for _ in range(2)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert COUNTER == 2

    assert explore(test, schedules=100).found is not None
    assert explore(test, schedules=100, points="synchronisation").found is None
