"""The RFC of 18 May 2016: the reader takes a CowRequest in the job's list around its read."""

from cowpath.model.designs.design import Design
from cowpath.model.language.claim import ProofOutline, Level
from cowpath.model.language.system import System
from cowpath.model.stack import (
    backup,
    claims,
    levels,
    overlay,
    properties,
    protocol,
    replication,
    world,
    writes,
)
from cowpath.model.stack.wellformed import ALIGNED, FINITE, NO_COPY_ON_READ, QUIESCED, REPLICATION
from cowpath.model.stack.world import at

_SKETCH = "RFC of 18 May 2016, xxx_co_readv; block/backup.c backup_cow_request_begin"


def build() -> System:
    """Assemble the stack; the only difference from `unserialised` is how a guest read is admitted."""
    system = world.declare("rfc-2016")
    secondary = writes.secondary_node()
    secondary.declare(system)
    protocol.declare(system)
    writes.declare(system, secondary)
    backup.declare(system, secondary)
    overlay.declare(system, secondary)
    # The sketch fetches the job once and goes on using it after the wait.
    replication.admit_with_cow_request(system, "guest-read", source=_SKETCH)
    replication.admit_plainly(system, "guest-write")
    replication.checkpoint(system, drains=False)
    replication.job_end(system, drains=False)
    properties.declare(system, backup.asserts)
    return system


ARGUMENT = ProofOutline(
    given=REPLICATION,
    scope=(ALIGNED, NO_COPY_ON_READ, QUIESCED),
    invariants=(
        *claims.extents(),
        *claims.tracked(
            writes.secondary_node(),
            lambda s, r: at(s, r, *claims.PARKED),
            lambda s, r: at(s, r, "secondary-read", *claims.INSIDE_WRITE),
        ),
        *claims.no_list(),
        *claims.protocol_node(),
        *claims.cow_requests("guest-read"),
        *claims.notifier(),
        *claims.reading(),
        *claims.protected_readers(),
        *claims.allocations(),
        *claims.whole_checkpoint(),
        *claims.job_end(),
    ),
    levels=(
        levels.CHECKPOINT,
        levels.STOP,
        Level(
            "CowRequests",
            "who wants a CowRequest waits for who holds one; no holder waits for another, nor on the "
            "secondary's list, where no request is serialising",
            lambda s, r: at(s, r, "notify", "cow-wait", "cow-request-wait", "idle"),
        ),
        levels.ALLOCATIONS,
        levels.PROTOCOL,
    ),
    landmarks=levels.LANDMARKS[:3],
    theorems=("snapshot",),
    runs=(FINITE,),
)

DESIGN = Design(
    name="rfc-2016",
    era="RFC of 18 May 2016; merged, slightly changed, in 2.8",
    explanation=(
        "Readers and copies share one list and one rule: any two overlapping CowRequests exclude each other, "
        "two readers included. A reader holds its request from before the look-up until its data are read. "
        "Its read of the secondary disk is a plain one, so it also obeys that node's tracked requests; a "
        "guest write, which may read the same data to fill a cluster, takes no request."
    ),
    sources=(
        "seed: [RFC] backup: export interfaces for extra serialization, Changlong Xie",
        "block/backup.c wait_for_overlapping_requests, cow_request_begin, cow_request_end, 2.6",
    ),
    build=build,
    argument=ARGUMENT,
)
