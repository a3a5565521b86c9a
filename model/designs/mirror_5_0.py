"""QEMU 5.0: who lacks a slot or buffers waits for an operation that has begun."""

from cowpath.model.designs.mirror_4_2 import DESIGN as MIRROR_4_2
from cowpath.model.stack.mirror.operations import Operations

DESIGN = MIRROR_4_2.changed(
    "mirror-5.0",
    Operations(),
    era="QEMU 5.0 - 6.0",
    explanation=(
        "An operation is waited for, by who lacks a slot or buffers, only when it is in flight: no more "
        "does one wait for itself. Two active writes may still wait for each other: who is itself parked "
        "stays on the list, in everybody's way."
    ),
    sources=('ce8cabbd17 "mirror: Wait only for in-flight operations", 5.0',),
)
