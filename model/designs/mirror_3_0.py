"""QEMU 3.0: the mirror with active writes, as it came."""

from cowpath.model.designs.design import Design
from cowpath.model.stack.mirror.active import ActiveWrites
from cowpath.model.stack.mirror.background import Background
from cowpath.model.stack.mirror.job import Commands, Completion
from cowpath.model.stack.mirror.machine import MIRROR
from cowpath.model.stack.mirror.operations import Operations
from cowpath.model.stack.mirror.start import Start
from cowpath.model.stack.mirror.wellformed import (
    AMPLE,
    FILLING,
    ONE_MODE,
    STARTED_BEFORE,
    UNPAUSED,
    UNROUNDED,
)
from cowpath.model.stack.mirror.world import DRAIN, LIST, World
from cowpath.model.stack.part import Parts

DESIGN = Design(
    name="mirror-3.0",
    machine=MIRROR,
    era="QEMU 3.0 - 4.0",
    explanation=(
        "A guest's write passes the mirror's filter: there it is copied to the target before it returns "
        "(an active write), while the background copies what was dirty before. Each is an operation on one "
        "list, with a bit for each of its chunks; who finds a bit set waits for an operation that meets "
        "its own. A write makes what it touches of a dirty chunk clean, even if it has written a part of "
        "it only. The background waits at the head of its loop until no write is being copied; who lacks "
        "buffers waits for the first operation of the list, which may be its own."
    ),
    sources=(
        'd06107ade0 "block/mirror: Add active mirroring", 3.0',
        "block/mirror.c mirror_run, mirror_iteration, do_sync_target_write, 3.0",
    ),
    parts=Parts(
        (
            World(ordered=True),
            Start(),
            Operations(first_of_list=True),
            Background(waits_for_writes=True),
            ActiveWrites(resets_outward=True, marks="source"),
            Completion(),
            Commands(),
        )
    ),
    scope=(AMPLE, STARTED_BEFORE, UNPAUSED, ONE_MODE, UNROUNDED, FILLING),
    order=(
        "new writes",
        DRAIN.name,
        "the background",
        LIST.name,
        "a run of the background",
        "buffers",
    ),
    theorems=("mirror-equal",),
)
