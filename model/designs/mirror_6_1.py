"""QEMU 6.1: an operation that is itself parked is in nobody's way."""

from cowpath.model.designs.mirror_5_0 import DESIGN as MIRROR_5_0
from cowpath.model.stack.mirror.active import ActiveWrites
from cowpath.model.stack.mirror.background import Background
from cowpath.model.stack.mirror.world import World

DESIGN = MIRROR_5_0.changed(
    "mirror-6.1",
    World(),
    ActiveWrites(skips_parked=True),
    Background(waits_for_writes=True, needs_self=True),
    era="QEMU 6.1",
    explanation=(
        "An active write passes over operations that are parked on a conflict themselves, so that no two "
        "writes wait for each other. The background, which is no operation, notes whom it waits for in an "
        "operation that it has not (CVE-2021-4145, mended in 6.2)."
    ),
    sources=('d44dae1a7c "block/mirror: fix active mirror dead-lock in mirror_wait_on_conflicts", 6.1',),
)
