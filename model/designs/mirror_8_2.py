"""QEMU 8.2: the filter marks what it does not copy, and the mode may change."""

from cowpath.model.designs.mirror_7_2 import DESIGN as MIRROR_7_2
from cowpath.model.stack.mirror.active import ActiveWrites
from cowpath.model.stack.mirror.job import Commands, Completion
from cowpath.model.stack.mirror.start import Start

DESIGN = MIRROR_7_2.changed(
    "mirror-8.2",
    ActiveWrites(skips_parked=True, marks="filter"),
    Start(checks=True, late=True),
    Completion(syncs_again=True),
    Commands(changes_mode=True),
    era="QEMU 8.2 - 10.2",
    explanation=(
        "The dirty bitmap is the filter's own and disabled; a write that the filter does not copy marks "
        "its chunks when it returns. The user may let writes be copied from now on while the job runs. The "
        "filter sees the job when its lists are there: a write that came before and returns before is "
        "marked by nobody."
    ),
    sources=(
        '058cfca564 "block/mirror: move dirty bitmap to filter", 8.2',
        '7b32ad2242 "block/mirror: determine copy_to_target only once", 8.2',
        'c45d0e1af0 "block/mirror: set actively_synced even after the job is ready", 8.2',
        '32125b1460 "mirror: Do not dereference invalid pointers", 8.0',
    ),
)
