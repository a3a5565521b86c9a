"""The smallest change to the RFC with which every property but `progress` holds on every bundled scenario."""

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
from cowpath.model.stack.wellformed import FINITE, REPLICATION
from cowpath.model.stack.world import at

_PROPOSED = "proposed here; after the RFC's xxx_co_readv"


def build(
    *,
    unserialised_reads_unlisted: bool = True,
    guest_reads_unserialised: bool = True,
    guest_writes_take_cow_request: bool = True,
    checkpoint_drains: bool = True,
    end_drains: bool = True,
) -> System:
    """Assemble the stack: the RFC and five changes, each of which may be left out to see what falls."""
    system = world.declare("rfc-repaired")
    secondary = writes.secondary_node(
        guest_reads_wait=not guest_reads_unserialised, lists_unserialised=not unserialised_reads_unlisted
    )
    secondary.declare(system)
    protocol.declare(system)
    writes.declare(system, secondary)
    backup.declare(system, secondary)
    overlay.declare(system, secondary, reads_wait=not guest_reads_unserialised)
    replication.admit_with_cow_request(system, "guest-read", source=_PROPOSED)
    if guest_writes_take_cow_request:
        replication.admit_with_cow_request(system, "guest-write", source=_PROPOSED)
    else:
        replication.admit_plainly(system, "guest-write")
    replication.checkpoint(system, drains=checkpoint_drains)
    replication.job_end(system, drains=end_drains)
    properties.declare(system, backup.asserts)
    return system


_LIST = writes.secondary_node(guest_reads_wait=False, lists_unserialised=False)

ARGUMENT = ProofOutline(
    given=REPLICATION,
    scope=(),
    invariants=(
        *claims.extents(),
        *claims.tracked(
            _LIST,
            lambda s, r: at(s, r, "write-parked", "final-parked"),
            lambda s, r: at(s, r, *claims.INSIDE_WRITE),
        ),
        *claims.settled(),
        *claims.protocol_node(),
        *claims.blocks(*claims.IN_NOTIFIER),
        *claims.cow_requests("guest-read", "guest-write"),
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
            "the secondary's tracked list",
            "a write waits for writes past it on that list, which may be waiting for CowRequests",
            lambda s, r: at(s, r, "write-parked", "final-parked"),
        ),
        Level(
            "CowRequests",
            "who wants a CowRequest waits for who holds one; no holder waits for a CowRequest, nor on the "
            "secondary's list, where reads of the job and of guests wait for nobody",
            lambda s, r: at(s, r, "notify", "cow-wait", "cow-request-wait", "idle"),
        ),
        levels.ALLOCATIONS,
        levels.PROTOCOL,
    ),
    landmarks=levels.LANDMARKS,
    theorems=("snapshot",),
    runs=(FINITE,),
)

DESIGN = Design(
    name="rfc-repaired",
    era="never shipped; found with this checker",
    explanation=(
        "The RFC's scheme, where (1) a NO_SERIALISING read is nobody's conflict, (2) the reader's read of "
        "the secondary disk is such a read, (3) guest writes take a CowRequest too, (4) the checkpoint and "
        "(5) the freeing of the job each run in a drained section. What keeps a reader safe is then its "
        "CowRequest alone, and nobody who holds one ever waits for a tracked request of the same node. What "
        "it leaves as it was is that small requests which overlap in time keep a large one waiting for ever."
    ),
    sources=(
        "seed: [RFC] backup: export interfaces for extra serialization",
        "block/io.c BDRV_REQ_NO_SERIALISING (2.5 - 4.2), bdrv_drained_begin",
    ),
    build=build,
    argument=ARGUMENT,
    changes=(
        (
            "a read with NO_SERIALISING is nobody's conflict on a tracked list",
            "`assertion` falls: such a read, the job's own or the guest's by change 2, makes a serialising "
            "write wait after its read-modify-write reads, which QEMU asserts cannot be (and rightly: "
            "newcomers pass it meanwhile, and `write-through` falls as well)",
        ),
        (
            "the guest's read of the secondary disk carries NO_SERIALISING, as the job's own does",
            "`deadlock` falls: an unaligned write is serialising while it waits for the reader's CowRequest",
        ),
        (
            "a guest write takes a CowRequest too (replication_co_writev)",
            "`guest-write` falls: it fills its cluster by the same look-up and transfer as a read",
        ),
        (
            "the checkpoint runs in a drained section (secondary_do_checkpoint)",
            "`snapshot` falls where nobody else quiesces: a write between its copy and its data write "
            "lands in the next epoch uncopied",
        ),
        (
            "the job is freed in a drained section (backup_complete)",
            "`lifetime` falls: a reader drops its CowRequest from the list of a job that is gone",
        ),
    ),
)
