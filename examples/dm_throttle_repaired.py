"""Linux dm-snapshot from 5.4 on: who is over the limit drops the lock, waits without it and begins anew."""

from dm_throttle import build

from cowpath import Design

DESIGN = Design(
    "dm-throttle-5.4",
    era="Linux 5.4",
    explanation="A writer that is over the limit drops _origins_lock before it waits.",
    sources=("b21555786f18: drivers/md/dm-snap.c",),
    build=lambda: build("dm-throttle-5.4", drops_the_lock=True),
)
