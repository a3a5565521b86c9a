"""QEMU 3.0 and 3.1: replication still takes CowRequests, and writes to the target serialise already."""

from cowpath.model.designs.merged_2_10 import DESIGN as MERGED_2_10
from cowpath.model.stack.copy_offload import OffloadedBackup
from cowpath.model.stack.hidden import SerialisingTarget
from cowpath.model.stack.wellformed import ALIGNED, IN_CHAIN, NO_COPY_ON_READ, NO_OFFLOAD, QUIESCED

DESIGN = MERGED_2_10.changed(
    "merged-3.0",
    SerialisingTarget(),
    OffloadedBackup(),
    scope=(ALIGNED, NO_COPY_ON_READ, NO_OFFLOAD, IN_CHAIN, QUIESCED),
    era="QEMU 3.0 - 3.1, for replication",
    explanation=(
        "Both at once: a reader takes a CowRequest, and copies to the hidden disk are serialising there, "
        "which was added for fleecing. That protects a guest write too, which takes no CowRequest; the "
        "deadlock stays. With copy offload the job copies what is done already once more."
    ),
    sources=(
        'f8d59dfb40 "block/backup: fix fleecing scheme: use serialized writes", 3.0',
        "block/replication.c replication_co_readv, 3.0 and 3.1",
        "block/backup.c backup_cow_with_offload, 3.0",
    ),
)
