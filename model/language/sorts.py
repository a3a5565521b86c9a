"""Sorts: what values a variable, a parameter or an expression may take.

Every value is a small integer. An index sort has elements 0 .. n-1, where n belongs to the instance and
not to the model: that is what lets one text be explored for four requests and proved for any number.
`Maybe(X)` and `Position(X)` have one value more, n itself: "nobody" and "past the last element".
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Sort:
    """Common base of all sorts."""

    def size(self, sizes: Mapping[str, int]) -> int:
        """Return how many values the sort has, given the size of each index sort by name."""
        raise TypeError(f"{self} has no values")


@dataclass(frozen=True)
class Bool(Sort):
    """False (0) and true (1)."""

    def size(self, sizes: Mapping[str, int]) -> int:
        """Two values."""
        return 2

    def __str__(self) -> str:
        return "bool"


@dataclass(frozen=True)
class Enum(Sort):
    """Named constants, numbered in the order given."""

    name: str
    values: tuple[str, ...]

    def size(self, sizes: Mapping[str, int]) -> int:
        """As many values as names."""
        return len(self.values)

    def __str__(self) -> str:
        return self.name


class Places(Enum):
    """The places of a program: an enum that grows while its system is declared. Each is a sort of its own."""

    def __init__(self, name: str) -> None:
        object.__setattr__(self, "name", name)
        object.__setattr__(self, "_names", {})

    @property
    def values(self) -> tuple[str, ...]:
        """The names, in the order in which they were declared."""
        names: dict[str, None] = self.__dict__["_names"]
        return tuple(names)

    def add(self, name: str) -> None:
        """Take in another place."""
        self.__dict__["_names"][name] = None

    __eq__ = object.__eq__
    __hash__ = object.__hash__


@dataclass(frozen=True)
class Int(Sort):
    """Integers 0 .. high, both included."""

    high: int

    def size(self, sizes: Mapping[str, int]) -> int:
        """High plus one."""
        return self.high + 1

    def __str__(self) -> str:
        return f"0..{self.high}"


@dataclass(frozen=True)
class Index(Sort):
    """A set of n interchangeable (`ordered=False`) or linearly ordered elements."""

    name: str
    ordered: bool

    def size(self, sizes: Mapping[str, int]) -> int:
        """The instance's number of elements."""
        return sizes[self.name]

    def __str__(self) -> str:
        return self.name


@dataclass(frozen=True)
class Maybe(Sort):
    """An element of the index sort, or nobody (the value n)."""

    index: Index

    def size(self, sizes: Mapping[str, int]) -> int:
        """The number of elements plus one."""
        return sizes[self.index.name] + 1

    def __str__(self) -> str:
        return f"Maybe({self.index})"


@dataclass(frozen=True)
class Position(Sort):
    """An element of an ordered index sort, or the end of it (the value n)."""

    index: Index

    def __post_init__(self) -> None:
        if not self.index.ordered:
            raise TypeError(f"{self.index} is unordered: it has no positions")

    def size(self, sizes: Mapping[str, int]) -> int:
        """The number of elements plus one."""
        return sizes[self.index.name] + 1

    def __str__(self) -> str:
        return f"Position({self.index})"


BOOL = Bool()


def family(sort: Sort) -> object:
    """Return what two sorts must share for their values to be compared: the index sort they range over."""
    if isinstance(sort, Maybe | Position):
        return sort.index
    if isinstance(sort, Int):
        return Int
    return sort


def is_ordered(sort: Sort) -> bool:
    """Tell whether `<` means something on the sort."""
    return isinstance(sort, Int | Position) or (isinstance(sort, Index) and sort.ordered)
