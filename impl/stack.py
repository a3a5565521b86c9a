"""A block stack in a folder of the user's: the three disks as files, and the calls that a user makes.

    with Stack("disks", "rfc-repaired", Geometry(1 << 20, 65536)) as stack:
        stack.nbd_write(512, b"new." * 128)
        assert stack.guest_read(512, 4) == bytes(4)
        stack.checkpoint()
        assert stack.guest_read(512, 4) == b"new."

Any number of threads may call. What the secondary disk's file holds stays; the overlays begin empty, as after
a checkpoint.
"""

from __future__ import annotations

import itertools
import os
from pathlib import Path
from types import TracebackType

from cowpath.impl.context import AioContext, Request
from cowpath.impl.design import Disks, Geometry
from cowpath.impl.designs import find
from cowpath.impl.disk import Disk, open_file
from cowpath.impl.extent import Extent
from cowpath.impl.sync import Threads


class Stack:
    """A design at work. Calls raise ValueError for what does not fit on the disk, OSError for what fails."""

    def __init__(
        self, folder: str | Path, design: str, geometry: Geometry, context: AioContext | None = None
    ) -> None:
        """Open or make the folder's files secondary.img, hidden.img and active.img.

        Raises OSError, and ValueError for sizes that no disk has. `context`: other threads than Python's own,
        or hooks. `design`: a name, or a .py file that defines THREADS.
        """
        geometry.check()
        context = context or AioContext(Threads())
        self._numbers = itertools.count()
        self._files: list[int] = []
        disks = []
        try:
            for disk in ("secondary", "hidden", "active"):
                path = Path(folder) / f"{disk}.img"
                self._files.append(open_file(path, geometry.size, keep=disk == "secondary"))
                disks.append(Disk(context, f"the {disk} disk", self._files[-1], geometry.size))
            self.design = find(design)(context, Disks(*disks), geometry)
        except BaseException:
            self.close()
            raise

    def nbd_write(self, offset: int, data: bytes) -> None:
        """Write what the primary has written."""
        self.design.nbd_write(self._request("nbd-write", offset, len(data), data))

    def nbd_zero(self, offset: int, length: int) -> None:
        """Write zeroes that the primary has written."""
        self.design.nbd_write(self._request("nbd-zero", offset, length))

    def nbd_read(self, offset: int, length: int) -> bytes:
        """Read the secondary disk as it is now."""
        return self.design.nbd_read(self._request("nbd-read", offset, length))

    def guest_read(self, offset: int, length: int) -> bytes:
        """Read what the guest sees."""
        return self.design.guest_read(self._request("guest-read", offset, length))

    def guest_write(self, offset: int, data: bytes) -> None:
        """Write for the guest."""
        self.design.guest_write(self._request("guest-write", offset, len(data), data))

    def checkpoint(self, *, quiesced: bool = True) -> None:
        """Make the secondary disk's content what the guest sees."""
        self.design.checkpoint(self._named("checkpoint"), quiesced=quiesced)

    def stop(self, *, drained: bool = True) -> None:
        """End the backup job."""
        self.design.stop(self._named("stop"), drained=drained)

    def flush(self) -> None:
        """Put everything on stable storage."""
        for file in self._files:
            os.fdatasync(file)

    def close(self) -> None:
        """Close the files; no call may be under way."""
        for file in self._files:
            os.close(file)

    def __enter__(self) -> Stack:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _named(self, kind: str) -> Request:
        return Request(f"{kind} {next(self._numbers)}")

    def _request(self, kind: str, offset: int, length: int, data: bytes | None = None) -> Request:
        size = self.design.geometry.size
        if offset < 0 or length < 1 or offset + length > size:
            raise ValueError(f"{kind} [{offset}, {offset + length}) does not lie on a disk of {size} bytes")
        name, extent = f"{kind} {next(self._numbers)}", Extent(offset, offset + length)
        return Request(name, extent, data, kind == "guest-read")
