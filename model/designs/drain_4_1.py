"""Drained sections up to QEMU 4.1, on the stack of 2.8: newcomers are not kept out."""

from cowpath.model.designs.merged_2_8 import DESIGN as MERGED_2_8
from cowpath.model.stack.drain import Drain

LEVELS = ("the queue of drained sections", "checkpoints in drained sections", "drained sections")
"""Who waits on what a drained section brings, above all that the stack itself has."""

DESIGN = MERGED_2_8.changed(
    "drain-4.1",
    Drain(gate=False),
    order=(*LEVELS, *MERGED_2_8.order),
    era="QEMU 2.9 - 4.1, drained sections",
    explanation=(
        "A drained section waits until nothing is in flight, and keeps nobody out: that is left to devices. "
        "One that submits from a thread of its own, as IDE does, comes in all the same; requests without end "
        "put the section off without end, or move in it. On the stack of 2.8. Left out: that most devices do "
        "stop."
    ),
    sources=("cf3129323f (4.2), its message", "block/io.c bdrv_do_drained_begin, bdrv_drain_poll, 4.1"),
)
