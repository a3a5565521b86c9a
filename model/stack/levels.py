"""Who waits for whom: levels, by which no wait cycle can close; landmarks for those who can move; and what
ends a loop that no place or cursor of a request ends.
"""

from __future__ import annotations

from cowpath.model.language.claim import Landmark, Level, Measure
from cowpath.model.language.expression import exists
from cowpath.model.stack.claims import PARKED
from cowpath.model.stack.world import Cluster, Request, at, is_kind

CHECKPOINT = Level(
    "checkpoints",
    "a checkpoint waits for requests in flight, and for the end of the job if that has begun; nobody waits "
    "for a checkpoint",
    lambda s, r: is_kind(s, r, "checkpoint"),
)
STOP = Level(
    "the end of the job",
    "a stop waits for requests in flight and for the flush_rwlock, which only writes hold",
    lambda s, r: is_kind(s, r, "stop"),
)
ALLOCATIONS = Level(
    "allocations in the active disk",
    "a guest write waits for another's allocation of its cluster, which is past this wait",
    lambda s, r: at(s, r, "allocate"),
)
PROTOCOL = Level(
    "the protocol node's tracked list",
    "a transfer waits for transfers past it on that list, which wait for nobody",
    lambda s, r: (s.below[r] == "parked") | (s.below[r] == "final-parked"),
)

COPIES = Level(
    "CowRequests",
    "who copies waits for who holds a CowRequest; no holder waits for a CowRequest",
    lambda s, r: at(s, r, "notify", "cow-wait"),
)
IN_FLIGHT = Level(
    "block-copy's in-flight list",
    "a write that finds nothing dirty waits for copies in flight of its clusters; who copies does not wait "
    "for another copy",
    lambda s, r: at(s, r, "copy-loop"),
)
SECONDARY_LIST = Level(
    "the secondary's tracked list",
    "reads, copies and writes wait there for those past it, which go on to the protocol node and wait there "
    "at most: a write has copied before it enters",
    lambda s, r: at(s, r, *PARKED),
)
HIDDEN_LIST = Level(
    "the hidden disk's tracked list",
    "copies and readers wait there for those past it, which go to the secondary disk and wait there at most",
    lambda s, r: at(s, r, "copy-parked", "hidden-parked"),
)

LANDMARKS = (
    Landmark(
        "where the active disk's answer changes",
        Cluster,
        lambda s, r, k: (s.at[r] < k) & ((k == s.end[r]) | (s.in_active[k] != s.in_active[s.at[r]])),
    ),
    Landmark(
        "where the hidden disk's answer changes",
        Cluster,
        lambda s, r, k: (s.at[r] < k) & ((k == s.until[r]) | (s.in_hidden[k] != s.in_hidden[s.at[r]])),
    ),
    Landmark(
        "the next cluster that is not done",
        Cluster,
        lambda s, r, k: (s.at[r] <= k) & ((k == s.end[r]) | ~s.done[k]),
    ),
    Landmark(
        "the end of the next run of clusters that are not done",
        Cluster,
        lambda s, r, k: (
            ((k == s.end[r]) | s.done[k]) & exists(Cluster, lambda j: (s.at[r] <= j) & (j < k) & ~s.done[j])
        ),
    ),
)

COPIED = Measure(
    "clusters copied for good: not dirty, and in no copy in flight, which may fail or shrink",
    (Cluster,),
    lambda s, k: s.done[k] & ~exists(Request, lambda q: s.copying[q] & (s.at[q] <= k) & (k < s.upto[q])),
)
