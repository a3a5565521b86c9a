"""Drained sections of QEMU 10.2, on the stack of 5.1: who wakes the queue counts those in it."""

from cowpath.model.designs.block_copy_5_1 import DESIGN as BLOCK_COPY_5_1
from cowpath.model.designs.drain_4_1 import LEVELS
from cowpath.model.designs.drain_5_0 import UNQUEUED
from cowpath.model.stack.drain import Drain

DESIGN = BLOCK_COPY_5_1.changed(
    "drain-10.2",
    Drain(),
    order=(*LEVELS, *BLOCK_COPY_5_1.order),
    scope=(*BLOCK_COPY_5_1.scope, UNQUEUED),
    theorems=("snapshot", "quiet"),
    era="QEMU 10.2, drained sections",
    explanation=(
        "As from 5.1 on, but who ends the last section counts those whom it wakes, so that the next section "
        "waits for them. Left out: sections of a part of the chain, which keep a counter for each node; "
        "exports that count a request when they get round to it (up to 8.2); reconnecting clients. "
        "Undetermined: whether runs end where checkpoints are not quiesced."
    ),
    sources=("8eeaa706ba, 10.2", "block/block-backend.c blk_wait_while_drained, 10.2"),
)
