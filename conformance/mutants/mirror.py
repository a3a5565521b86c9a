"""Faults of the mirror: of its list and its bits, of what it marks and leaves, of its job's loop."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from cowpath.conformance.mutants.design import without_update
from cowpath.conformance.mutants.mutant import SIGHTS, Faults
from cowpath.conformance.mutants.ordering import but_on
from cowpath.impl.bitmap import Bitmap
from cowpath.impl.designs.mirrors import Mirror50, Mirror82, Mirror101Repaired, MirrorRepaired
from cowpath.impl.extent import Extent
from cowpath.impl.mirror.active import Filter
from cowpath.impl.mirror.background import Background
from cowpath.impl.mirror.copying import Copying
from cowpath.impl.mirror.job import Job
from cowpath.impl.mirror.mirror import Mirror
from cowpath.impl.mirror.operations import Operation, Operations
from cowpath.impl.mirror.switches import Switches
from cowpath.impl.mirror.target import Target
from cowpath.impl.reqlist import ReqList
from cowpath.model.language.system import System

MIRROR = Faults("the mirror")
WITHOUT_ZEROES, WITH_ZEROES = "mirror-8.2", "mirror-10.1"


def _switched(**other: Any) -> Callable[[Switches], Switches]:
    return lambda has: replace(has, **other)


# -- the list and the bits


@MIRROR.stack(Operations, "unlink", WITHOUT_ZEROES, "dirtied-under-copy")
def an_operation_wakes_nobody(unlink: Any) -> Any:
    """An operation leaves the list and wakes nobody."""

    def leaves(operations: Operations, operation: Operation) -> None:
        operations.entries.remove(operation)
        operation.listed = False

    return leaves


@MIRROR.stack(Operations, "first", "mirror-5.0", "active-writes-meet-background")
def the_last_operation_is_waited_for(first: Any) -> Any:
    """Who waits for one of several operations waits for the last of the list."""

    def last(operations: Operations, counts: Callable[[Operation], bool]) -> Operation | None:
        return next((each for each in reversed(operations.entries) if counts(each)), None)

    return last


@MIRROR.stack(Bitmap, "set", WITHOUT_ZEROES, "dirtied-under-copy")
def no_bit_is_in_flight(set_: Any) -> Any:
    """Who takes chunks sets no bits in flight."""
    return but_on("the in-flight bitmap", set_)


@MIRROR.stack(Bitmap, "reset", WITHOUT_ZEROES, "dirtied-under-copy")
def bits_stay_in_flight(reset: Any) -> Any:
    """Who is done with chunks leaves their bits set."""
    return but_on("the in-flight bitmap", reset)


@MIRROR.stack(Mirror82, "has", WITHOUT_ZEROES, "active-writes-meet-background")
def parked_operations_are_waited_for(has: Any) -> Any:
    """A write waits for an operation that is itself parked, as before 6.1."""
    return _switched(skips_parked=False)(has)


@MIRROR.stack(Mirror50, "has", "mirror-5.0", "short-of-buffers")
def buffers_of_who_has_none_are_waited_for(has: Any) -> Any:
    """Who lacks buffers waits for any operation of the list, as before 5.0."""
    return _switched(first_of_list=True)(has)


@MIRROR.stack(Job, "take", WITHOUT_ZEROES, "short-of-buffers")
def buffers_are_not_counted(take: Any) -> Any:
    """An operation begins however few buffers are free."""
    return lambda job, needed: None


# -- writes


@MIRROR.stack(Mirror82, "has", WITHOUT_ZEROES, "small-active-write")
def a_part_makes_the_chunk_clean(has: Any) -> Any:
    """A write makes a chunk clean of which it writes a part, as before 4.2."""
    return _switched(resets_outward=True)(has)


@MIRROR.stack(Mirror82, "has", WITHOUT_ZEROES, "write-at-start")
def the_job_is_seen_without_its_lists(has: Any) -> Any:
    """A write is copied as soon as there is a job, as before 8.0."""
    return _switched(late=False)(has)


@MIRROR.stack(Filter, "_marks", WITHOUT_ZEROES, "dirtied-under-copy")
def what_is_not_copied_stays_clean(marks: Any) -> Any:
    """A write that is not copied marks nothing dirty."""
    return lambda filter_: False


@MIRROR.stack(Filter, "_settle", WITHOUT_ZEROES, "failing-target-write")
def a_failed_write_stays_clean(settle: Any) -> Any:
    """A write that has failed on the target leaves its chunks clean."""
    return lambda filter_, operation, *, failed, marks=False: settle(
        filter_, operation, failed=False, marks=marks
    )


@MIRROR.stack(Filter, "_whole", WITHOUT_ZEROES, "whole-active-write")
def no_chunk_becomes_clean(whole: Any) -> Any:
    """A write of a whole chunk leaves it dirty."""
    return lambda filter_, request: Extent(request.extent.start, request.extent.start)


@MIRROR.stack(MirrorRepaired, "has", "mirror-repaired", "mode-changed")
def chunks_become_clean_after_the_write(has: Any) -> Any:
    """The repaired mirror makes chunks clean after it has written the source, as 8.2 does."""
    return _switched(cleans_first=False)(has)


@MIRROR.stack(Target, "is_new", WITHOUT_ZEROES, "backing-by-name")
def new_clusters_are_not_filled(is_new: Any) -> Any:
    """The target finds nothing to fill in a new cluster."""
    return lambda target, extent: False


# -- the repair, each change taken back


@MIRROR.stack(MirrorRepaired, "has", "mirror-repaired", "paused-with-a-chunk")
def a_chunk_is_kept_over_a_pause(has: Any) -> Any:
    """The repaired mirror's background copies, after its pause point, what it chose before, as 8.2 does."""
    return _switched(looks_again=False)(has)


@MIRROR.stack(MirrorRepaired, "has", "mirror-repaired", "shared-target-cluster")
def the_rest_of_a_cluster_is_not_claimed(has: Any) -> Any:
    """The repaired mirror's background claims the chunks it copies and not the clusters, as in 8.2."""
    return _switched(claims_clusters=False)(has)


@MIRROR.stack(MirrorRepaired, "has", "mirror-repaired", "run-between-written-clusters")
def both_ends_are_rounded(has: Any) -> Any:
    """The repaired mirror rounds both ends of a copy where one lies in a new cluster, as 8.2 does."""
    return _switched(rounds_each_end=False)(has)


@MIRROR.stack(MirrorRepaired, "has", "mirror-repaired", "write-at-start")
def an_early_write_marks_nothing(has: Any) -> Any:
    """The repaired mirror marks no write before the filter sees the job, as 8.2 does."""
    return _switched(marks_until_seen=False)(has)


@MIRROR.stack(MirrorRepaired, "has", "mirror-repaired", "backing-by-name")
def a_new_cluster_is_written_in_part(has: Any) -> Any:
    """The repaired mirror's write goes to a new cluster that it does not fill, as in 8.2."""
    return _switched(spares_new_clusters=False)(has)


@MIRROR.stack(MirrorRepaired, "has", "mirror-repaired", "mode-changed")
def nothing_is_looked_at_after_the_flush(has: Any) -> Any:
    """The repaired mirror says after the flush that both disks are in step, whatever is dirty, as in 8.2."""
    return _switched(looks_after_flush=False)(has)


# -- the job


@MIRROR.stack(Mirror82, "has", WITHOUT_ZEROES, "write-while-paused")
def the_loop_waits_for_writes(has: Any) -> Any:
    """The background waits at the head of its loop for writes that are copied, as before 7.2."""
    return _switched(waits_for_writes=True)(has)


@MIRROR.stack(Background, "_pause_with_a_chunk", WITHOUT_ZEROES, "paused-with-a-chunk")
def who_has_a_chunk_does_not_pause(pause: Any) -> Any:
    """The background passes the pause point that it has with a chunk chosen."""
    return lambda background: None


@MIRROR.stack(Background, "_pauses_for_operations", WITHOUT_ZEROES, "write-while-paused")
def it_pauses_with_operations_in_flight(pauses: Any) -> Any:
    """The background pauses though an operation is in flight."""
    return lambda background: False


@MIRROR.stack(ReqList, "wait_all", WITHOUT_ZEROES, "completed-under-a-write")
def the_source_is_not_drained(wait_all: Any) -> Any:
    """The job ends though a write is in the filter."""
    return lambda requests, *how: None


@MIRROR.stack(Background, "_unsynced", WITHOUT_ZEROES, "mode-changed")
def both_are_in_step_once(unsynced: Any) -> Any:
    """The background does not find again that both disks are in step."""
    return lambda background: False


@MIRROR.stack(Mirror, "accepts", WITHOUT_ZEROES, "completed-under-a-write")
def commands_are_always_accepted(accepts: Any) -> Any:
    """A job accepts any command at any time."""
    return lambda mirror, kind: True


@MIRROR.stack(Copying, "rounded", WITHOUT_ZEROES, "shared-target-cluster")
def clusters_are_written_in_part(rounded: Any) -> Any:
    """The background writes a part of a cluster of the target that is new."""
    return lambda copying, piece: piece


@MIRROR.stack(
    Operations,
    "wait",
    WITHOUT_ZEROES,
    "dirtied-under-copy",
    survives=SIGHTS,
    why="who is woken looks at the whole list again, so to be woken once more in vain changes nothing",
)
def who_waits_looks_twice(wait: Any) -> Any:
    """Who has waited for an operation waits for it once more."""

    def waits(operations: Operations, waiter: Any, operation: Operation) -> None:
        wait(operations, waiter, operation)
        wait(operations, waiter, operation)

    return waits


# -- the zero bitmap


@MIRROR.stack(Job, "zeroed", WITH_ZEROES, "data-among-zeroes")
def a_part_of_zeroes_makes_a_chunk_of_them(zeroed: Any) -> Any:
    """A write of zeroes to a part of a chunk counts for all of it."""
    return lambda job, bitmap, extent, *, zeroes: zeroed(job, bitmap, job.chunks(extent), zeroes=zeroes)


@MIRROR.stack(Bitmap, "reset", WITH_ZEROES, "data-among-zeroes")
def data_count_as_zeroes(reset: Any) -> Any:
    """A write of data leaves the chunk known to be zero in the target."""
    return but_on("what is zero in the target", reset)


@MIRROR.stack(Bitmap, "set", WITH_ZEROES, "zeroes-in-the-background")
def zeroes_are_never_known(set_: Any) -> Any:
    """What zeroes are written to is not known to be zero."""
    return but_on("what is zero in the target", set_)


@MIRROR.stack(Mirror101Repaired, "has", "mirror-10.1-repaired", "zeroes-over-an-unopened-base")
def what_is_not_open_is_not_heeded(has: Any) -> Any:
    """The repaired mirror takes a target for zero before what is behind it is open, as 10.1 does."""
    return _switched(heeds_backing=False)(has)


# -- the model


@MIRROR.model(WITH_ZEROES, "data-among-zeroes")
def data_are_zeroes_in_the_model(system: System) -> System:
    """A write of data leaves the chunk known to be zero in the target."""
    return without_update(system, "write.target", "zero")


@MIRROR.model(WITHOUT_ZEROES, "active-writes-meet-background")
def bits_in_flight_are_not_looked_at(system: System) -> System:
    """A write is copied though a bit of its chunks is set."""
    return system.without("write.enter", "no bit of its chunks is set")


@MIRROR.model(WITHOUT_ZEROES, "completed-under-a-write")
def the_drain_waits_for_nobody(system: System) -> System:
    """The job ends though a write is in the filter."""
    return system.without("finish.end", "wait on requests inside the filter (drain)")


@MIRROR.model(WITHOUT_ZEROES, "dirtied-under-copy")
def bits_in_flight_are_kept(system: System) -> System:
    """An operation that has copied leaves its bits set."""
    return without_update(system, "copy.end", "in_flight")


@MIRROR.model(WITHOUT_ZEROES, "job-alone")
def what_the_background_takes_stays_dirty(system: System) -> System:
    """The background leaves dirty what it takes."""
    return without_update(system, "iterate.claim", "dirty")


@MIRROR.model(WITHOUT_ZEROES, "dirtied-under-copy")
def nothing_is_marked(system: System) -> System:
    """A write that is not copied marks nothing dirty."""
    return without_update(system, "write.mark", "dirty")


@MIRROR.model(WITHOUT_ZEROES, "dirtied-under-copy")
def nothing_is_copied_to_the_target(system: System) -> System:
    """An operation writes nothing to the target."""
    return without_update(system, "copy.write", "target")
