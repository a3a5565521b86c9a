"""Block-copy short of memory and of tasks: two copies at once have memory, and each write has one task.

Source: block/block-copy.c block_copy_dirty_clusters, block_copy_task_run, block_copy_task_entry (5.1);
util/qemu-co-shared-resource.c co_get_from_shres; block/aio_task.c aio_task_pool_wait_slot.
"""

from __future__ import annotations

from cowpath.impl.block_copy import Taken
from cowpath.impl.context import AioContext, Request
from cowpath.impl.copy_pool import PooledCopies
from cowpath.impl.overlay import Hidden
from cowpath.impl.pool import Pool
from cowpath.impl.secondary import Secondary

COPIES = 2
"""How many copies have memory at once."""


class ScarceCopies(PooledCopies):
    """The engine of 5.1 with what it waits for where memory and tasks are few."""

    hands_out = "copy.hand-out"

    def __init__(self, context: AioContext, source: Secondary, target: Hidden, cluster: int) -> None:
        super().__init__(context, source, target, cluster)
        self.left = COPIES
        self.given_back = context.condition()

    def prepare(self, request: Request, taken: Taken, alone: bool) -> None:
        """Wait for the memory of a copy."""
        self.context.step("copy.shrink", request, extent=taken.extent)
        self.ask_for_memory(taken.extent)
        self._take_memory()
        self.context.step("copy.memory", request)

    def finds_task(self, request: Request, taken: Taken, pool: Pool) -> bool:
        """Wait for the task; drop the copy, and return that, if one before it has failed."""
        pool.wait_for_all()
        if pool.error is None:
            return True
        self.done.reset(taken.extent)
        self.in_flight.remove(taken.copying)
        self.give_memory_back()
        self.context.step("copy.drop", request)
        return False

    def _take_memory(self) -> None:
        self.given_back.wait_for(lambda: self.left > 0)
        self.context.touch("the memory for copies", None, True)
        self.left -= 1

    def give_memory_back(self) -> None:
        """Give back the memory of a copy, and wake who waits for some."""
        self.context.touch("the memory for copies", None, True)
        self.left += 1
        self.given_back.notify_all()
