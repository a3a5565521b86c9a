"""Drained sections of QEMU 5.1 to 10.1, on the stack of 5.1: copies of a write run together."""

from cowpath.model.designs.block_copy_5_1 import DESIGN as BLOCK_COPY_5_1
from cowpath.model.designs.drain_4_1 import LEVELS
from cowpath.model.designs.drain_5_0 import ONE_SECTION, UNQUEUED
from cowpath.model.stack.drain import Drain

DESIGN = BLOCK_COPY_5_1.changed(
    "drain-5.1",
    Drain(wakes_counted=False),
    order=(*LEVELS, *BLOCK_COPY_5_1.order),
    scope=(*BLOCK_COPY_5_1.scope, UNQUEUED, ONE_SECTION),
    theorems=("snapshot", "quiet"),
    era="QEMU 5.1 - 10.1, drained sections",
    explanation=(
        "As in 5.0, on the stack of 5.1: what is dirty of a write is copied by tasks at the same time, and a "
        "section waits for the write that waits for them. Who is woken counts itself, later. Left out: up to "
        "8.2, exports that count a request when they get round to it. "
        "Undetermined: whether runs end where checkpoints are not quiesced."
    ),
    sources=(
        "8eeaa706ba (10.2) for what is wrong with it",
        "block/block-backend.c blk_wait_while_drained, 5.1",
    ),
)
