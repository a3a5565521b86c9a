"""Linux rbd from 02c74fbad9d4 on: a read that the parent has answered looks whether it is still there."""

from rbd_clone import build

from cowpath import Design

DESIGN = Design(
    "rbd-clone-checks",
    era="Linux from 02c74fbad9d4 on",
    explanation="A read whose parent is gone when the answer comes begins anew.",
    sources=("02c74fbad9d4: drivers/block/rbd.c",),
    build=lambda: build("rbd-clone-checks", checks_again=True),
)
