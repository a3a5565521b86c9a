"""The smallest change to the RFC with which every property but `progress` holds on every bundled scenario."""

from typing import Any

from cowpath.model.designs.design import Change, Design
from cowpath.model.designs.rfc_2016 import DESIGN as RFC_2016
from cowpath.model.stack.admission import ProtectedAdmission
from cowpath.model.stack.checkpoint import Checkpoint
from cowpath.model.stack.job_end import JobEnd
from cowpath.model.stack.secondary import UnserialisedGuestReads, UnserialisedReadsUnlisted

_PROPOSED = "proposed here; after the RFC's xxx_co_readv"

REPAIR = (
    Change(
        (UnserialisedReadsUnlisted(),),
        "a read with NO_SERIALISING is nobody's conflict on a tracked list",
        "`assertion` falls: such a read, the job's own or the guest's by change 2, makes a serialising "
        "write wait after its read-modify-write reads, which QEMU asserts cannot be (and rightly: "
        "newcomers pass it meanwhile, and `write-through` falls as well)",
    ),
    Change(
        (UnserialisedGuestReads(),),
        "the guest's read of the secondary disk carries NO_SERIALISING, as the job's own does",
        "`deadlock` falls: an unaligned write is serialising while it waits for the reader's CowRequest",
    ),
    Change(
        (ProtectedAdmission("guest-write", source=_PROPOSED),),
        "a guest write takes a CowRequest too (replication_co_writev)",
        "`guest-write` falls: it fills its cluster by the same look-up and transfer as a read",
    ),
    Change(
        (Checkpoint(drained=True),),
        "the checkpoint runs in a drained section (secondary_do_checkpoint)",
        "`snapshot` falls where nobody else quiesces: a write between its copy and its data write "
        "lands in the next epoch uncopied",
    ),
    Change(
        (JobEnd(drained=True),),
        "the job is freed in a drained section (backup_complete)",
        "`lifetime` falls: a reader drops its CowRequest from the list of a job that is gone",
    ),
)


def repaired(name: str, changes: tuple[Change, ...], **told: Any) -> Design:
    """Return the RFC with some of the changes, to see whether each is needed."""
    parts = (part for change in changes for part in change.parts)
    reads = ProtectedAdmission("guest-read", source=_PROPOSED)
    return RFC_2016.changed(name, reads, *parts, changes=changes, **told)


DESIGN = repaired(
    "rfc-repaired",
    REPAIR,
    scope=(),
    # A write waits for CowRequests while it is on the secondary's list, where reads wait for nobody.
    order=(
        "checkpoints",
        "the end of the job",
        "the secondary's tracked list",
        "CowRequests",
        "allocations in the active disk",
        "the protocol node's tracked list",
    ),
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
)
