"""QEMU 8.0: the filter sees a job only when that has its lists."""

from cowpath.model.designs.mirror_7_2 import DESIGN as MIRROR_7_2
from cowpath.model.stack.mirror.start import Start

DESIGN = MIRROR_7_2.changed(
    "mirror-8.0",
    Start(checks=True, late=True),
    era="QEMU 8.0 - 8.1",
    explanation=(
        "The job's pointer is set when its loop begins, so no write meets a job without lists. A write that "
        "came before passes uncopied; where writes are to be copied, the source's bitmap is disabled, and "
        "nobody marks it."
    ),
    sources=('32125b1460 "mirror: Do not dereference invalid pointers", 8.0',),
)
