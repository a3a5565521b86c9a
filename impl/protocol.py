"""The protocol node below the secondary disk (its "file" child), with an alignment of its own.

A write that is unaligned here is a read-modify-write once more, serialising on this node's list; the
before-write notifier has run by then, so nothing of the backup is held. Without an alignment of its own
(1 byte) there is nothing to serialise: the node is left out.
Source: block/io.c bdrv_co_pwritev, bdrv_aligned_preadv (2.8); bdrv_refresh_limits (alignment is per node).
"""

from __future__ import annotations

from cowpath.impl.context import AioContext, Request
from cowpath.impl.disk import Disk
from cowpath.impl.errors import AssertionFailed
from cowpath.impl.extent import Extent
from cowpath.impl.tracked import TrackedRequests


class Protocol:
    """A node that reads and writes a disk, as the disk itself does."""

    def __init__(self, context: AioContext, disk: Disk, alignment: int) -> None:
        self.context = context
        self.disk = disk
        self.size = disk.size
        self.alignment = alignment
        self.tracked = TrackedRequests(context, "the protocol node")

    def read(self, label: str, request: Request, extent: Extent) -> bytes:
        """Read the extent; the transfer and the end of the entry belong to the step `label`."""
        entry = self.tracked.begin(request, extent)
        try:
            self.tracked.wait(entry, "protocol.begin")
            self.context.step("protocol.begin", request)
            return self.disk.read(label, request, extent)
        finally:
            self.tracked.end(entry)

    def write(self, label: str, request: Request, extent: Extent, data: bytes) -> None:
        """Write the extent, whole blocks of it; the transfer belongs to the step `label`."""
        entry = self.tracked.begin(request, extent)
        try:
            blocks = extent.widened(self.alignment, self.size)
            if blocks != extent:
                self.tracked.mark_serialising(entry, blocks)
            self.tracked.wait(entry, "protocol.begin")
            self.context.step("protocol.begin", request)
            if blocks != extent:
                data = patched(blocks, self.disk.read("protocol.rmw", request, blocks), extent, data)
                self.context.step("protocol.rmw", request)
                waited = self.tracked.wait(entry, "protocol.settle")
                self.context.step("protocol.settle", request)
                if waited:
                    raise AssertionFailed(f"{request} was serialising and had to wait again")
            self.disk.write(label, request, blocks, data)
        finally:
            self.tracked.end(entry)

    def same_status(self, extent: Extent) -> tuple[Extent, bool]:
        """Return what the disk says."""
        return self.disk.same_status(extent)


def patched(blocks: Extent, old: bytes, extent: Extent, new: bytes) -> bytes:
    """Return the old blocks with the new data in their place."""
    return old[: extent.start - blocks.start] + new + old[extent.end - blocks.start :]
