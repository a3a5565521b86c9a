"""Tasks whose results are kept one by one: what is known is not done again, unless it is not what it says."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from cowpath.model.bench.tasks import Tasks, Written
from cowpath.model.kept.answers import keeping, resuming


@pytest.fixture(autouse=True)
def kept(tmp_path: Path) -> Iterator[None]:
    with keeping(resuming(tmp_path)):
        yield


def told(result: str) -> Any:
    return None if result == "in part" else {"says": result}


def done(
    results: list[str], read: Callable[[int, Any], str | None] = lambda number, data: data["says"]
) -> tuple[list[str], list[int]]:
    """Return the results, and which tasks were done for that."""
    worked: list[int] = []

    def work(number: int) -> str:
        worked.append(number)
        return results[number]

    tasks = Tasks([f"task {number}" for number in range(len(results))], work, Written(told, read))
    return [tasks.result(number) for number in range(len(results))], worked


def test_what_is_known_is_not_done_again() -> None:
    assert done(["a", "b"]) == (["a", "b"], [0, 1])
    assert done(["a", "b", "c"]) == (["a", "b", "c"], [2])


def test_what_is_not_whole_is_not_kept() -> None:
    assert done(["a", "in part"]) == (["a", "in part"], [0, 1])
    assert done(["a", "b"]) == (["a", "b"], [1])


@pytest.mark.parametrize("wrong", [None, LookupError, TypeError, ValueError])
def test_what_is_not_what_it_says_is_done_again(wrong: type[Exception] | None) -> None:
    def read(number: int, data: Any) -> str | None:
        if number == 0 and wrong is not None:
            raise wrong
        return None if number == 0 else data["says"]

    done(["a", "b"])
    assert done(["a", "b"], read) == (["a", "b"], [0])


def test_nothing_is_kept_where_nobody_says_where() -> None:
    with keeping(None):
        assert done(["a"]) == done(["a"]) == (["a"], [0])
