"""QEMU 8.2: the filter marks what it does not copy, and the mode may change."""

from cowpath.model.designs.mirror_8_0 import DESIGN as MIRROR_8_0
from cowpath.model.stack.mirror.active import ActiveWrites
from cowpath.model.stack.mirror.job import Commands, Completion

DESIGN = MIRROR_8_0.changed(
    "mirror-8.2",
    ActiveWrites(skips_parked=True, marks="filter"),
    Completion(syncs_again=True),
    Commands(changes_mode=True),
    era="QEMU 8.2 - 10.0",
    explanation=(
        "The dirty bitmap is the filter's own and disabled; a write that the filter does not copy marks "
        "its chunks when it returns. The user may let writes be copied from now on while the job runs. A "
        "write that came before the filter sees the job, and returns before, is marked by nobody, in either "
        "mode."
    ),
    sources=(
        '058cfca564 "block/mirror: move dirty bitmap to filter", 8.2',
        '7b32ad2242 "block/mirror: determine copy_to_target only once", 8.2',
        'c45d0e1af0 "block/mirror: set actively_synced even after the job is ready", 8.2',
    ),
)
