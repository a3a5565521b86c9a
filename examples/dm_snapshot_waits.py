"""Linux dm-snapshot from 2.6.27 on: reads of the origin are tracked, and an exception waits for them."""

from dm_snapshot import build

from cowpath import Design

DESIGN = Design(
    "dm-snapshot-2.6.27",
    era="Linux 2.6.27",
    explanation="The exception is published when no read of the chunk is under way at the origin.",
    sources=("a8d41b59f3f5, cd45daffd1f7: drivers/md/dm-snap.c",),
    build=lambda: build("dm-snapshot-2.6.27", waits_for_reads=True),
)
