"""The words of scenarios: kinds of request, faults, options, properties. Said here and nowhere else."""

IO_KINDS = ("nbd-write", "nbd-zero", "guest-read", "guest-write", "client-discard")
"""Kinds of request that have an extent (`at`)."""
NBD_WRITES = ("nbd-write", "nbd-zero")
"""Kinds of request that enter the secondary disk from the NBD server and write there."""
KINDS = (*IO_KINDS, "checkpoint", "stop")
"""Every kind of request."""
FAULTS = ("none", "cbw-read", "cbw-write", "data-write")
"""The step of an NBD write that fails; "none" for every other kind."""
CBW_POLICIES = ("break-guest-write", "break-snapshot")
"""What a failed copy breaks: the write that wanted it, or the snapshot (copy-before-write-7.0 only)."""
DEADLOCK, PROGRESS = "deadlock", "progress"
"""The two properties that every engine knows, whatever the system claims."""
PROPERTIES = {
    "snapshot": "a guest read returns the snapshot's value, or the guest's own data",
    "guest-write": "a guest write leaves the rest of its cluster as the snapshot has it",
    "write-through": "a completed write is on the disk, and no write-back undoes another's",
    DEADLOCK: "no request waits in a cycle, and nobody is stuck",
    PROGRESS: "every request that is under way completes, whatever keeps arriving",
    "lifetime": "the job is not used after it is freed, nor looked for when it is gone",
    "assertion": "QEMU's own assertions hold",
    "concurrency": "two overlapping guest reads can be inside together (reachability)",
    "concurrency-done": "a guest read of copied clusters is kept out by nobody",
}
"""Properties that `[expect]` may give a verdict for, and what each says."""
