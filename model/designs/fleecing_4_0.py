"""QEMU 4.0 and 4.1: the job's writes to its target are serialising, and readers need nothing extra."""

from cowpath.model.designs.design import Design
from cowpath.model.language.claim import ProofOutline
from cowpath.model.language.system import System
from cowpath.model.stack import (
    backup,
    claims,
    copying,
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
    """Assemble the stack with a tracked list on the hidden disk, on which copies serialise."""
    system = world.declare("fleecing-4.0")
    secondary = writes.secondary_node()
    secondary.declare(system)
    protocol.declare(system)
    writes.declare(system, secondary)
    # A reader's entry on the hidden disk's list spans its look-up there and its read of the secondary disk
    # below; a copy's write to the hidden disk waits for that whole span, and the data write comes after it.
    backup.declare(system, secondary, hidden=copying.HIDDEN)
    overlay.declare(system, secondary, hidden=copying.HIDDEN)
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
        *claims.serialised_readers(),
        *claims.allocations(),
        *claims.whole_checkpoint(),
        *claims.job_end(),
    ),
    levels=(
        levels.CHECKPOINT,
        levels.STOP,
        levels.COPIES,
        levels.ALLOCATIONS,
        levels.HIDDEN_LIST,
        levels.PROTOCOL,
    ),
    landmarks=levels.LANDMARKS[:3],
    theorems=("snapshot",),
    runs=(FINITE,),
)

DESIGN = Design(
    name="fleecing-4.0",
    era="QEMU 4.0 - 4.1; beside the RFC's scheme already in 3.0 and 3.1",
    explanation=(
        "Backup writes to a target whose backing chain contains the source carry BDRV_REQ_SERIALISING: they "
        "wait for every overlapping request on the target, readers included, and readers wait for them. A "
        "read is thus wholly before the copy or wholly after it. Readers no longer exclude each other, and "
        "what a guest write reads to fill its cluster is covered too."
    ),
    sources=(
        'f8d59dfb40 "block/backup: fix fleecing scheme: use serialized writes", 3.0',
        '09d2f94846 "block/io: introduce BDRV_REQ_SERIALISING", 3.0',
        'e4f9752c4a "block/replication: drop extra synchronization", 4.0',
    ),
    build=build,
    argument=ARGUMENT,
)
