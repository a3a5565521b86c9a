"""The secondary of block replication before the RFC: readers and copy-before-write do not know each other."""

from cowpath.model.designs.design import Design
from cowpath.model.stack.admission import Admission
from cowpath.model.stack.backup import Backup
from cowpath.model.stack.checkpoint import Checkpoint
from cowpath.model.stack.cow_requests import CowRequests
from cowpath.model.stack.guest_writes import GuestWrites
from cowpath.model.stack.job_end import JobEnd
from cowpath.model.stack.overlay import Overlay
from cowpath.model.stack.part import Parts
from cowpath.model.stack.protocol import ProtocolNode
from cowpath.model.stack.secondary import NotifierInside, SecondaryNode
from cowpath.model.stack.wellformed import ALIGNED, NO_COPY_ON_READ, QUIESCED
from cowpath.model.stack.world import World
from cowpath.model.stack.writes import Writes

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
    parts=Parts(
        (
            World(),
            NotifierInside(),
            SecondaryNode(),
            ProtocolNode(),
            Writes(),
            CowRequests(),
            Backup(),
            Overlay(),
            GuestWrites(),
            Admission("guest-read"),
            Admission("guest-write"),
            Checkpoint(),
            JobEnd(),
        )
    ),
    scope=(ALIGNED, NO_COPY_ON_READ, QUIESCED),
    # Who waits on a list waits for who is past it, and that one waits further down at most.
    order=(
        "checkpoints",
        "the exit",
        "the end of the job",
        "CowRequests",
        "block-copy's in-flight list",
        "the copies of a write",
        "the frozen reads",
        "allocations in the active disk",
        "the pieces of a read",
        "the hidden disk's tracked list",
        "the pieces of a read of the hidden disk",
        "the secondary's tracked list",
        "the protocol node's tracked list",
    ),
)
