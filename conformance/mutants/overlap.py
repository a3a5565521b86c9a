"""Faults of overlap arithmetic and of rounding: who meets whom, and which whole units a range touches."""

from __future__ import annotations

from typing import Any

from cowpath.conformance.mutants.mutant import Faults
from cowpath.impl import secondary
from cowpath.impl.backup import BackupJob, Job
from cowpath.impl.block_copy import BlockCopy
from cowpath.impl.design import Design
from cowpath.impl.extent import Extent
from cowpath.impl.reqlist import ReqList
from cowpath.impl.secondary import Secondary
from cowpath.impl.tracked import TrackedRequest, TrackedRequests

OVERLAP = Faults("overlap")
ROUNDING = Faults("rounding")


@OVERLAP.stack(
    Extent,
    "overlaps",
    "rfc-2016",
    "apart",
    survives=("grey", "black"),
    why="more is waited for than need be, and each run that is left is one of the model's",
)
def touching_is_overlapping(overlaps: Any) -> Any:
    """Two ranges that only touch overlap: <= for <."""
    return lambda one, other: one.start <= other.end and other.start <= one.end


@OVERLAP.stack(Extent, "overlaps", "rfc-2016", "staggered")
def only_starts_inside_overlap(overlaps: Any) -> Any:
    """A range overlaps with another only if it starts inside it."""
    return lambda one, other: other.start <= one.start < other.end


@OVERLAP.stack(Extent, "overlaps", "rfc-2016", "staggered")
def only_the_contained_overlap(overlaps: Any) -> Any:
    """Two ranges overlap only if one contains the other."""
    return lambda one, other: one.common(other) in (one, other)


@OVERLAP.stack(BackupJob, "wait_for_overlapping_requests", "rfc-2016", "second-cluster")
def a_length_for_an_end(wait: Any) -> Any:
    """The wait for CowRequests is given a length where it expects an end, as block-copy's was in 4.2."""
    return lambda job, request, extent, label: wait(job, request, Extent(extent.start, extent.length), label)


@OVERLAP.stack(ReqList, "next_start", "rfc-2016", "guest-writes-overlap")
def a_run_goes_on_over_allocations(next_start: Any) -> Any:
    """A guest write takes clusters into its run that another is allocating, behind a first that nobody is."""
    return lambda requests, extent: extent.end


@OVERLAP.stack(TrackedRequests, "mark_serialising", "rfc-repaired", "read-back")
def only_own_bytes_serialise(mark: Any) -> Any:
    """A read-modify-write claims its own bytes, not the blocks that it reads and writes back."""
    return lambda node, entry, claim: mark(node, entry, entry.claim)


@OVERLAP.stack(TrackedRequests, "find_conflict", "rfc-repaired", "aligned-meets-unaligned")
def only_who_serialises_waits(find_conflict: Any) -> Any:
    """An ordinary request does not look whether another one is serialising."""
    return lambda node, entry: find_conflict(node, entry) if entry.serialising else None


@ROUNDING.stack(Extent, "widened", "rfc-2016", "race")
def ends_are_not_rounded(widened: Any) -> Any:
    """Ranges are rounded to whole units at their start only."""
    return lambda one, unit, size: Extent(one.start - one.start % unit, one.end)


@ROUNDING.stack(Extent, "widened", "rfc-2016", "race")
def starts_are_not_rounded(widened: Any) -> Any:
    """Ranges are rounded to whole units at their end only."""
    return lambda one, unit, size: Extent(one.start, widened(one, unit, size).end)


@ROUNDING.stack(Extent, "widened", "rfc-repaired", "block-over-clusters")
def the_last_unit_is_whole(widened: Any) -> Any:
    """The last unit counts as whole even where the disk ends inside it."""
    return lambda one, unit, size: Extent(one.start - one.start % unit, one.end + -one.end % unit)


@ROUNDING.stack(Extent, "units", "rfc-repaired", "block-over-clusters")
def a_last_part_of_a_unit_is_none(units: Any) -> Any:
    """A unit that a range ends inside is not touched: // for a division rounded up."""
    return lambda one, unit: range(one.start // unit, one.end // unit)


@ROUNDING.stack(Extent, "units", "rfc-2016", "staggered")
def one_unit_more(units: Any) -> Any:
    """A range that ends at a unit's end touches the next one, too."""
    return lambda one, unit: range(one.start // unit, one.end // unit + 1)


@ROUNDING.stack(Job, "clusters", "rfc-2016", "race")
def clusters_are_not_whole(clusters: Any) -> Any:
    """What a write touches is copied, not the clusters that it touches."""
    return lambda job, request: request.extent


@ROUNDING.stack(
    Design,
    "__init__",
    "rfc-repaired",
    "aligned-meets-unaligned",
    survives=("black",),
    why="the disk below takes any range, and the same data come to it",
)
def no_alignment(init: Any) -> Any:
    """The secondary's node forgets its request alignment."""

    def makes(design: Design, *arguments: Any) -> None:
        init(design, *arguments)
        design.secondary.alignment = 1

    return makes


@ROUNDING.stack(
    Secondary,
    "_pieces",
    "rfc-repaired",
    "ragged-zero",
    survives=("black",),
    why="the same data come to the disk",
)
def ragged_zeroes_are_one_piece(pieces: Any) -> Any:
    """A zero-write with ragged ends is written in one piece."""
    return lambda node, extent, blocks: [blocks]


@ROUNDING.stack(secondary, "patched", "rfc-repaired", "read-back")
def tails_are_forgotten(patched: Any) -> Any:
    """A read-modify-write puts zeroes behind the new data, not what was there."""

    def patches(blocks: Extent, old: bytes, extent: Extent, new: bytes) -> bytes:
        kept: bytes = patched(blocks, old, extent, new)[: extent.end - blocks.start]
        return kept.ljust(len(old), b"\0")

    return patches


@ROUNDING.stack(TrackedRequests, "mark_serialising", "rfc-repaired", "read-back")
def nobody_serialises(mark: Any) -> Any:
    """An unaligned write is never marked serialising."""

    def marks(node: TrackedRequests, entry: TrackedRequest, claim: Any) -> None:
        entry.claim = claim

    return marks


@ROUNDING.stack(BlockCopy, "source_status", "block-copy-5.0", "zeroes")
def a_cluster_is_zeroes_if_its_beginning_is(source_status: Any) -> Any:
    """A cluster of which the first part is zeroes is copied as zeroes."""

    def status(job: BlockCopy, extent: Extent) -> tuple[Extent, bool]:
        return source_status(job, extent)[0], job.source.same_status(extent)[1]

    return status
