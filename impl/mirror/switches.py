"""In what the releases' mirrors differ."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Switches:
    """What one release's mirror does; as it was in 3.0 if nothing is said.

    `in_order`: who waits for one of several operations waits for the first of the list, which may be parked
    itself; else for any (6.1: all of them can go on). `first_of_list`: who lacks a slot or buffers waits
    for the first copy of the list, whether it has begun or not (3.0 - 4.2). `waits_for_writes`: at the head
    of its loop the background waits until no write is being copied (3.0 - 7.1). `needs_self`: where it
    waits for a conflict it takes itself for an operation, which it is not (6.1). `resets_outward`: what a
    write touches of a dirty chunk makes that clean (3.0 - 4.0). `skips_parked`: an operation that is parked
    is nobody's conflict (6.1). `marks`: who marks what is not copied: the "source", always (3.0 - 4.1), in
    one "mode" (4.2 - 8.1), or the "filter", where it sees the job (8.2). `checks`: a write that finds no
    job passes (7.2). `late`: the filter sees the job when that has its lists (8.0). `syncs_again`: both
    disks are found to be in step more than once (8.2). `changes_mode`: the mode may be changed (8.2).
    `knows_zeroes`: a bitmap says where the target is zero, and no zeroes are written there (10.1).

    Never shipped: `looks_again`: the background chooses anew after its pause point; `claims_clusters`: it
    claims the whole clusters of the target that it writes; `rounds_each_end`: it rounds only an end of what
    it copies that lies in a new cluster; `cleans_first`: a write makes chunks clean
    before it writes the source; `marks_until_seen`: what is not copied is marked as soon as there is a job;
    `spares_new_clusters`: a write leaves a new cluster of the target that it does not fill;
    `looks_after_flush`: both disks are in step after the flush only if nothing is dirty;
    `checks_range`: zeroes that touch no end of a chunk set no bit; `heeds_backing`: where what is behind the
    target is not open, no chunk is known to be zero at the start.
    """

    in_order: bool = True
    first_of_list: bool = True
    waits_for_writes: bool = True
    needs_self: bool = False
    resets_outward: bool = True
    skips_parked: bool = False
    marks: str = "source"
    checks: bool = False
    late: bool = False
    syncs_again: bool = False
    changes_mode: bool = False
    knows_zeroes: bool = False
    looks_again: bool = False
    claims_clusters: bool = False
    rounds_each_end: bool = False
    cleans_first: bool = False
    marks_until_seen: bool = False
    spares_new_clusters: bool = False
    looks_after_flush: bool = False
    checks_range: bool = False
    heeds_backing: bool = False
