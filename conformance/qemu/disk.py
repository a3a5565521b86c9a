"""A disk in memory, sparse: a page is there once something has been written to it."""

from __future__ import annotations

from collections.abc import Iterator

PAGE = 1 << 16
_GRAIN = 4096  # bytes; block status is told in such units


class SparseDisk:
    """So many bytes, all of them `fill` at first. `block` is the smallest unit that clients may use.

    `tells_status`: block status is offered, `discards`: so is trim, which leaves what was there at first.
    `holds_data`: of a guest; else it holds a mapping, of which no model knows.
    """

    def __init__(
        self, name: str, size: int, *, fill: int = 0, block: int = 1, tells_status: bool = False,
        discards: bool = False, holds_data: bool = True,
    ) -> None:  # fmt: skip
        self.name = name
        self.size = size
        self.fill = fill
        self.block = block
        self.tells_status = tells_status
        self.discards = discards
        self.holds_data = holds_data
        self._pages: dict[int, bytearray] = {}

    def read(self, offset: int, length: int) -> bytes:
        """Return what is there."""
        return b"".join(
            bytes([self.fill]) * (end - start) if known is None else bytes(known[start:end])
            for page, start, end in _parts(offset, length)
            for known in (self._pages.get(page),)
        )

    def write(self, offset: int, data: bytes) -> None:
        """Write the data there."""
        at = 0
        for page, start, end in _parts(offset, len(data)):
            if page not in self._pages:
                self._pages[page] = bytearray([self.fill]) * PAGE
            self._pages[page][start:end] = data[at : at + end - start]
            at += end - start

    def discard(self, offset: int, length: int) -> None:
        """Bring back what was there at first."""
        for page, start, end in _parts(offset, length):
            if end - start == PAGE:
                self._pages.pop(page, None)
            elif page in self._pages:
                self._pages[page][start:end] = bytes([self.fill]) * (end - start)

    def status(self, offset: int, length: int) -> list[tuple[int, bool]]:
        """Return the runs of bytes there that are all zero or not: (length, whether zero)."""
        runs: list[tuple[int, bool]] = []
        end = offset + length
        while offset < end:
            after = min(end, offset // _GRAIN * _GRAIN + _GRAIN)
            zero = not any(self.read(offset, after - offset))
            if runs and runs[-1][1] == zero:
                runs[-1] = (runs[-1][0] + after - offset, zero)
            else:
                runs.append((after - offset, zero))
            offset = after
        return runs


def _parts(offset: int, length: int) -> Iterator[tuple[int, int, int]]:
    """Yield (page, start, end) for each page that the bytes lie on."""
    end = offset + length
    while offset < end:
        page, start = divmod(offset, PAGE)
        stop = min(PAGE, start + end - offset)
        yield page, start, stop
        offset += stop - start
