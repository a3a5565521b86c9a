"""Sizes: sectors or units in a scenario file, bytes everywhere inside."""

from __future__ import annotations

import re

from cowpath.model.language.errors import shown
from cowpath.model.scenarios.errors import ScenarioError

SECTOR = 512
"""Bytes in a sector."""

_UNITS = {"b": 1, "kib": 1 << 10, "mib": 1 << 20, "gib": 1 << 30, "tib": 1 << 40}
_NAMES = (("TiB", 1 << 40), ("GiB", 1 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10))
_WRITTEN = re.compile(r"([0-9]{1,19}) ?(b|kib|mib|gib|tib)", re.IGNORECASE)
_ACCEPTED = (
    'accepted: a whole number of sectors (512 bytes), or a string such as "64KiB" (B, KiB, MiB, GiB, TiB)'
)
_LIMIT = 1 << 63  # file offsets are signed 64-bit numbers
_PLAIN_BELOW = 64 << 10


def parse_size(value: object, where: str) -> int:
    """Give the number of bytes that a size in a scenario file stands for.

    An integer counts sectors; a string is a whole number with a unit. `where` names the place in errors.
    Raises ScenarioError when the value is neither, is negative, or does not fit a 64-bit file offset.
    """
    if isinstance(value, int) and not isinstance(value, bool):
        size = value * SECTOR
        if size < 0:
            raise ScenarioError(f"{where}: {shown(value)} is negative; {_ACCEPTED}")
    else:
        written = _WRITTEN.fullmatch(value) if isinstance(value, str) else None
        if written is None:
            raise ScenarioError(f"{where}: {shown(value)} is not a size; {_ACCEPTED}")
        size = int(written[1]) * _UNITS[written[2].lower()]
    if size >= _LIMIT:
        raise ScenarioError(
            f"{where}: {shown(value)} is too large; accepted: less than 8388608TiB (2^63 bytes)"
        )
    return size


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
