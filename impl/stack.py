"""A stack in a folder of the user's: its disks as files, and the calls that a user makes.

    with Stack("disks", "rfc-repaired", Geometry(1 << 20, 65536)) as stack:
        stack.nbd_write(512, b"new." * 128)
        assert stack.guest_read(512, 4) == bytes(4)
        stack.checkpoint()
        assert stack.guest_read(512, 4) == b"new."

Any number of threads may call. What the secondary disk's file holds stays; the overlays begin empty, as after
a checkpoint. So it is with a mirror's source, and its target.
"""

from __future__ import annotations

import itertools
import os
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from types import TracebackType
from typing import Self

from cowpath.impl.context import AioContext, Request
from cowpath.impl.design import Disks, Geometry
from cowpath.impl.designs import find, find_mirror
from cowpath.impl.disk import Disk, open_file
from cowpath.impl.errors import Crash
from cowpath.impl.extent import Extent
from cowpath.impl.mirror.job import MirrorDisks, MirrorGeometry
from cowpath.impl.sync import Threads

EXPORTS: Mapping[str, tuple[str, ...]] = {
    "secondary": ("secondary", "guest", "control"),
    "mirror": ("guest", "target", "control"),
}
"""What is exported of each kind of stack, the default first."""


class Folder:
    """A folder with a file for each disk. Calls raise ValueError for what does not fit on the disk."""

    def __init__(self, size: int) -> None:
        self.size = size
        self._numbers = itertools.count()
        self._files: list[int] = []

    def open(self, context: AioContext, folder: str | Path, disks: tuple[str, ...]) -> list[Disk]:
        """Open or make the disks' files, of which the first keeps what it holds.

        Raises OSError, and ValueError for a file of another size.
        """
        for disk in disks:
            path = Path(folder) / f"{disk}.img"
            self._files.append(open_file(path, self.size, keep=disk == disks[0]))
        files = zip(disks, self._files, strict=True)
        return [Disk(context, f"the {disk} disk", file, self.size) for disk, file in files]

    def flush(self) -> None:
        """Put everything on stable storage."""
        for file in self._files:
            os.fdatasync(file)

    def close(self) -> None:
        """Close the files; no call may be under way."""
        while self._files:
            os.close(self._files.pop())

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _named(self, kind: str) -> Request:
        return Request(f"{kind} {next(self._numbers)}")

    def _request(self, kind: str, offset: int, length: int, data: bytes | None = None) -> Request:
        if offset < 0 or length < 1 or offset + length > self.size:
            where = f"[{offset}, {offset + length})"
            raise ValueError(f"{kind} {where} does not lie on a disk of {self.size} bytes")
        name, extent = f"{kind} {next(self._numbers)}", Extent(offset, offset + length)
        return Request(name, extent, data, kind == "guest-read")


class Stack(Folder):
    """A design at work. What fails raises OSError."""

    disks = ("secondary", "hidden", "active")

    def __init__(
        self, folder: str | Path, design: str, geometry: Geometry, context: AioContext | None = None
    ) -> None:
        """Open or make the folder's files secondary.img, hidden.img and active.img.

        Raises OSError, and ValueError for sizes that no disk has. `context`: other threads than Python's own,
        or hooks. `design`: a name, or a .py file that defines THREADS.
        """
        geometry.check()
        super().__init__(geometry.size)
        context = context or AioContext(Threads())
        try:
            disks = self.open(context, folder, self.disks)
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


class MirrorStack(Folder):
    """A mirror at work: its job runs from the start on, in a thread of its own. What fails raises OSError."""

    disks = ("source", "target")

    def __init__(
        self,
        folder: str | Path,
        design: str,
        geometry: MirrorGeometry,
        context: AioContext | None = None,
        died: Callable[[BaseException], None] = lambda error: None,
    ) -> None:
        """Open or make the folder's files source.img and target.img; the target begins empty.

        So all that is data in the source's file is to be copied, if the geometry says nothing else. `died` is
        told what the job's thread has ended with, if that is an error. Raises OSError, and ValueError for
        sizes that no disk has.
        """
        geometry.check()
        super().__init__(geometry.size)
        self.context = context or AioContext(Threads())
        self._died = died
        try:
            source, target = self.open(self.context, folder, self.disks)
            if geometry.dirty is None:
                geometry = replace(geometry, dirty=tuple(source.data()))
            self.design = find_mirror(design)(self.context, MirrorDisks(source, target), geometry)
        except BaseException:
            super().close()
            raise
        self.context.sync.spawn(self._run, self.design.background.request.name)

    def guest_read(self, offset: int, length: int) -> bytes:
        """Read what the guest sees."""
        return self.design.guest_read(self._request("guest-read", offset, length))

    def target_read(self, offset: int, length: int) -> bytes:
        """Read what the target holds."""
        request = self._request("target-read", offset, length)
        with self.context:
            data = self.design.disks.target.read("target.read", request, request.extent)
        return data

    def guest_write(self, offset: int, data: bytes) -> None:
        """Write for the guest."""
        self.design.guest_write(self._request("guest-write", offset, len(data), data))

    def guest_discard(self, offset: int, length: int) -> None:
        """Discard for the guest."""
        self.design.guest_discard(self._request("guest-discard", offset, length))

    def guest_zero(self, offset: int, length: int) -> None:
        """Write zeroes for the guest."""
        self.design.guest_zero(self._request("guest-zero", offset, length))

    def pause(self) -> None:
        """Ask the job to pause."""
        self.design.pause(self._named("pause"))

    def resume(self) -> None:
        """Let the job go on."""
        self.design.resume(self._named("resume"))

    def complete(self) -> None:
        """Ask the job to complete: the target is the guest's disk then."""
        self.design.complete(self._named("complete"))

    def change_mode(self) -> None:
        """Let writes be copied from now on."""
        self.design.change_mode(self._named("change-mode"))

    def status(self) -> str:
        """Return in words how the job is."""
        with self.context:
            job = self.design.job
            ready, mode = (
                "ready" if job.ready else "not ready",
                "write-blocking" if job.blocking else "background",
            )
            paused = ", paused" if self.design.background.still and job.to_pause else ""
            dirty = len(job.dirty.within(Extent(0, self.size)))
            return (
                f"{self.design.name}: job {job.state}, {mode}, {ready}{paused}, {dirty} chunks dirty, "
                f"{len(job.operations.entries)} operations"
            )

    def close(self) -> None:
        """Stop the job where it may pause, and close the files; no call may be under way."""
        self.design.halt()
        super().close()

    def _run(self) -> None:
        try:
            self.design.run()
        except (OSError, Crash) as error:
            self._died(error)
