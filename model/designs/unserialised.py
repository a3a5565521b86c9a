"""The secondary of block replication before the RFC: readers and copy-before-write do not know each other."""

from cowpath.model.designs.design import Design
from cowpath.model.language.claim import ProofOutline
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


def build() -> System:
    """Assemble the stack with no protection of readers."""
    system = world.declare("unserialised")
    secondary = writes.secondary_node()
    secondary.declare(system)
    protocol.declare(system)
    writes.declare(system, secondary)
    backup.declare(system, secondary)
    overlay.declare(system, secondary)
    replication.admit_plainly(system, "guest-read")
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
        *claims.cow_requests(),
        *claims.notifier(),
        *claims.reading(),
        *claims.allocations(),
        *claims.whole_checkpoint(),
        *claims.job_end(),
    ),
    levels=(
        levels.CHECKPOINT,
        levels.STOP,
        levels.COPIES,
        levels.ALLOCATIONS,
        levels.PROTOCOL,
    ),
    landmarks=levels.LANDMARKS[:3],
    theorems=("snapshot",),
    runs=(FINITE,),
)

DESIGN = Design(
    name="unserialised",
    era="block replication patches v1-v18, 2015 - May 2016; never released",
    explanation=(
        "The backup job copies a cluster to the hidden disk before a write overwrites it, and copies exclude "
        "each other by CowRequests. A guest read takes no part in that: having found a cluster missing from "
        "the hidden disk, it may reach the secondary disk after the copy and the write are through."
    ),
    sources=(
        "block/backup.c backup_do_cow, backup_before_write_notify, 2.6",
        "block/io.c bdrv_co_pwritev, wait_serialising_requests, 2.6",
        "Stefan Hajnoczi's question of 6 May 2016, quoted in the RFC",
    ),
    build=build,
    argument=ARGUMENT,
)
