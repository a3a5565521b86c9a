"""QEMU 6.2: the background, which is no operation, notes nothing in one."""

from cowpath.model.designs.mirror_6_1 import DESIGN as MIRROR_6_1
from cowpath.model.stack.mirror.background import Background

DESIGN = MIRROR_6_1.changed(
    "mirror-6.2",
    Background(waits_for_writes=True),
    era="QEMU 6.2 - 7.1",
    explanation=(
        "As 6.1, but for its fault: where the background waits for an operation there is none of its own "
        "in which to note that."
    ),
    sources=('66fed30c9c "block/mirror: fix NULL pointer dereference in mirror_wait_on_conflicts()", 6.2',),
)
