"""QEMU 5.0 - 6.1: a filter above the secondary disk copies before the write enters it."""

from cowpath.model.designs.design import Design
from cowpath.model.language.claim import ProofOutline
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
    system = world.declare("block-copy-5.0")
    secondary = writes.secondary_node(copies_inside=False)
    secondary.declare(system)
    protocol.declare(system)
    block_copy.declare(system, secondary, hidden=copying.HIDDEN, shrinks=True)
    writes.declare(system, secondary, begins="enter", then="write")
    overlay.declare(system, secondary, hidden=copying.HIDDEN)
    replication.admit_plainly(system, "guest-read")
    replication.admit_plainly(system, "guest-write")
    replication.checkpoint(system, drains=False)
    block_copy.end_of_filter(system, frees_first=False)
    properties.declare(system, block_copy.asserts)
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
        *claims.filter_copies(),
        *claims.hidden_snapshot(),
        *claims.reading(),
        *claims.serialised_readers(),
        *claims.allocations(),
        *claims.whole_checkpoint(),
    ),
    levels=(
        levels.CHECKPOINT,
        levels.STOP,
        levels.IN_FLIGHT,
        levels.ALLOCATIONS,
        levels.HIDDEN_LIST,
        levels.SECONDARY_LIST,
        levels.PROTOCOL,
    ),
    landmarks=levels.LANDMARKS,
    theorems=("snapshot",),
    measures=(levels.COPIED,),
    runs=(FINITE,),
)

DESIGN = Design(
    name="block-copy-5.0",
    era="QEMU 5.0 - 6.1",
    explanation=(
        "Only the extent that is being copied is in the list, and it may shrink when its block status is "
        "known. Who finds nothing dirty waits for the copies in flight in its range, and looks again; a "
        "failed copy makes its clusters dirty again, for the next to retry. The filter is drained before "
        "the state is freed. Simplified: a writer that waits looks again, too, when a checkpoint that nobody "
        "quiesced makes its clusters dirty; QEMU wakes it when the copy has ended, so the model allows more."
    ),
    sources=(
        '5332e5d210 "block/block-copy: refactor interfaces to use bytes instead of end", 5.0',
        "block/block-copy.c block_copy, block_copy_dirty_clusters, 5.0",
        "503ca1262b, 5.0",
    ),
    build=build,
    argument=ARGUMENT,
)
