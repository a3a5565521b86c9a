"""Drained sections of QEMU 4.2, on its stack: newcomers are kept out, and some stay counted."""

from cowpath.model.designs.block_copy_4_2 import DESIGN as BLOCK_COPY_4_2
from cowpath.model.designs.drain_4_1 import LEVELS
from cowpath.model.stack.drain import Drain

DESIGN = BLOCK_COPY_4_2.changed(
    "drain-4.2",
    Drain(parks_counted=True, wakes_counted=False),
    order=(*LEVELS, *BLOCK_COPY_4_2.order),
    era="QEMU 4.2, drained sections",
    explanation=(
        "Newcomers are queued while a drained section lasts. A flush or a discard that is queued stays "
        "counted, so the section waits for what waits for it. The model has no flushes: it lets any request "
        "do that, which stands for a client who sends those."
    ),
    sources=(
        'cf3129323f "block-backend: Queue requests while drained", 4.2',
        "7f16476fab, fbb92b6798 (5.0) for what is wrong with it",
    ),
)
