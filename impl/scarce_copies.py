"""Block-copy short of memory and of tasks: two copies at once have memory, and each write has one task.

Source: block/block-copy.c block_copy_dirty_clusters, block_copy_task_run, block_copy_task_entry (5.1);
util/qemu-co-shared-resource.c co_get_from_shres; block/aio_task.c aio_task_pool_wait_slot.
"""

from __future__ import annotations

from functools import partial

from cowpath.impl.context import AioContext, Request
from cowpath.impl.copy_pool import PooledCopies
from cowpath.impl.errors import CopyFailed
from cowpath.impl.extent import Extent
from cowpath.impl.overlay import Hidden
from cowpath.impl.pool import Pool
from cowpath.impl.secondary import Secondary

COPIES = 2
"""How many copies have memory at once."""


class ScarceCopies(PooledCopies):
    """The engine of 5.1 with what it waits for where memory and tasks are few."""

    def __init__(self, context: AioContext, source: Secondary, target: Hidden, cluster: int) -> None:
        super().__init__(context, source, target, cluster)
        self.left = COPIES
        self.given_back = context.condition()

    def copy_dirty(self, request: Request, whole: Extent) -> bool:
        """Copy what is dirty, and return whether anything was. Raises CopyFailed."""
        rest, pool = whole, Pool(self.context, request)
        taken = handed_out = False
        while rest.start < rest.end and pool.error is None:
            extent = self.done.next_clear(rest)
            if extent is None:
                break
            copying, extent = self.take(request, extent)
            taken = True
            rest = Extent(extent.end, whole.end)
            self.context.step("copy.shrink", request, extent=extent)
            self.ask_for_memory(extent)
            self._take_memory()
            self.context.step("copy.memory", request)
            if not handed_out and rest.start == rest.end:
                self.copy_taken(request, extent, copying)
                return True
            handed_out = True
            pool.wait_for_all()
            if pool.error is not None:
                self.done.reset(extent)
                self.in_flight.remove(copying)
                self.give_memory_back()
                self.context.step("copy.drop", request)
                rest = Extent(whole.end, whole.end)
                break
            piece = copying.owner = request.piece(extent, self.cluster)
            pool.start(piece, partial(self._task, piece, extent, copying))
            self.context.step("copy.hand-out", request, extent=extent)
        if not taken:
            return False
        if rest.start < rest.end:
            self.context.step("copy.taken", request)
        try:
            pool.wait()
        except OSError as error:
            raise CopyFailed(error, "copy.join") from None
        self.context.step("copy.join", request)
        return True

    def _take_memory(self) -> None:
        self.given_back.wait_for(lambda: self.left > 0)
        self.context.touch("the memory for copies", None, True)
        self.left -= 1

    def give_memory_back(self) -> None:
        """Give back the memory of a copy, and wake who waits for some."""
        self.context.touch("the memory for copies", None, True)
        self.left += 1
        self.given_back.notify_all()
