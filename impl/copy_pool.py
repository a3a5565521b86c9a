"""Block-copy with a pool of tasks (5.1 on): all that is dirty of a write is copied at once.

Source: block/block-copy.c block_copy_dirty_clusters, block_copy_task_run (5.1, 4ce5dd3e9b).
"""

from __future__ import annotations

from functools import partial

from cowpath.impl.block_copy import BlockCopy, Taken
from cowpath.impl.context import Request
from cowpath.impl.errors import CopyFailed
from cowpath.impl.extent import Extent
from cowpath.impl.pool import Pool


class PooledCopies(BlockCopy):
    """The engine of 5.1: an extent that does not end its range is copied by a task of its own."""

    hands_out = "copy.shrink.piece"
    """The step with which a copy is handed out."""

    def copy_dirty(self, request: Request, whole: Extent) -> bool:
        """Copy what is dirty, and return whether anything was. Raises CopyFailed."""
        rest, pool = whole, Pool(self.context, request)
        handed_out = False
        while rest.start < rest.end and pool.error is None and self.is_wanted(request):
            extent = self.done.next_clear(rest)
            if extent is None:
                break
            taken = self.take(request, extent)
            rest = Extent(taken.extent.end, whole.end)
            alone = not handed_out and rest.start == rest.end
            self.prepare(request, taken, alone)
            if alone:
                self.copy_taken(request, taken)
                return True
            handed_out = True
            if not self.finds_task(request, taken, pool):
                rest = Extent(whole.end, whole.end)
                break
            piece = taken.copying.owner = request.piece(taken.extent, self.cluster)
            pool.start(piece, partial(self._task, piece, taken))
            self.context.step(self.hands_out, request, extent=taken.extent)
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

    def prepare(self, request: Request, taken: Taken, alone: bool) -> None:
        """Do what is to be done before a copy; `alone`: it is the only one, and no task makes it."""
        if alone:
            self.context.step("copy.shrink", request, extent=taken.extent)

    def finds_task(self, request: Request, taken: Taken, pool: Pool) -> bool:
        """Find a task for a copy, and return whether that is still to be made: there always is one."""
        return True

    def _task(self, piece: Request, taken: Taken) -> None:
        try:
            self.copy_taken(piece, taken)
        except CopyFailed as error:
            self.context.trace(error.step, piece)
            raise
