"""Sizes: with a unit, or in sectors where that is said; bytes everywhere inside."""

from __future__ import annotations

import re

from cowpath.model.language.errors import shown
from cowpath.model.scenarios.errors import ScenarioError

SECTOR = 512
"""Bytes in a sector."""

_UNITS = {"b": 1, "sector": SECTOR, "sectors": SECTOR}
_UNITS |= {unit: 1 << 10 * i for i, k in enumerate("kmgt", 1) for unit in (k, f"{k}ib")}
"""As qemu-img has them: k is 1024."""
_NAMES = (("TiB", 1 << 40), ("GiB", 1 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10))
# In hexadecimal B is a digit: a unit is told from small digits by being large, from others by a blank.
_HEX = r"0[xX](?:[0-9a-f]++|[0-9A-Fa-f]++(?= ))"
_WRITTEN = re.compile(rf"({_HEX}|[0-9]+) ?([A-Za-z]*)", re.ASCII)
_AMBIGUOUS = re.compile("([kmgt])b", re.IGNORECASE)
_ACCEPTED = (
    'accepted: a whole number with a unit, such as "4096B", "64KiB", "8 sectors" or "0x1000B"'
    " (B, k, M, G, T; powers of 1024)"
)
_LONGEST = 40  # characters
_LIMIT = 1 << 63  # file offsets are signed 64-bit numbers
_PLAIN_BELOW = 64 << 10


def parse_size(value: object, where: str, *, sectors: bool = False, otherwise: str = "") -> int:
    """Give the number of bytes that a size stands for: a whole number with a unit, as text.

    An integer counts sectors if `sectors`, and is refused if not: one reader would take it for bytes, another
    for sectors. `where` names the place in errors, `otherwise` says what else is accepted there.
    Raises ScenarioError when the value is neither, is negative, or does not fit a 64-bit file offset.
    """
    if isinstance(value, int) and not isinstance(value, bool):
        if value < 0:
            raise ScenarioError(f"{where}: {shown(value)} is negative; {_ACCEPTED}")
        if not sectors:
            raise ScenarioError(f"{where}: {_without_unit(shown(value), otherwise)}")
        size = value * SECTOR
    else:
        written = None
        if isinstance(value, str) and len(value) <= _LONGEST:
            written = _WRITTEN.fullmatch(value)
        if written is None:
            raise ScenarioError(f"{where}: {shown(value)} is not a size; {_ACCEPTED}")
        number, unit = written.groups()
        if not unit:
            raise ScenarioError(f"{where}: {_without_unit(number, otherwise)}")
        if ambiguous := _AMBIGUOUS.fullmatch(unit):
            means = f'"{number}{ambiguous[1].upper()}iB"'
            raise ScenarioError(f"{where}: {shown(value)} may be of 1000 or of 1024; accepted: {means}")
        if unit.lower() not in _UNITS:
            raise ScenarioError(f"{where}: {shown(value)} has no unit that is known; {_ACCEPTED}")
        size = int(number, 0 if number[1:2] in "xX" and number[1:] else 10) * _UNITS[unit.lower()]
    if size >= _LIMIT:
        raise ScenarioError(
            f"{where}: {shown(value)} is too large; accepted: less than 8388608TiB (2^63 bytes)"
        )
    return size


def in_sectors(value: object) -> bool:
    """Tell whether the size is written in sectors, so that positions are best shown in them, too."""
    return not isinstance(value, str) or value.rstrip("sS").lower().endswith("sector")


def _without_unit(number: str, otherwise: str) -> str:
    return f'{number} has no unit; accepted: "{number}B", "{number} sectors" (of 512 bytes){otherwise}'


def show_bytes(size: int) -> str:
    """Write a byte count exactly and shortly: "64 KiB", "1 TiB"; plain bytes ("4096 B") below 64 KiB."""
    if size >= _PLAIN_BELOW:
        for name, unit in _NAMES:
            if size % unit == 0:
                return f"{size // unit} {name}"
    return f"{size} B"


def show_extent(start: int, end: int, in_bytes: bool) -> str:
    """Write the half-open byte range [start, end) in bytes or in sectors.

    A range that does not fall on sector boundaries is written in bytes with the suffix B even when sectors
    were asked for.
    """
    if in_bytes:
        return f"[{start}, {end})"
    if start % SECTOR or end % SECTOR:
        return f"[{start}B, {end}B)"
    return f"[{start // SECTOR}, {end // SECTOR})"
