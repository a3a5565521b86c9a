"""QEMU 4.1: a copy by copy_range ends before the next cluster that is done already."""

from cowpath.model.designs.fleecing_4_0 import DESIGN as FLEECING_4_0
from cowpath.model.stack.copy_offload import OffloadedBackup
from cowpath.model.stack.source_discards import SourceDiscards

DESIGN = FLEECING_4_0.changed(
    "fleecing-4.1",
    OffloadedBackup(clips=True),
    SourceDiscards(noticed=True),
    era="QEMU 4.1",
    explanation=(
        "As in 4.0, but that a copy by copy_range ends with the run of clusters that are still to be copied. "
        "Discards on the source go the way of writes, as from 3.0 on."
    ),
    sources=("4a5b91ca02, 4.1", "block/backup.c backup_do_cow, 4.1"),
)
