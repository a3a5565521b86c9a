"""QEMU 7.0 on: the copy-before-write filter with snapshot-access."""

from cowpath.model.designs.design import Design
from cowpath.model.language.claim import ProofOutline, Landmark, Level
from cowpath.model.language.system import System
from cowpath.model.stack import (
    block_copy,
    claims,
    levels,
    properties,
    protocol,
    snapshot_access,
    world,
    writes,
)
from cowpath.model.stack.wellformed import BREAKS_THE_WRITE, FINITE, FLEECING, NO_DISCARD
from cowpath.model.stack.world import Cluster, at


def build() -> System:
    """Assemble the filter with its two clients: writers above it, readers through snapshot-access."""
    system = world.declare("copy-before-write-7.0")
    secondary = writes.secondary_node(copies_inside=False)
    secondary.declare(system)
    protocol.declare(system)
    snapshot_access.declare_write(system)
    block_copy.declare(
        system, secondary, hidden=None, shrinks=True, returns="copy-returned", breaks_snapshot=True
    )
    writes.declare(system, secondary, begins="enter", then="write")
    snapshot_access.declare_read(system, secondary)
    snapshot_access.declare_discard(system)
    properties.declare(system, block_copy.asserts)
    return system


ARGUMENT = ProofOutline(
    given=FLEECING,
    scope=(BREAKS_THE_WRITE, NO_DISCARD),
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
        *claims.frozen_readers(),
    ),
    levels=(
        levels.IN_FLIGHT,
        Level(
            "frozen reads",
            "a write that has copied waits for reads of the source that began before; a read waits on the "
            "source's list at most",
            lambda s, r: at(s, r, "thaw-wait"),
        ),
        levels.SECONDARY_LIST,
        levels.PROTOCOL,
    ),
    landmarks=(
        Landmark(
            "where the filter's answer changes",
            Cluster,
            lambda s, r, k: (s.at[r] < k) & ((k == s.end[r]) | (s.transferred[k] != s.transferred[s.at[r]])),
        ),
        *levels.LANDMARKS[2:],
    ),
    theorems=("snapshot",),
    measures=(levels.COPIED,),
    runs=(FINITE,),
)

DESIGN = Design(
    name="copy-before-write-7.0",
    era="QEMU 7.0 - 10.1, for fleecing; replication never moved to it",
    explanation=(
        "Readers are never blocked by copying and copying never by readers: a reader freezes the part of the "
        "source that it reads, and only a write to that part waits, after its copy is made. Who comes later "
        "finds the copy. A client may discard what it needs no more: that is copied no more either. A copy "
        "that fails breaks either the write or, by on-cbw-error, the snapshot. There is no chain of overlays "
        "above it, so no guest write, no checkpoint, and no job to end."
    ),
    sources=(
        'af5bcd775f "block: copy-before-write: realize snapshot-access API", 7.0',
        "block/copy-before-write.c cbw_do_copy_before_write, cbw_snapshot_read_lock, 10.1",
        "qapi/block-core.json on-cbw-error, 7.1",
    ),
    build=build,
    argument=ARGUMENT,
    lacks=("guest-write", "checkpoint", "stop"),
    breaks_snapshot=True,
)
