"""Faults of the checkpoint and of the end of the job."""

from __future__ import annotations

from typing import Any

from cowpath.conformance.mutants.mutant import SIGHTS, Faults
from cowpath.impl.backup import Job
from cowpath.impl.bitmap import Bitmap
from cowpath.impl.design import Design
from cowpath.impl.designs.block_copy_4_2 import BlockCopy42Design
from cowpath.impl.designs.block_copy_5_0 import BlockCopy50
from cowpath.impl.designs.rfc_repaired import RfcRepaired
from cowpath.impl.overlay import Active, Hidden, Overlay

CHECKPOINT = Faults("checkpoint")
LIFETIME = Faults("lifetime")


@CHECKPOINT.stack(Bitmap, "clear", "rfc-2016", "checkpoint")
def done_bits_stay(clear: Any) -> Any:
    """A checkpoint does not clear the done bits: nothing is copied in the new epoch."""
    return lambda bitmap: None if bitmap.called == "the done bitmap" else clear(bitmap)


@CHECKPOINT.stack(Hidden, "empty", "rfc-2016", "checkpoint")
def the_hidden_disk_stays(empty: Any) -> Any:
    """A checkpoint does not empty the hidden disk."""
    return lambda overlay: None


@CHECKPOINT.stack(Active, "empty", "rfc-repaired", "checkpoint-unquiesced")
def the_active_disk_stays(empty: Any) -> Any:
    """A checkpoint does not empty the active disk."""
    return lambda overlay: None


@CHECKPOINT.stack(
    Overlay,
    "empty",
    "rfc-2016",
    "checkpoint",
    survives=SIGHTS,
    why="what the map does not have is never read, and a cluster is written whole when it is mapped",
)
def only_the_map_is_emptied(empty: Any) -> Any:
    """A checkpoint clears the overlays' maps and leaves their files as they are."""
    return lambda overlay: overlay.allocated.clear()


@CHECKPOINT.stack(RfcRepaired, "checkpoint_drains", "rfc-repaired", "checkpoint-unquiesced")
def the_checkpoint_does_not_drain(flag: Any) -> Any:
    """The checkpoint of the repaired design runs among requests in flight."""
    return False


@CHECKPOINT.stack(Design, "freed", "rfc-repaired", "failover")
def nobody_looks_for_the_job(freed: Any) -> Any:
    """A checkpoint, or a read, takes the job for there when it is gone."""
    return property(lambda design: False)


@LIFETIME.stack(RfcRepaired, "stop_drains", "rfc-repaired", "stop-undrained")
def the_job_is_freed_undrained(flag: Any) -> Any:
    """The repaired design frees the job without waiting for who is in flight."""
    return False


@LIFETIME.stack(
    Job,
    "become",
    "merged-2.8",
    "stop",
    survives=("grey", "black"),
    why="the cancellation may come as late",
)
def the_notifier_stays(become: Any) -> Any:
    """The notifier is there until the job is freed."""
    return lambda job, state: None if state == "ending" else become(job, state)


@LIFETIME.stack(Job, "become", "merged-2.8", "failover")
def the_job_is_never_freed(become: Any) -> Any:
    """Readers find the job that has been freed."""
    return lambda job, state: None if state == "freed" else become(job, state)


@LIFETIME.stack(
    Job,
    "alive",
    "merged-2.8",
    "stop-undrained",
    survives=("grey", "black"),
    why="a reader that found no job looks the same",
)
def freed_memory_is_used(alive: Any) -> Any:
    """What the memory of a freed job holds is used as if nothing had happened."""
    return lambda job, what, *gone: None


@LIFETIME.stack(BlockCopy50, "stop_begins_drained", "block-copy-5.0", "stop")
def the_filter_is_removed_undrained(flag: Any) -> Any:
    """The filter is removed and its state freed without waiting for who is in flight."""
    return False


@LIFETIME.stack(
    BlockCopy42Design,
    "stop_begins_drained",
    "block-copy-4.2",
    "stop",
    survives=("grey", "black"),
    why="the end of the job may come as late",
)
def freed_after_the_drain(flag: Any) -> Any:
    """Block-copy's state of 4.2 is freed when nothing is in flight, as from 5.0 on."""
    return True


@LIFETIME.stack(Design, "guest_read", "rfc-repaired", "stop")
def readers_are_not_in_flight(guest_read: Any) -> Any:
    """A drain does not wait for guest reads."""

    def reads(design: Design, request: Any) -> bytes:
        with design.context:
            return design._guest_read(request)

    return reads
