"""Block-copy with a pool of tasks (5.1 on): all that is dirty of a write is copied at once.

Source: block/block-copy.c block_copy_dirty_clusters, block_copy_task_run (5.1, 4ce5dd3e9b).
"""

from __future__ import annotations

from functools import partial

from cowpath.impl.block_copy import BlockCopy
from cowpath.impl.context import Request
from cowpath.impl.errors import CopyFailed
from cowpath.impl.extent import Extent
from cowpath.impl.pool import Pool
from cowpath.impl.reqlist import Entry


class PooledCopies(BlockCopy):
    """The engine of 5.1: an extent that does not end its range is copied by a task of its own."""

    def copy_dirty(self, request: Request, whole: Extent) -> bool:
        """Copy what is dirty, and return whether anything was. Raises CopyFailed."""
        rest, pool = whole, Pool(self.context, request)
        handed_out = False
        while rest.start < rest.end and pool.error is None and self.is_wanted(request):
            extent = self.done.next_clear(rest)
            if extent is None:
                break
            copying, extent = self.take(request, extent)
            rest = Extent(extent.end, whole.end)
            if not handed_out and rest.start == rest.end:
                self.context.step("copy.shrink", request, extent=extent)
                self.copy_taken(request, extent, copying)
                return True
            handed_out = True
            piece = copying.owner = request.piece(extent, self.cluster)
            pool.start(piece, partial(self._task, piece, extent, copying))
            self.context.step("copy.shrink.piece", request, extent=extent)
        if not handed_out:
            return False
        if rest.start < rest.end:
            self.context.step("copy.taken", request)
        try:
            pool.wait()
        except OSError as error:
            raise CopyFailed(error, "copy.join") from None
        self.context.step("copy.join", request)
        return True

    def _task(self, piece: Request, extent: Extent, copying: Entry) -> None:
        try:
            self.copy_taken(piece, extent, copying)
        except CopyFailed as error:
            self.context.trace(error.step, piece)
            raise
