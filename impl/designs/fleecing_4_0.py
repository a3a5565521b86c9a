"""QEMU 4.0: the job's writes to its target are serialising, and readers need nothing extra.

A reader's entry on the hidden disk's list spans its look-up there and its read of the secondary disk below; a
copy's write to the hidden disk waits for that whole span, and the data write comes after it.
Source: f8d59dfb40 "block/backup: fix fleecing scheme: use serialized writes" (3.0), e4f9752c4a (4.0).
"""

from __future__ import annotations

from cowpath.impl.designs.unserialised import Unserialised


class Fleecing40(Unserialised):
    """The flag on the target's writes; and copy offload."""

    name = "fleecing-4.0"
    target_serialises = True
    merges_reads = True
    offloads = "rest"
