"""What the secondary disk holds at the start: data that tell where they belong.

Where all of it is the same byte nobody sees that data have been moved. So every 64 bytes are another byte,
one that no request writes, and the pattern repeats after a length that is in no cluster and no block.
"""

from __future__ import annotations

ORIGINAL = 0xFF
"""Original data of any place: what a disk is filled with by who does not say where data belong."""
FIRST = 0x80
"""The first of the bytes, up to ORIGINAL, that are original data; requests write smaller ones."""
_PLACES = ORIGINAL - FIRST
_STRIDE = 64  # bytes
_PATTERN = b"".join(bytes([FIRST + place]) * _STRIDE for place in range(_PLACES))


def original(start: int, end: int) -> bytes:
    """Return the original data of the bytes from `start` up to `end`."""
    first = start % len(_PATTERN)
    return (_PATTERN * ((end - start) // len(_PATTERN) + 2))[first : first + end - start]


def is_original(start: int, data: bytes) -> bool:
    """Tell whether these are the original data of the place, or such as do not say where they belong."""
    return data == original(start, start + len(data)) or not data.strip(bytes([ORIGINAL]))
