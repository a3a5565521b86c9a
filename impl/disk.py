"""A disk: a file, read and written by pread and pwrite."""

from __future__ import annotations

import errno
import fcntl
import os
from collections.abc import Iterator, Sequence
from pathlib import Path

from cowpath.impl.context import AioContext, Request
from cowpath.impl.extent import Extent


class Disk:
    """A file of a fixed size, or the lowest node of a chain. A transfer that is cut short is an error."""

    def __init__(self, context: AioContext, called: str, file: int, size: int) -> None:
        """`file` is a file descriptor of a file of that size; closing it is up to the caller."""
        self.context = context
        self.called = called
        self.file = file
        self.size = size

    def read(self, label: str, request: Request, extent: Extent) -> bytes:
        """Read the extent as part of the step `label`. Raises OSError."""
        self.context.touch(self.called, extent, False)
        return self.context.io(label, request, self._read, extent)

    def write(self, label: str, request: Request, extent: Extent, data: bytes) -> None:
        """Write the extent as part of the step `label`. Raises OSError."""
        self.context.touch(self.called, extent, True)
        self.context.io(label, request, self._write, extent, data)

    def zero(self, label: str, request: Request, pieces: Sequence[Extent]) -> None:
        """Zero the pieces, beside what the step `label` transfers. Raises OSError."""
        for piece in pieces:
            self.context.touch(self.called, piece, True)
            self.context.io(label, request, self._write, piece, bytes(piece.length))

    def flush(self, label: str, request: Request) -> None:
        """Put everything on stable storage as part of the step `label`. Raises OSError."""
        self.context.io(label, request, os.fdatasync, self.file)

    def empty(self) -> None:
        """Throw all data away; the disk reads as zeroes and takes no space."""
        self.context.touch(self.called, None, True)
        os.ftruncate(self.file, 0)
        os.ftruncate(self.file, self.size)

    def same_status(self, extent: Extent) -> tuple[Extent, bool]:
        """Return the beginning of the extent that is uniformly data or hole, and whether it is a hole.

        What is a hole reads as zeroes (bdrv_block_status).
        """
        self.context.touch(self.called, extent, False)
        data = _seek(self.file, extent.start, os.SEEK_DATA, self.size)
        hole = data != extent.start
        change = data if hole else _seek(self.file, extent.start, os.SEEK_HOLE, self.size)
        return Extent(extent.start, min(change, extent.end)), hole

    def data(self) -> Iterator[Extent]:
        """Yield the extents of the file that are no holes."""
        at = 0
        while (start := _seek(self.file, at, os.SEEK_DATA, self.size)) < self.size:
            at = _seek(self.file, start, os.SEEK_HOLE, self.size)
            yield Extent(start, at)

    def _read(self, extent: Extent) -> bytes:
        data = os.pread(self.file, extent.length, extent.start)
        if len(data) != extent.length:
            raise OSError(errno.EIO, f"{self.called}: short read of {extent}")
        return data

    def _write(self, extent: Extent, data: bytes) -> None:
        if os.pwrite(self.file, data, extent.start) != extent.length:
            raise OSError(errno.EIO, f"{self.called}: short write of {extent}")


def _seek(file: int, offset: int, whence: int, size: int) -> int:
    try:
        return os.lseek(file, offset, whence)
    except OSError as error:
        if error.errno != errno.ENXIO:  # nothing but a hole up to the end
            raise
        return size


def open_file(path: Path, size: int, *, keep: bool) -> int:
    """Open a file for a disk of that size; it is made if it is not there, and emptied unless `keep`.

    Nobody else opens it until it is closed. Raises OSError, and ValueError for a file that is in use, or one
    to keep that has another size.
    """
    file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    try:
        _lock(file, path)
        found = os.fstat(file).st_size
        if keep and found not in (0, size):
            raise ValueError(f"{path} has {found} bytes; accepted: {size} bytes, or no such file")
        if not keep:
            os.ftruncate(file, 0)
        os.ftruncate(file, size)
    except BaseException:
        os.close(file)
        raise
    return file


def _lock(file: int, path: Path) -> None:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise ValueError(f"{path} is in use by another stack; accepted: a folder of its own") from None
