"""QEMU 4.2: a filter above the secondary disk copies before the write enters it."""

from cowpath.model.designs.fleecing_4_0 import DESIGN as FLEECING_4_0
from cowpath.model.stack.block_copy_4_2 import BlockCopy42
from cowpath.model.stack.cow_requests import CowRequests
from cowpath.model.stack.job_end import FilterEnd
from cowpath.model.stack.pieces import Pieces
from cowpath.model.stack.read_pool import PooledReads
from cowpath.model.stack.secondary import NotifierInside
from cowpath.model.stack.wellformed import IN_CHAIN, QUIESCED

DESIGN = FLEECING_4_0.changed(
    "block-copy-4.2",
    Pieces(),
    PooledReads(),
    BlockCopy42(),
    FilterEnd(frees_first=True),
    without=(NotifierInside, CowRequests),
    scope=(IN_CHAIN, QUIESCED),
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
)
