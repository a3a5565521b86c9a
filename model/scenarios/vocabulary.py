"""The words of scenarios: kinds of request, faults, options, properties. Said here and nowhere else."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field

from cowpath.model.language.action import HANGS, hanging

IO_KINDS = (
    "nbd-write",
    "nbd-zero",
    "guest-read",
    "guest-write",
    "client-discard",
    "job-read",
    "source-discard",
    "status-query",
)
"""Kinds of request that have an extent (`at`)."""
NBD_WRITES = ("nbd-write", "nbd-zero")
"""Kinds of request that enter the secondary disk from the NBD server and write there."""
KINDS = (*IO_KINDS, "checkpoint", "stop", "exit", "failover", "drain")
"""Every kind of request to a secondary's block stack."""
MIRROR_WRITES = ("guest-write", "guest-discard", "guest-zero")
"""What a guest does where there is a mirror: writes data, discards, writes zeroes."""
MIRROR_KINDS = (*MIRROR_WRITES, "pause", "resume", "complete", "change-mode")
"""Every kind of request where there is a mirror: the guest's, and the user's to the job."""
SHARED_KINDS = ("guest-write",)
"""Kinds of request that both know."""
MIRROR_OPTIONS = ("requests_at_start",)
"""The options of a scenario that has a mirror."""
MIRROR_FAULTS = ("source-write", "target-write")
"""The step of a guest's write that fails where there is a mirror."""
_GUESTS = ("guest-read", "guest-write")
_COPIED = (*NBD_WRITES, "source-discard")
TRANSFERS: Mapping[str, tuple[str, ...]] = {
    "cbw-read": _COPIED,
    "cbw-write": _COPIED,
    "data-write": _COPIED,
    "rmw-read": NBD_WRITES,
    "protocol-rmw-read": NBD_WRITES,
    "active-read": ("guest-read", "failover"),
    "hidden-read": (*_GUESTS, "failover"),
    "secondary-read": _GUESTS,
    "active-write": ("guest-write",),
    "secondary-write": ("guest-write", "failover"),
}
"""The transfers that a fault may strike, and the kinds of request that make them.

An NBD write: both halves of its copy, its data, and the reads of head and tail of its blocks, in the
secondary's node and in the protocol node below. A discard on the source: its copy and itself; it is of whole
blocks. A guest's request: its reads of the three disks (a guest write reads what it fills its cluster with),
and the write to the active disk, or after a failover to the secondary disk. A failover: what its commit reads
of both overlays, and writes to the secondary disk.
"""
FAULTS = ("none", *TRANSFERS, HANGS, *map(hanging, TRANSFERS))
"""What may strike a request: the transfer that fails, or that hangs."""


def faults_of(kind: str, mirror: bool = False) -> tuple[str, ...]:
    """Return what may strike a request of the kind; `mirror`: where there is one."""
    if mirror:
        return ("none", *MIRROR_FAULTS) if kind in MIRROR_WRITES else ("none",)
    made = [transfer for transfer, kinds in TRANSFERS.items() if kind in kinds]
    return ("none", *made, *([HANGS, *map(hanging, made)] if made else ()))


Setting = bool | str | tuple[tuple[int, int], ...]
"""What an option of a scenario may be set to; ranges are half-open, in bytes."""


@dataclass(frozen=True)
class Option:
    """An option of a scenario, which the model knows as true or false.

    `accepted`: the words that it takes, of which `true` is the one that makes it true; none: true and false
    themselves. `extents`: it is false, or a list of extents. `must_be_known`: a scenario that sets it fits
    only designs that know it.
    """

    says: str
    default: bool | str
    parameter: str
    accepted: tuple[str, ...] = ()
    true: str = ""
    must_be_known: bool = False
    extents: bool = False

    def holds(self, value: object) -> bool:
        """Tell what the model makes of a value."""
        return value == self.true if self.accepted else bool(value)


OPTIONS: Mapping[str, Option] = {
    "quiesced_checkpoint": Option(
        "the checkpoint waits until nothing is in flight, as COLO does", True, "quiesced_checkpoint"
    ),
    "drain_on_stop": Option("teardown drains before the job is freed", True, "drain_on_stop"),
    "on_cbw_error": Option(
        "what a failed copy breaks: the write that wanted it, or the snapshot",
        "break-guest-write",
        "break_snapshot",
        accepted=("break-guest-write", "break-snapshot"),
        true="break-snapshot",
        must_be_known=True,
    ),
    "cbw_timeout": Option(
        "a write waits for its copy so long and no longer; the time may be up at any moment",
        False,
        "cbw_timeout",
        must_be_known=True,
    ),
    "scarce_copies": Option(
        "memory for copies is for two of them, and a write has one task that copies",
        False,
        "scarce_copies",
        must_be_known=True,
    ),
    "discard_source": Option(
        "a reader of the snapshot is a backup that discards there what it has copied",
        False,
        "discard_source",
        must_be_known=True,
    ),
    "copy_offload": Option(
        "the disks can copy by themselves, so the job has them do it, a run of clusters at once",
        False,
        "copy_offload",
        must_be_known=True,
    ),
    "bitmap": Option(
        "the filter has a bitmap of these extents: nothing else is copied, or may be read from the snapshot",
        False,
        "has_bitmap",
        must_be_known=True,
        extents=True,
    ),
    "zeroes": Option(
        "the source is zeroes where nobody has written, and says so; in part of a cluster, too",
        False,
        "zeroes",
        must_be_known=True,
    ),
    "source_outside_chain": Option(
        "the backup's source is no node of its target's chain, where only a filter's node or one below it is",
        False,
        "source_outside_chain",
        must_be_known=True,
    ),
    "requests_at_start": Option(
        "a mirror's requests may come while its job starts, too",
        False,
        "requests_at_start",
        must_be_known=True,
    ),
    "job_requests_queue": Option(
        "a job's own requests are queued in a drained section, as anybody's are",
        False,
        "job_requests_queue",
        must_be_known=True,
    ),
}


@dataclass(frozen=True)
class Vocabulary:
    """The words that a scenario may use. A design's own kinds have an extent; its own options are flags."""

    kinds: tuple[str, ...] = (*KINDS, *(kind for kind in MIRROR_KINDS if kind not in SHARED_KINDS))
    faults: tuple[str, ...] = (*FAULTS, *MIRROR_FAULTS)
    options: Mapping[str, Option] = field(default_factory=lambda: OPTIONS)

    def extended(self, kinds: Iterable[str], faults: Collection[str], options: Iterable[str]) -> Vocabulary:
        """Return the vocabulary with words of a design's own after the bundled ones.

        What may fail may hang, too.
        """
        own = {
            name: Option("of the design's own", False, name) for name in options if name not in self.options
        }
        return Vocabulary(
            tuple(dict.fromkeys((*self.kinds, *kinds))),
            tuple(dict.fromkeys((*self.faults, *faults, *map(hanging, faults)))),
            {**self.options, **own},
        )

    def options_of(self, mirrored: bool) -> tuple[str, ...]:
        """Return the options that a scenario may set, with a mirror or without."""
        return MIRROR_OPTIONS if mirrored else tuple(o for o in self.options if o not in MIRROR_OPTIONS)

    def kinds_of(self, mirror: bool) -> tuple[str, ...]:
        """Return the kinds that there are where there is a mirror, or is none."""
        others = KINDS if mirror else MIRROR_KINDS
        return tuple(kind for kind in self.kinds if kind not in others or kind in SHARED_KINDS)

    def has_extent(self, kind: str) -> bool:
        """Tell whether requests of the kind are about a part of the disk."""
        return kind in (*IO_KINDS, *MIRROR_WRITES) or kind not in (*KINDS, *MIRROR_KINDS)


BUNDLED = Vocabulary()
DEADLOCK, PROGRESS, CONVERGENCE = "deadlock", "progress", "convergence"
"""The properties that every engine knows, whatever the system claims."""
STALL = "stall"
"""The property that is asked of its own only where a transfer hangs."""
PROPERTIES = {
    "snapshot": "a guest read returns the snapshot's value, or the guest's own data",
    "guest-write": "a guest write leaves the rest of its cluster as the snapshot has it",
    "mirror-equal": "what is clean and in nobody's hands is the same on source and target",
    "mirror-order": "two writes that are copied reach source and target in the same order",
    "write-through": "a completed write is on the disk, and no write-back undoes another's",
    DEADLOCK: "no request waits in a cycle, and nobody is stuck",
    STALL: "nobody waits for a request whose transfer never completes",
    PROGRESS: "every request that is under way completes, whatever keeps arriving",
    CONVERGENCE: "the mirror becomes ready, whatever keeps arriving",
    "lifetime": "the job is not used after it is freed, nor looked for when it is gone",
    "assertion": "QEMU's own assertions hold",
    "failover": "after a failover the guest finds what it had and what it has written",
    "quiet": "while a drained section lasts no request is in the block layer",
    "concurrency": "two overlapping guest reads can be inside together (reachability)",
    "concurrency-done": "a guest read of copied clusters is kept out by nobody",
}
"""Properties that `[expect]` may give a verdict for, and what each says."""
