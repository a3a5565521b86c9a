"""Faults of order: of done bit, copy and data write, of a map and its data, of a mark and a wait."""

from __future__ import annotations

import itertools
from typing import Any

from cowpath.conformance.mutants.mutant import SIGHTS, Faults
from cowpath.impl.backup import BackupJob, Job
from cowpath.impl.bitmap import Bitmap
from cowpath.impl.context import NOWHERE
from cowpath.impl.copy_before_write import CopyBeforeWrite
from cowpath.impl.design import Design
from cowpath.impl.designs.block_copy_5_0 import BlockCopy50
from cowpath.impl.designs.fleecing_4_0 import Fleecing40
from cowpath.impl.designs.rfc_2016 import Rfc2016
from cowpath.impl.designs.rfc_repaired import RfcRepaired
from cowpath.impl.designs.unserialised import Unserialised
from cowpath.impl.overlay import Active, Hidden
from cowpath.impl.reqlist import ReqList
from cowpath.impl.secondary import Secondary

ORDERING = Faults("order of copy and write")


@ORDERING.stack(Job, "copy", "rfc-2016", "failing-copies")
def done_before_the_copy(copy: Any) -> Any:
    """A cluster is marked done before it is copied."""

    def copies(job: Job, request: Any, extent: Any, **how: Any) -> None:
        job.done.set(extent)
        copy(job, request, extent, **how)

    return copies


@ORDERING.stack(Bitmap, "set", "rfc-2016", "two-by-two")
def nothing_is_ever_done(set_: Any) -> Any:
    """A copied cluster is not marked done."""
    return but_on("the done bitmap", set_)


@ORDERING.stack(Bitmap, "set", "rfc-2016", "race")
def the_copy_is_not_mapped(set_: Any) -> Any:
    """A copy is written to the hidden disk, but its map does not say so."""
    return but_on("the hidden disk's map", set_)


@ORDERING.stack(Bitmap, "set", "copy-before-write-9.2", "race")
def the_copy_is_not_marked(set_: Any) -> Any:
    """The filter does not mark what it has copied."""
    return but_on("the filter's bitmap", set_)


@ORDERING.stack(Unserialised, "_write", "rfc-2016", "race")
def written_before_the_copy(write: Any) -> Any:
    """The notifier is called after the data are written."""

    def writes(design: Unserialised, request: Any) -> None:
        design.secondary.write(request, None)
        design.job.before_write_notify(request)

    return writes


@ORDERING.stack(BlockCopy50, "_write", "block-copy-5.0", "race")
def written_before_the_filters_copy(write: Any) -> Any:
    """The filter writes first and copies then."""

    def writes(design: BlockCopy50, request: Any) -> None:
        design.secondary.write(request, None)
        design.job.block_copy(request)

    return writes


@ORDERING.stack(BackupJob, "before_write_notify", "rfc-2016", "race")
def nothing_is_copied(notify: Any) -> Any:
    """The notifier takes the job for gone."""
    return lambda job, request: job.context.step("cow.skip", request)


@ORDERING.stack(Hidden, "write", "fleecing-4.0", "race")
def mapped_before_the_copy(write: Any) -> Any:
    """The hidden disk's map has a cluster before its data are there."""

    def writes(hidden: Hidden, request: Any, extent: Any, data: bytes) -> None:
        hidden.allocated.set(extent)
        write(hidden, request, extent, data)

    return writes


@ORDERING.stack(Active, "write", "rfc-repaired", "partial-guest-write")
def mapped_before_the_guest_write(write: Any) -> Any:
    """A guest write maps its clusters in the active disk first, and then need not fill them."""

    def writes(active: Active, request: Any, data: bytes) -> None:
        active.allocated.set(request.extent)
        write(active, request, data)

    return writes


@ORDERING.stack(Active, "_write", "rfc-2016", "wide-guest-write")
def mapped_before_it_is_written(write: Any) -> Any:
    """A guest write maps what it has filled before the data are there."""

    def writes(active: Active, request: Any, extent: Any, data: bytes) -> None:
        active.allocated.set(extent)
        write(active, request, extent, data)

    return writes


@ORDERING.stack(CopyBeforeWrite, "block_copy", "copy-before-write-9.2", "race")
def marked_before_the_copy(block_copy: Any) -> Any:
    """The filter marks clusters copied before they are."""

    def copies(filter_: CopyBeforeWrite, request: Any) -> None:
        filter_.transferred.set(request.extent)
        block_copy(filter_, request)

    return copies


@ORDERING.stack(ReqList, "add", "copy-before-write-9.2", "race")
def reads_are_not_frozen(add: Any) -> Any:
    """Who reads the source through the filter registers nothing."""

    def adds(requests: ReqList, owner: Any, extent: Any) -> Any:
        return add(requests, owner, NOWHERE if requests.called == "the frozen reads" else extent)

    return adds


@ORDERING.stack(
    CopyBeforeWrite,
    "_read_source",
    "copy-before-write-9.2",
    "half-written",
    survives=("grey", "black"),
    why="what is beyond the run is looked up again before it is read, so it need not be frozen",
)
def only_the_run_is_frozen(read_source: Any) -> Any:
    """A frozen read registers what it reads now, not all that is left."""
    return lambda filter_, request, run, rest: read_source(filter_, request, run, run)


@ORDERING.stack(Rfc2016, "guest_reads_wait", "rfc-2016", "unaligned-write")
def readers_pass_the_node(flag: Any) -> Any:
    """A guest's read of the secondary disk waits for nobody there."""
    return False


@ORDERING.stack(
    Rfc2016,
    "lists_unserialised",
    "rfc-2016",
    "neighbours",
    survives=("grey", "black"),
    why="whom the copy would keep waiting waits for its CowRequest next",
)
def the_copys_read_is_unlisted(flag: Any) -> Any:
    """The job's own read of the secondary disk is on no list."""
    return False


@ORDERING.stack(Fleecing40, "target_serialises", "fleecing-4.0", "race")
def the_target_does_not_serialise(flag: Any) -> Any:
    """Copies are written to the hidden disk without regard to who reads there."""
    return False


@ORDERING.stack(Rfc2016, "_guest_read", "rfc-2016", "race")
def readers_take_no_request(guest_read: Any) -> Any:
    """A guest read goes straight into the active disk."""
    return Design._guest_read


@ORDERING.stack(RfcRepaired, "_guest_write", "rfc-repaired", "partial-guest-write")
def guest_writes_take_no_request(guest_write: Any) -> Any:
    """A guest write goes straight into the active disk."""
    return Design._guest_write


@ORDERING.stack(
    Secondary,
    "read",
    "rfc-2016",
    "copy-on-read",
    survives=("grey", "black"),
    why="a reader's CowRequest keeps writers of what it reads away",
)
def copy_on_read_is_forgotten(read: Any) -> Any:
    """A read that may write, as the node copies on read, is not serialising."""

    def reads(node: Secondary, *arguments: Any, **how: Any) -> Any:
        node.copy_on_read = False
        return read(node, *arguments, **how)

    return reads


@ORDERING.stack(
    Design,
    "__init__",
    "rfc-repaired",
    "stop",
    survives=SIGHTS,
    why="a drain waits until the list is empty, wherever in it somebody is",
)
def one_place_for_all(init: Any) -> Any:
    """All requests in flight have the same place on the list that a drain waits for."""

    def makes(design: Design, *arguments: Any) -> None:
        init(design, *arguments)
        design.places = itertools.count(0, 0)

    return makes


def but_on(called: str, set_: Any) -> Any:
    """Return what sets, or clears, bits of all bitmaps but of the one that is called so."""

    def sets(bitmap: Bitmap, extent: Any) -> None:
        if bitmap.called != called:
            set_(bitmap, extent)

    return sets
