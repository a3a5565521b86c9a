"""QEMU 9.2 on: the copy-before-write filter with snapshot-access, as it is since frozen reads may overlap."""

from cowpath.model.designs.block_copy_5_1 import DESIGN as BLOCK_COPY_5_1
from cowpath.model.stack.admission import Admission
from cowpath.model.stack.checkpoint import Checkpoint
from cowpath.model.stack.copy_timeout import TimedCopies
from cowpath.model.stack.discard_source import DiscardSource
from cowpath.model.stack.guest_writes import GuestWrites
from cowpath.model.stack.hidden import SerialisingTarget
from cowpath.model.stack.job_end import FilterEnd
from cowpath.model.stack.overlay import Overlay
from cowpath.model.stack.snapshot_access import ClientDiscards, SnapshotFilter, SnapshotReads
from cowpath.model.stack.status_queries import StatusQueries
from cowpath.model.stack.wellformed import BREAKS_THE_WRITE, KEEPS_SOURCE, NO_DISCARD

DESIGN = BLOCK_COPY_5_1.changed(
    "copy-before-write-9.2",
    TimedCopies(returns="copy-returned", breaks_snapshot=True),
    SnapshotFilter(),
    SnapshotReads(),
    ClientDiscards(),
    DiscardSource(),
    StatusQueries(),
    without=(SerialisingTarget, Overlay, GuestWrites, Admission, Checkpoint, FilterEnd),
    scope=(BREAKS_THE_WRITE, NO_DISCARD, KEEPS_SOURCE),
    era="QEMU 9.2 on, in its earlier forms since 7.0, for fleecing; replication never moved to it",
    explanation=(
        "Readers are never blocked by copying and copying never by readers: a reader freezes the part of the "
        "source that it reads, and only a write to that part waits, after its copy is made. Who comes later "
        "finds the copy. Block-status queries freeze as reads do. A client may discard what it has read, "
        "and that is copied no more. A copy that fails, or takes longer than cbw-timeout, breaks either "
        "the write or, by on-cbw-error, the snapshot. There is no chain of overlays above it, so no guest "
        "write, no checkpoint, no job to end."
    ),
    sources=(
        'af5bcd775f "block: copy-before-write: realize snapshot-access API", 7.0',
        "block/copy-before-write.c cbw_do_copy_before_write, cbw_snapshot_read_lock, 10.1",
        "qapi/block-core.json on-cbw-error, cbw-timeout, 7.1",
        '6475155d51 "block/reqlist: allow adding overlapping requests", 9.2',
    ),
)
