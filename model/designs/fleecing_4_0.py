"""QEMU 4.0: the job's writes to its target are serialising, and readers need nothing extra."""

from cowpath.model.designs.unserialised import DESIGN as UNSERIALISED
from cowpath.model.stack.copy_offload import OffloadedBackup
from cowpath.model.stack.guest_writes import GuestWrites
from cowpath.model.stack.hidden import SerialisingTarget
from cowpath.model.stack.wellformed import ALIGNED, IN_CHAIN, NO_COPY_ON_READ, NO_OFFLOAD, QUIESCED

DESIGN = UNSERIALISED.changed(
    "fleecing-4.0",
    GuestWrites(merges=True),
    SerialisingTarget(),
    OffloadedBackup(),
    scope=(ALIGNED, NO_COPY_ON_READ, NO_OFFLOAD, IN_CHAIN, QUIESCED),
    era="QEMU 4.0, and for fleecing 3.0 on; beside the RFC's scheme already in 3.0 and 3.1",
    explanation=(
        "Backup writes to a target whose backing chain contains the source carry BDRV_REQ_SERIALISING: they "
        "wait for every overlapping request on the target, readers included, and readers wait for them. A "
        "read is thus wholly before the copy or wholly after it. Readers no longer exclude each other, and "
        "what a guest write reads to fill its cluster is covered too. With copy offload the job copies what "
        "is done already once more."
    ),
    sources=(
        'f8d59dfb40 "block/backup: fix fleecing scheme: use serialized writes", 3.0',
        '09d2f94846 "block/io: introduce BDRV_REQ_SERIALISING", 3.0',
        "block/backup.c backup_cow_with_offload, 3.0; 4a5b91ca02 (4.1) for what is wrong with it",
        'e4f9752c4a "block/replication: drop extra synchronization", 4.0',
    ),
)
