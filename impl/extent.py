"""Byte ranges of a disk."""

from __future__ import annotations

from typing import NamedTuple


class Extent(NamedTuple):
    """The bytes [start, end)."""

    start: int
    end: int

    @property
    def length(self) -> int:
        """Number of bytes."""
        return self.end - self.start

    def overlaps(self, other: Extent) -> bool:
        """Tell whether the two have a byte in common."""
        return self.start < other.end and other.start < self.end

    def common(self, other: Extent) -> Extent:
        """Return what both have; it is empty, `start >= end`, if they do not overlap."""
        return Extent(max(self.start, other.start), min(self.end, other.end))

    def widened(self, unit: int, size: int) -> Extent:
        """Return the range rounded outwards to whole units of a disk, whose last unit may be partial."""
        return Extent(self.start - self.start % unit, min(self.end + -self.end % unit, size))

    def narrowed(self, unit: int) -> Extent:
        """Return the range rounded inwards to whole units; it is empty, `start >= end`, if it has none."""
        return Extent(self.start + -self.start % unit, self.end - self.end % unit)

    def whole_units(self, unit: int, size: int) -> Extent:
        """Return the units from its start on of which it has all, or else the first; its start is a unit's.

        The disk's last unit may be partial.
        """
        end = self.end if self.end == size else self.end - self.end % unit
        return Extent(self.start, max(end, min(self.start + unit, size)))

    def units(self, unit: int) -> range:
        """Return the numbers of the units that it touches."""
        return range(self.start // unit, -(-self.end // unit))

    def __str__(self) -> str:
        return f"[{self.start}, {self.end})"
