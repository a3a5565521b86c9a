"""The words of scenarios: kinds of request, faults, options, properties. Said here and nowhere else."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

IO_KINDS = ("nbd-write", "nbd-zero", "guest-read", "guest-write", "client-discard", "job-read")
"""Kinds of request that have an extent (`at`)."""
NBD_WRITES = ("nbd-write", "nbd-zero")
"""Kinds of request that enter the secondary disk from the NBD server and write there."""
KINDS = (*IO_KINDS, "checkpoint", "stop", "exit", "drain")
"""Every kind of request to a secondary's block stack."""
MIRROR_KINDS = ("guest-write", "guest-discard", "pause", "resume", "complete", "change-mode")
"""Every kind of request where there is a mirror: the guest's, and the user's to the job."""
SHARED_KINDS = ("guest-write",)
"""Kinds of request that both know."""
FAULTS = ("none", "cbw-read", "cbw-write", "data-write")
"""The step of an NBD write that fails; "none" for every other kind."""
MIRROR_FAULTS = ("source-write", "target-write")
"""The step of a guest's write that fails where there is a mirror."""


@dataclass(frozen=True)
class Option:
    """An option of a scenario, which the model knows as true or false.

    `accepted`: the words that it takes, of which `true` is the one that makes it true; none: true and false
    themselves. `must_be_known`: a scenario that sets it fits only designs that know it.
    """

    says: str
    default: bool | str
    parameter: str
    accepted: tuple[str, ...] = ()
    true: str = ""
    must_be_known: bool = False

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

    def extended(self, kinds: Iterable[str], faults: Iterable[str], options: Iterable[str]) -> Vocabulary:
        """Return the vocabulary with words of a design's own after the bundled ones."""
        own = {
            name: Option("of the design's own", False, name) for name in options if name not in self.options
        }
        return Vocabulary(
            tuple(dict.fromkeys((*self.kinds, *kinds))),
            tuple(dict.fromkeys((*self.faults, *faults))),
            {**self.options, **own},
        )

    def has_extent(self, kind: str) -> bool:
        """Tell whether requests of the kind are about a part of the disk."""
        return kind in IO_KINDS or kind not in (*KINDS, *MIRROR_KINDS[2:])


BUNDLED = Vocabulary()
DEADLOCK, PROGRESS, CONVERGENCE = "deadlock", "progress", "convergence"
"""The properties that every engine knows, whatever the system claims."""
PROPERTIES = {
    "snapshot": "a guest read returns the snapshot's value, or the guest's own data",
    "guest-write": "a guest write leaves the rest of its cluster as the snapshot has it",
    "mirror-equal": "what is clean and in nobody's hands is the same on source and target",
    "mirror-order": "two writes that are copied reach source and target in the same order",
    "write-through": "a completed write is on the disk, and no write-back undoes another's",
    DEADLOCK: "no request waits in a cycle, and nobody is stuck",
    PROGRESS: "every request that is under way completes, whatever keeps arriving",
    CONVERGENCE: "the mirror becomes ready, whatever keeps arriving",
    "lifetime": "the job is not used after it is freed, nor looked for when it is gone",
    "assertion": "QEMU's own assertions hold",
    "quiet": "while a drained section lasts no request is in the block layer",
    "concurrency": "two overlapping guest reads can be inside together (reachability)",
    "concurrency-done": "a guest read of copied clusters is kept out by nobody",
}
"""Properties that `[expect]` may give a verdict for, and what each says."""
