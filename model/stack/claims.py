"""Invariants of the stack's parts, which the proofs of several designs share; each is one fact about them.

They are text of the model: the explorer checks them in every state it reaches, z3 for any number of
requests and clusters.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from model.language.claim import Claim, Landmark, Level, claim
from model.language.expression import Expr, exists, nobody
from model.language.system import State
from model.stack import protocol
from model.stack.tracked import Node
from model.stack.world import (
    Cluster,
    Request,
    Sector,
    at,
    in_extent,
    in_flight,
    is_kind,
    is_write,
    own,
)

Where = Callable[[State, Expr], Expr]

COPYING = ("copy-read", "copy-buffered", "copy-parked", "copy-write", "copied")
IN_COW = ("cow-loop", *COPYING, "copy-failed")
INSIDE_WRITE = ("rmw", "settle", "notify", "cow-wait", *IN_COW, "write", "written")
WRITE = ("write-parked", "final-parked", *INSIDE_WRITE)
LOOKED_UP = ("hidden-read", "to-secondary", "secondary-parked", "secondary-read")
BELOW_ACTIVE = ("to-hidden", "hidden-parked", "lookup-hidden", *LOOKED_UP)
GUEST = ("cow-request-wait", "lookup-active", *BELOW_ACTIVE, "allocate", "active-write", "finishing")


def extents() -> Iterator[Claim]:
    """Say who is where, with which clusters."""
    yield claim("only writes are at a write's places", Request)(
        lambda s, r: at(s, r, *WRITE).implies(is_write(s, r))
    )
    yield claim("only guest requests are at a guest's places", Request)(
        lambda s, r: at(s, r, *GUEST).implies(is_kind(s, r, "guest-read", "guest-write"))
    )
    yield claim("only guest writes allocate", Request)(
        lambda s, r: at(s, r, "allocate", "active-write").implies(is_kind(s, r, "guest-write"))
    )
    yield claim("only guest reads look up the active disk", Request)(
        lambda s, r: at(s, r, "lookup-active").implies(is_kind(s, r, "guest-read"))
    )
    yield claim("only a stop is at a stop's places", Request)(
        lambda s, r: at(s, r, "stopping", "stopped").implies(is_kind(s, r, "stop"))
    )
    yield claim("who has not begun, or has dropped its CowRequest, is at its first cluster", Request)(
        lambda s, r: at(
            s, r, "idle", "write-parked", "rmw", "settle", "final-parked", "notify", "cow-wait", "write",
            "written", "cow-request-wait",
        ).implies((s.at[r] == s.first[r]) & (s.upto[r] == s.end[r]) & (s.until[r] == s.end[r]))
    )  # fmt: skip
    yield claim("a copying loop stays in its request's clusters", Request)(
        lambda s, r: at(s, r, "cow-loop").implies((s.first[r] <= s.at[r]) & (s.at[r] <= s.end[r]))
    )
    yield claim("a copy is of one cluster of its request", Request)(
        lambda s, r: at(s, r, *COPYING, "copy-failed").implies(
            own(s, r, s.at[r]) & (s.upto[r] == s.at[r] + 1)
        )
    )
    yield claim("a guest's request stays in its clusters", Request)(
        lambda s, r: at(s, r, "lookup-active", "allocate", "active-write", *BELOW_ACTIVE).implies(
            own(s, r, s.at[r]) & (s.at[r] < s.until[r]) & (s.until[r] <= s.end[r])
        )
    )
    yield claim("an extent looked up is not empty and lies in what was asked for", Request)(
        lambda s, r: at(s, r, *LOOKED_UP).implies((s.at[r] < s.upto[r]) & (s.upto[r] <= s.until[r]))
    )
    yield claim("a guest write goes cluster by cluster", Request)(
        lambda s, r: (is_kind(s, r, "guest-write") & at(s, r, *BELOW_ACTIVE)).implies(
            s.until[r] == s.at[r] + 1
        )
    )
    yield claim("before a look-up nothing is left of the last one", Request)(
        lambda s, r: at(
            s, r, "lookup-active", "allocate", "active-write", "to-hidden", "hidden-parked"
        ).implies(
            s.upto[r] == s.end[r]
        )
    )
    yield claim("only what is not mapped in the active disk ends before its request", Request)(
        lambda s, r: (s.until[r] == s.end[r]) | at(s, r, "active-write", *BELOW_ACTIVE)
    )
    yield claim("pieces are counted", Request)(
        lambda s, r: (s.piece[r] < s.parts[r]) & (at(s, r, "idle").implies(s.piece[r] == 0))
    )


def tracked(node: Node, parked: Where, inside: Where, settled: Where | None = None) -> Iterator[Claim]:
    """Say what keeps a tracked list: who waits for whom there, and whom it keeps apart."""

    def waiting_for(s: State, r: Expr) -> Expr:
        return s[f"{node.name}_waiting_for"][r]

    on = node.label
    yield claim(f"on {on} is who waits there or is past it", Request)(
        lambda s, r: s[f"{node.name}_tracked"][r] == (parked(s, r) | inside(s, r))
    )
    yield claim(f"who waits on {on} is parked there", Request)(
        lambda s, r: parked(s, r) == (waiting_for(s, r) != nobody(Request))
    )
    yield claim(f"who is waited for on {on} does not wait there", Request, Request)(
        lambda s, r, q: ((waiting_for(s, r) == q) & (q != r)).implies(inside(s, q))
    )
    yield claim(f"{on} keeps a serialising request and all that overlap it apart", Request, Request, Sector)(
        lambda s, r, q, x: ~(
            (r != q)
            & inside(s, r)
            & inside(s, q)
            & node.serialising(s, r)
            & node.claims(s, r, x)
            & node.claims(s, q, x)
        )
    )


def protocol_node() -> Iterator[Claim]:
    """Say the same of the protocol node's list, and that its read-modify-write undoes nothing."""
    yield from tracked(
        protocol.NODE,
        lambda s, r: s.below[r] == "parked",
        lambda s, r: (s.below[r] == "rmw") | (s.below[r] == "settle") | (s.below[r] == "inside"),
    )
    yield claim("who has its head and tail does not wait at the protocol node again", Request)(
        lambda s, r: s.below[r] != "final-parked"
    )
    yield claim("only transfers are at the protocol node", Request)(
        lambda s, r: (s.below[r] == "out")
        | (s.protocol_serialises & at(s, r, "rmw", "copy-read", "secondary-read", "write"))
    )
    yield claim("only unaligned writes read head and tail at the protocol node", Request)(
        lambda s, r: ((s.below[r] == "rmw") | (s.below[r] == "settle")).implies(
            s.protocol_unaligned[r] & at(s, r, "write")
        )
    )
    yield claim("what a write adds at the protocol node is what is there", Request, Sector)(
        lambda s, r, x: (
            at(s, r, "write")
            & ((s.below[r] == "settle") | (s.below[r] == "inside"))
            & protocol.patched(s, r, x)
        ).implies(s.head_tail[r, x] == s.secondary[x])
    )


def blocks() -> Iterator[Claim]:
    """Say that a read-modify-write at the secondary's node undoes nothing."""
    yield claim("head and tail read for a write are what is there still", Request, Sector)(
        lambda s, r, x: (
            at(s, r, "settle", "notify", "cow-wait", *IN_COW, "write", "written")
            & s.unaligned[r]
            & s.wide[r, x]
            & ~s.covers[r, x]
            & ((s.piece[r] < s.part[r, x]) | ((s.piece[r] == s.part[r, x]) & ~at(s, r, "written")))
        ).implies(s.head_tail[r, x] == s.secondary[x])
    )


def cow_requests() -> Iterator[Claim]:
    """Say who holds a CowRequest, and that no two overlap."""
    yield claim("who copies holds a CowRequest", Request)(
        lambda s, r: at(s, r, *IN_COW).implies(s.cow_request[r])
    )
    yield claim("who holds a CowRequest copies, or is a guest's request inside", Request)(
        lambda s, r: s.cow_request[r].implies(
            at(
                s, r, *IN_COW, "lookup-active", *BELOW_ACTIVE, "allocate", "active-write", "finishing"
            )
        )
    )  # fmt: skip
    yield claim("CowRequests never overlap", Request, Request, Cluster)(
        lambda s, r, q, k: ~((r != q) & s.cow_request[r] & s.cow_request[q] & own(s, r, k) & own(s, q, k))
    )
    yield claim("the flush_rwlock is held only by who copies or waits to", Request)(
        lambda s, r: s.rwlock_read[r].implies(at(s, r, "cow-wait", *IN_COW))
    )


def running(s: State) -> Expr:
    """Tell whether the job is running: after it there is no snapshot to keep."""
    return s.job == "running"


def notifier() -> Iterator[Claim]:
    """Say why the notifier keeps the snapshot."""
    yield claim("a cluster not done is as it was at the checkpoint", Sector)(
        lambda s, x: (running(s) & ~s.done[s.cluster_of[x]]).implies(s.secondary[x] == s.epoch[x])
    )
    yield claim("the cluster being copied is not done", Request)(
        lambda s, r: (running(s) & at(s, r, *COPYING)).implies(~s.done[s.at[r]])
    )
    yield claim("a cluster that is done is in the hidden disk", Cluster)(
        lambda s, k: (running(s) & s.done[k]).implies(s.in_hidden[k])
    )
    yield claim("a cluster copied is in the hidden disk", Request)(
        lambda s, r: (running(s) & at(s, r, "copied")).implies(s.in_hidden[s.at[r]])
    )
    yield claim("what has been read for a copy is the snapshot", Request, Sector)(
        lambda s, r, x: (
            running(s) & at(s, r, "copy-buffered", "copy-parked", "copy-write") & in_extent(s, r, x)
        ).implies(s.copied[r, x] == s.epoch[x])
    )
    yield claim("a copying loop leaves no cluster behind", Request, Cluster)(
        lambda s, r, k: (
            running(s) & at(s, r, *IN_COW) & (s.first[r] <= k) & (k < s.at[r])
        ).implies(s.done[k])
    )  # fmt: skip
    yield claim("a write reaches the disk when all its clusters are done", Request, Cluster)(
        lambda s, r, k: (running(s) & at(s, r, "write") & own(s, r, k)).implies(s.done[k])
    )
    yield claim("the hidden disk holds the snapshot", Sector)(
        lambda s, x: (running(s) & s.in_hidden[s.cluster_of[x]]).implies(s.hidden[x] == s.epoch[x])
    )


def reading() -> Iterator[Claim]:
    """Say why what a guest read has looked up stays true."""
    yield claim("an extent found in the hidden disk stays there", Request, Sector)(
        lambda s, r, x: (
            running(s) & is_kind(s, r, "guest-read") & at(s, r, "hidden-read") & s.reads[r, x] & in_extent(s, r, x)
        ).implies(s.in_hidden[s.cluster_of[x]])
    )  # fmt: skip


def protected_readers() -> Iterator[Claim]:
    """Say why what a read with a CowRequest has found missing from the hidden disk stays uncopied."""
    yield claim("while the job runs a guest read inside holds a CowRequest", Request)(
        lambda s, r: (
            running(s) & is_kind(s, r, "guest-read") & at(s, r, "lookup-active", *BELOW_ACTIVE)
        ).implies(s.cow_request[r])
    )
    yield claim("what a protected read goes to the secondary disk for is not done", Request, Cluster)(
        lambda s, r, k: (
            running(s)
            & is_kind(s, r, "guest-read")
            & at(s, r, "to-secondary", "secondary-parked", "secondary-read")
            & (s.at[r] <= k)
            & (k < s.upto[r])
        ).implies(~s.done[k])
    )


def allocations() -> Iterator[Claim]:
    """Say who has an allocation in flight."""
    yield claim("who allocates is past its wait for others' allocations", Request)(
        lambda s, r: s.allocating[r].implies(at(s, r, *BELOW_ACTIVE, "active-write"))
    )
    yield claim("only guest writes have allocations in flight", Request)(
        lambda s, r: s.allocating[r].implies(is_kind(s, r, "guest-write"))
    )


def whole_checkpoint() -> Iterator[Claim]:
    """Say that a checkpoint is one step."""
    yield claim("nobody sees a checkpoint half made", Request)(
        lambda s, r: ~at(s, r, "done-cleared", "active-emptied")
    )


def job_end() -> Iterator[Claim]:
    """Say who ends the job."""
    yield claim("while the job is ending a stop is at it")(
        lambda s: ((s.job == "ending") | (s.job == "ended")).implies(
            exists(Request, lambda q: at(s, q, "stopping", "stopped"))
        )
    )


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
)
