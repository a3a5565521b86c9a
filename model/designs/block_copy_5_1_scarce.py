"""Block-copy of QEMU 5.1 on, with what it waits for when memory and tasks are few."""

from itertools import chain

from cowpath.model.designs.block_copy_5_1 import DESIGN as BLOCK_COPY_5_1
from cowpath.model.stack.block_copy import IN_FLIGHT
from cowpath.model.stack.scarce_copies import MEMORY, ScarceCopies

DESIGN = BLOCK_COPY_5_1.changed(
    "block-copy-5.1-scarce",
    ScarceCopies(),
    order=tuple(
        chain.from_iterable(
            (name, MEMORY.name) if name == IN_FLIGHT.name else (name,) for name in BLOCK_COPY_5_1.order
        )
    ),
    era="QEMU 5.1 on, where memory and tasks for copies are few",
    explanation=(
        "As in 5.1, with the waits that are left out there: for memory, which all copies share, and for a "
        "task of the write's own. Here memory is for two copies and each write has one task, where QEMU has "
        "128 MiB and 64. Who waits for memory holds none and is waited for in its turn, but who has memory "
        "waits for disks or for copies that have their own. It takes scenarios that say so alone."
    ),
    sources=(
        "block/block-copy.c block_copy_dirty_clusters, block_copy_task_run, block_copy_task_entry, 5.1",
        "util/qemu-co-shared-resource.c co_get_from_shres; block/aio_task.c aio_task_pool_wait_slot, 5.1",
    ),
)
