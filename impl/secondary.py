"""The secondary disk's own node: reads and writes enter it, are serialised there, and go on below.

Order inside a write (block/io.c bdrv_co_pwritev, bdrv_aligned_pwritev, 2.8): begin tracked; if unaligned mark
serialising, wait, read head and tail; wait again, and assert that a serialising request did not have to; run
the before-write notifier; write; end tracked. A zero-write with ragged ends does the second half once for
each piece (bdrv_co_do_zero_pwritev), head block, middle and tail block.
"""

from __future__ import annotations

from collections.abc import Callable

from cowpath.impl.context import AioContext, Request
from cowpath.impl.disk import Disk
from cowpath.impl.errors import AssertionFailed
from cowpath.impl.extent import Extent
from cowpath.impl.protocol import Protocol, patched
from cowpath.impl.tracked import TrackedRequests

Notifier = Callable[[Request], None]


class Secondary:
    """The node. `lists_unserialised`: reads with NO_SERIALISING are on the list, for others to see."""

    def __init__(
        self,
        context: AioContext,
        file: Disk | Protocol,
        *,
        alignment: int,
        copy_on_read: bool,
        lists_unserialised: bool,
    ) -> None:
        self.context = context
        self.file = file
        self.size = file.size
        self.alignment = alignment
        self.copy_on_read = copy_on_read
        self.lists_unserialised = lists_unserialised
        self.tracked = TrackedRequests(context, "the secondary")

    def read(
        self,
        request: Request,
        extent: Extent,
        *,
        enter: str,
        transfer: str,
        serialises: bool = True,
    ) -> bytes:
        """Read the extent; `enter` and `transfer` label the steps, the caller ends the second one.

        Without `serialises` the read carries BDRV_REQ_NO_SERIALISING: it waits for nobody. With it, and where
        the node copies on read, it may write and is therefore serialising. Raises OSError.
        """
        entry = None
        if serialises or self.lists_unserialised:
            entry = self.tracked.begin(request, extent)
        try:
            if entry is not None and serialises:
                if self.copy_on_read:
                    self.tracked.mark_serialising(entry, extent.widened(self.alignment, self.size))
                self.tracked.wait(entry, enter)
            self.context.step(enter, request, extent=extent)
            return self.file.read(transfer, request, extent)
        finally:
            if entry is not None:
                self.tracked.end(entry)

    def write(self, request: Request, before_write: Notifier | None) -> None:
        """Write the request's data; zeroes with ragged ends piece by piece. Raises OSError."""
        extent, blocks = request.extent, request.extent.widened(self.alignment, self.size)
        zeroes = request.data is None
        data = bytes(extent.length) if request.data is None else request.data
        pieces = [extent]
        entry = self.tracked.begin(request, extent)
        fails = "write.rmw-fails"
        try:
            if blocks != extent:
                self.tracked.mark_serialising(entry, blocks)
                self.tracked.wait(entry, "write.begin")
                self.context.step("write.begin", request)
                old = self.file.read("write.rmw", request, blocks)
                data = patched(blocks, old, extent, data)
                self.context.step("write.rmw", request)
                pieces = self._pieces(extent, blocks) if zeroes else [blocks]
            for piece in pieces:
                if piece is not pieces[0]:
                    self.context.step("write.next-piece", request)
                fails = "cow.fail"
                waited = self.tracked.wait(entry, "write.settle")
                self.context.step("write.settle", request)
                if waited and entry.serialising:
                    raise AssertionFailed(f"{request} was serialising and had to wait again")
                if before_write is not None:
                    before_write(request)
                fails = "write.data-fails"
                part = data[piece.start - pieces[0].start : piece.end - pieces[0].start]
                self.file.write("write.data", request, piece, part)
                self.context.step("write.data", request)
        except OSError:
            self.tracked.end(entry)
            self.context.trace(fails, request)
            raise
        self.tracked.end(entry)
        self.context.trace("write.end", request)

    def discard(self, request: Request, before_write: Notifier | None) -> None:
        """Discard the request's extent, and wait for nobody (bdrv_co_discard, up to 2.12). Raises OSError."""
        entry, fails = self.tracked.begin(request, request.extent), "cow.fail"
        try:
            self.context.step("discard.begin", request)
            if before_write is not None:
                before_write(request)
            fails = "write.data-fails"
            self.file.write("write.data", request, request.extent, bytes(request.extent.length))
            self.context.step("write.data", request)
        except OSError:
            self.tracked.end(entry)
            self.context.trace(fails, request)
            raise
        self.tracked.end(entry)
        self.context.trace("write.end", request)

    def same_status(self, extent: Extent) -> tuple[Extent, bool]:
        """Return the beginning of the extent that is uniformly data or hole, and whether it is a hole."""
        return self.file.same_status(extent)

    def _pieces(self, extent: Extent, blocks: Extent) -> list[Extent]:
        """Cut the blocks of a ragged zero-write into head block, middle and tail block."""
        head = min(extent.start + -extent.start % self.alignment, blocks.end)
        tail = blocks.end if blocks.end == extent.end else max(extent.end - extent.end % self.alignment, head)
        cuts = [Extent(blocks.start, head), Extent(head, tail), Extent(tail, blocks.end)]
        return [piece for piece in cuts if piece.start < piece.end]
