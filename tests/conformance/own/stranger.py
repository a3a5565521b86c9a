"""Functions of all kinds, as somebody may have them."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator
from typing import Any


def forgetful(function: Callable[..., Any]) -> Callable[..., Any]:
    """Decorate as one should not: nothing leads back to the function."""

    def wrapper(*arguments: Any) -> Any:
        return function(*arguments)

    return wrapper


def careful(function: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(function)
    def wrapped(*arguments: Any) -> Any:
        return function(*arguments) + 1

    return wrapped


@careful
def decorated(x: int) -> int:
    return x + 10


@forgetful
def bare(x: int) -> int:
    return x + 20


def _make() -> Callable[[int], int]:
    def made(x: int) -> int:
        return x + 30

    return made


MADE = _make()


class Thing:
    def __init__(self, n: int) -> None:
        self.n = n

    @property
    def twice(self) -> int:
        return self.n * 2

    def method(self) -> int:
        return self.n

    @classmethod
    def made(cls) -> int:
        return cls(5).n

    @staticmethod
    def static() -> int:
        return 6

    def generator(self) -> Iterator[int]:
        yield self.n


class Child(Thing):
    def __init__(self, n: int) -> None:
        super().__init__(n + 1)
