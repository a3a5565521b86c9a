"""QEMU 7.0 on: the copy-before-write filter with snapshot-access."""

from model.designs.design import Design
from model.language.system import System
from model.stack import block_copy, properties, protocol, snapshot_access, world, writes


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
    lacks=("guest-write", "checkpoint", "stop"),
    breaks_snapshot=True,
)
