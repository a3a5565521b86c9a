"""QEMU 4.2: a filter above the secondary disk copies before the write enters it."""

from cowpath.model.designs.design import Design
from cowpath.model.language.claim import ProofOutline, Level
from cowpath.model.language.system import System
from cowpath.model.stack import (
    block_copy,
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
from cowpath.model.stack.wellformed import FINITE, QUIESCED, REPLICATION
from cowpath.model.stack.world import at


def build() -> System:
    """Assemble the stack with a filter in place of the notifier."""
    system = world.declare("block-copy-4.2")
    secondary = writes.secondary_node(copies_inside=False)
    secondary.declare(system)
    protocol.declare(system)
    block_copy.declare(system, secondary, hidden=copying.HIDDEN, shrinks=False)
    writes.declare(system, secondary, begins="enter", then="write")
    overlay.declare(system, secondary, hidden=copying.HIDDEN)
    replication.admit_plainly(system, "guest-read")
    replication.admit_plainly(system, "guest-write")
    replication.checkpoint(system, drains=False)
    block_copy.end_of_filter(system, frees_first=True)
    properties.declare(system)
    return system


ARGUMENT = ProofOutline(
    given=REPLICATION,
    scope=(QUIESCED,),
    invariants=(
        *claims.extents(),
        *claims.tracked(
            writes.secondary_node(copies_inside=False),
            lambda s, r: at(s, r, *claims.PARKED),
            lambda s, r: at(s, r, *claims.PAST),
        ),
        *claims.settled(),
        *claims.protocol_node(),
        *claims.blocks(),
        *claims.whole_ranges(),
        *claims.reading(),
        *claims.serialised_readers(),
        *claims.allocations(),
        *claims.whole_checkpoint(),
        *claims.job_end(),
    ),
    levels=(
        levels.CHECKPOINT,
        levels.STOP,
        Level(
            "block-copy's in-flight list",
            "a write waits for copies in flight that it notices; who copies does not wait for another copy",
            lambda s, r: at(s, r, "idle", "copy-wait"),
        ),
        levels.ALLOCATIONS,
        levels.HIDDEN_LIST,
        levels.SECONDARY_LIST,
        levels.PROTOCOL,
    ),
    landmarks=levels.LANDMARKS,
    theorems=("snapshot",),
    runs=(FINITE,),
)

DESIGN = Design(
    name="block-copy-4.2",
    era="QEMU 4.2",
    explanation=(
        "The copy moves into a filter node above the secondary disk and is made before the write enters "
        "that node. Target writes stay serialising, so readers are kept out as in 4.0. Copies exclude "
        "each other by one list entry for the whole request; but the wait for others is called with a "
        "length where an end is expected, so it sees only requests that start below the new one's length: "
        "two writes to any cluster but the first miss each other. The engine's state is freed before the "
        "filter is drained."
    ),
    sources=(
        '00e30f05de "block/backup: use backup-top instead of write notifiers", 4.2',
        "block/block-copy.c block_copy, block_copy_wait_inflight_reqs, 4.2",
        "503ca1262b (5.0) for the end of the job",
    ),
    build=build,
    argument=ARGUMENT,
)
