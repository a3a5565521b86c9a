"""A TOML document, checked table by table: what errors name, and the values that a table may have."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass

from cowpath.model.language.errors import hint, shown
from cowpath.model.scenarios.errors import ScenarioError

_BARE_KEY = re.compile(r"[A-Za-z0-9_-]+")


@dataclass(frozen=True)
class Where:
    """A place in a scenario file, as errors name it."""

    file: str
    path: str = ""

    def key(self, name: str) -> Where:
        """Return the place of a key of the table that is here."""
        name = name if _BARE_KEY.fullmatch(name) else shown(name)
        return Where(self.file, f"{self.path}.{name}" if self.path else name)

    def item(self, index: int) -> Where:
        """Return the place of an item of the list that is here."""
        return Where(self.file, f"{self.path}[{index}]")

    def error(self, what: str) -> ScenarioError:
        """Return the error that says what is wrong here."""
        return ScenarioError(f"{self}: {what}")

    def __str__(self) -> str:
        return f"{self.file}: {self.path}" if self.path else self.file


def table_of(raw: object, where: Where, keys: Collection[str] | None, what: str = "key") -> dict[str, object]:
    """Check that `raw` is a table with no key outside `keys` (None: any key)."""
    if not isinstance(raw, dict):
        names = f" with the keys {', '.join(keys)}" if keys else ""
        raise where.error(f"{shown(raw)} is not a table; accepted: a table{names}")
    for key in raw:
        if keys is not None and key not in keys:
            raise where.key(key).error(f"unknown {what}{hint(key, keys)}; accepted: {', '.join(keys)}")
    return raw


def text_of(table: Mapping[str, object], key: str, where: Where) -> str | None:
    """Return the text that a key has, None if it is not there. Raises ScenarioError."""
    value = table.get(key)
    if value is not None and not isinstance(value, str):
        raise where.key(key).error(f"{shown(value)} is not a text; accepted: a string in quotes")
    return value


def flag(table: Mapping[str, object], key: str, where: Where, *, default: bool) -> bool:
    """Return the truth value that a key has. Raises ScenarioError."""
    value = table.get(key, default)
    if not isinstance(value, bool):
        raise where.key(key).error(f"{shown(value)} is not a truth value; accepted: true, false")
    return value


def choice(value: object, accepted: Collection[str], where: Where) -> str:
    """Return the value if it is one of the words accepted. Raises ScenarioError."""
    if not isinstance(value, str) or value not in accepted:
        near = hint(value, accepted) if isinstance(value, str) else ""
        raise where.error(f"{shown(value)} is unknown{near}; accepted: {', '.join(accepted)}")
    return value


def extents(
    raw: object,
    where: Where,
    read_size: Callable[[object, Where], int],
    size: int,
    *,
    some: bool = False,
) -> tuple[tuple[int, int], ...]:
    """Return a list of [start, length] as ranges of a disk of `size` bytes; `some`: of one or more.

    Raises ScenarioError.
    """
    if not isinstance(raw, list) or (some and not raw):
        raise where.error(f"{shown(raw)}; accepted: a list of [start, length]")
    found = []
    for number, each in enumerate(raw):
        if not isinstance(each, list) or len(each) != 2:
            raise where.item(number).error(f"{shown(each)} is not an extent; accepted: [start, length]")
        start, length = (read_size(part, where.item(number).item(at)) for at, part in enumerate(each))
        if length == 0 or start + length > size:
            raise where.item(number).error(
                f"[{start}, {start + length}) bytes; accepted: what is not empty and within the {size} bytes "
                "of the disk"
            )
        found.append((start, start + length))
    return tuple(found)
