"""Invariants of the stack's parts, which the proofs of several designs share; each is one fact about them.

They are text of the model: the explorer checks them in every state it reaches, z3 for any number of
requests and clusters.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from cowpath.model.language.claim import Claim, claim
from cowpath.model.language.expression import Expr, exists, nobody
from cowpath.model.language.system import State
from cowpath.model.stack import protocol
from cowpath.model.stack.copying import HIDDEN
from cowpath.model.stack.tracked import Node
from cowpath.model.stack.world import Cluster, Request, Sector, at, in_extent, is_kind, is_write, own

Where = Callable[[State, Expr], Expr]

COPYING = ("copy-read", "copy-buffered", "copy-parked", "copy-write", "copied")
IN_COW = ("cow-loop", *COPYING, "copy-failed")
IN_NOTIFIER = ("notify", "cow-wait", *IN_COW)
INSIDE_WRITE = ("rmw", "settle", *IN_NOTIFIER, "write", "written")
ENTERED = ("enter", "write-parked", "rmw", "settle", "final-parked", "write", "written")
UNWRITTEN = ("copy-status", "copy-enter", "copy-enter-parked", *COPYING[:-1], "copy-failed")
IN_FILTER = (
    "copy-wait", "copy-loop", *UNWRITTEN, "copied", "copy-returned", "copy-broken", "thaw-wait", "enter"
)  # fmt: skip
WRITE = ("write-parked", "final-parked", *INSIDE_WRITE, *IN_FILTER)
LOOKED_UP = ("hidden-read", "to-secondary", "secondary-parked", "secondary-read")
BELOW_ACTIVE = ("to-hidden", "hidden-parked", "lookup-hidden", *LOOKED_UP)
SNAPSHOT = ("snapshot-loop", "thaw")
GUEST = (
    "cow-request-wait", "lookup-active", *BELOW_ACTIVE, "allocate", "active-write", "finishing", *SNAPSHOT
)  # fmt: skip

PARKED = ("copy-enter-parked", "secondary-parked", "write-parked", "final-parked")
PAST = ("copy-read", "secondary-read", "rmw", "settle", "write", "written")


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
    yield claim("only a checkpoint is at a checkpoint's places", Request)(
        lambda s, r: at(s, r, "done-cleared", "active-emptied").implies(is_kind(s, r, "checkpoint"))
    )
    yield claim("only a stop is at a stop's places", Request)(
        lambda s, r: at(s, r, "stopping", "stopped").implies(is_kind(s, r, "stop"))
    )
    yield claim("only a client's discard is at a discard's place", Request)(
        lambda s, r: at(s, r, "discarding").implies(is_kind(s, r, "client-discard"))
    )
    yield claim("who has not begun, or is past its last cluster, is at its first", Request)(
        lambda s, r: at(
            s, r, "idle", "write-parked", "rmw", "settle", "final-parked", "notify", "cow-wait", "write",
            "written", "cow-request-wait", "copy-wait", "copy-returned", "copy-broken", "thaw-wait", "enter",
            "finishing", "discarding", "done-cleared", "active-emptied", "stopping", "stopped", "done",
            "failed",
        ).implies((s.at[r] == s.first[r]) & (s.upto[r] == s.end[r]) & (s.until[r] == s.end[r]))
    )  # fmt: skip
    yield claim("a guest's request stays in its clusters", Request)(
        lambda s, r: at(s, r, "lookup-active", "allocate", "active-write", *BELOW_ACTIVE, *SNAPSHOT).implies(
            own(s, r, s.at[r]) & (s.at[r] < s.until[r]) & (s.until[r] <= s.end[r])
        )
    )
    yield claim("an extent looked up is not empty and lies in what was asked for", Request)(
        lambda s, r: at(s, r, *LOOKED_UP, "thaw").implies((s.at[r] < s.upto[r]) & (s.upto[r] <= s.until[r]))
    )
    yield claim("a guest write goes cluster by cluster", Request)(
        lambda s, r: (is_kind(s, r, "guest-write") & at(s, r, *BELOW_ACTIVE)).implies(
            s.until[r] == s.at[r] + 1
        )
    )
    yield claim("before a look-up nothing is left of the last one", Request)(
        lambda s, r: at(
            s, r, "lookup-active", "allocate", "active-write", "to-hidden", "hidden-parked", "snapshot-loop"
        ).implies(s.upto[r] == s.end[r])
    )
    yield claim("only what is not mapped in the active disk ends before its request", Request)(
        lambda s, r: (s.until[r] == s.end[r]) | at(s, r, "active-write", *BELOW_ACTIVE)
    )
    yield claim("pieces are counted", Request)(
        lambda s, r: (s.piece[r] < s.parts[r]) & (at(s, r, "idle", "done", "failed").implies(s.piece[r] == 0))
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
        lambda s, r, q, x: (
            ~(
                (r != q)
                & inside(s, r)
                & inside(s, q)
                & node.serialising(s, r)
                & node.claims(s, r, x)
                & node.claims(s, q, x)
            )
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
        lambda s, r: (
            (s.below[r] == "out")
            | (s.protocol_serialises & at(s, r, "rmw", "copy-read", "secondary-read", "write"))
        )
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


def no_list() -> Iterator[Claim]:
    """Say that nobody waits on the secondary's list, where no request is serialising."""
    yield claim("nobody waits on the secondary's tracked list", Request)(lambda s, r: ~at(s, r, *PARKED))


def settled() -> Iterator[Claim]:
    """Say that a serialising write waits only before it reads head and tail."""
    yield claim("a serialising write does not wait again", Request)(
        lambda s, r: at(s, r, "final-parked").implies(~s.unaligned[r])
    )
    yield claim("only unaligned writes wait and read before they settle", Request)(
        lambda s, r: at(s, r, "write-parked", "rmw", "settle").implies(s.unaligned[r])
    )


def blocks(*places: str) -> Iterator[Claim]:
    """Say that a read-modify-write at the secondary's node undoes nothing; `places`: between its parts."""
    yield claim("head and tail read for a write are what is there still", Request, Sector)(
        lambda s, r, x: (
            at(s, r, "settle", *places, "write", "written")
            & s.unaligned[r]
            & s.wide[r, x]
            & ~s.covers[r, x]
            & ((s.piece[r] < s.part[r, x]) | ((s.piece[r] == s.part[r, x]) & ~at(s, r, "written")))
        ).implies(s.head_tail[r, x] == s.secondary[x])
    )


def cow_requests(*kinds: str) -> Iterator[Claim]:
    """Say who holds a CowRequest (of guest requests: those of the kinds), and that no two overlap."""

    def guest(s: State, r: Expr, *places: str) -> Expr:
        return at(s, r, *places) & is_kind(s, r, *kinds)

    who = "".join(f", or is a {kind} inside" for kind in kinds)
    yield claim("who copies holds a CowRequest", Request)(
        lambda s, r: at(s, r, *IN_COW).implies(s.cow_request[r])
    )
    yield claim(f"who holds a CowRequest copies{who}", Request)(
        lambda s, r: s.cow_request[r].implies(
            at(s, r, *IN_COW)
            if not kinds
            else at(s, r, *IN_COW) | guest(s, r, *[place for place in GUEST if place != "cow-request-wait"])
        )
    )
    if kinds:
        yield claim("only guest requests that take a CowRequest wait for one", Request)(
            lambda s, r: at(s, r, "cow-request-wait").implies(guest(s, r, "cow-request-wait"))
        )
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
    yield claim("a copying loop stays in its request's clusters", Request)(
        lambda s, r: at(s, r, "cow-loop").implies((s.first[r] <= s.at[r]) & (s.at[r] <= s.end[r]))
    )
    yield claim("a copy is of one cluster of its request", Request)(
        lambda s, r: at(s, r, *COPYING, "copy-failed").implies(
            own(s, r, s.at[r]) & (s.upto[r] == s.at[r] + 1)
        )
    )
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
    yield claim("a copying loop leaves no cluster behind", Request, Cluster)(
        lambda s, r, k: (
            running(s) & at(s, r, *IN_COW) & (s.first[r] <= k) & (k < s.at[r])
        ).implies(s.done[k])
    )  # fmt: skip
    yield claim("a write reaches the disk when all its clusters are done", Request, Cluster)(
        lambda s, r, k: (running(s) & at(s, r, "write") & own(s, r, k)).implies(s.done[k])
    )
    yield from hidden_snapshot()


def reading() -> Iterator[Claim]:
    """Say why what a guest read has looked up stays true."""
    yield claim("an extent found in the hidden disk stays there", Request, Sector)(
        lambda s, r, x: (
            (running(s) & is_kind(s, r, "guest-read") & at(s, r, "hidden-read"))
            & (s.reads[r, x] & in_extent(s, r, x))
        ).implies(s.in_hidden[s.cluster_of[x]])
    )  # fmt: skip


def serialised_readers() -> Iterator[Claim]:
    """Say why what a read on the hidden disk's list has found missing there stays uncopied."""
    yield from tracked(
        HIDDEN,
        lambda s, r: at(s, r, "copy-parked", "hidden-parked"),
        lambda s, r: at(s, r, "copy-write", "lookup-hidden", *LOOKED_UP),
    )
    yield claim("a read on the hidden disk's list has entered all that it still looks up", Request)(
        lambda s, r: at(s, r, *BELOW_ACTIVE).implies(s.asked[r] <= s.at[r])
    )
    yield claim("what a read goes to the secondary disk for is not in the hidden disk", Request, Sector)(
        lambda s, r, x: (
            running(s)
            & is_kind(s, r, "guest-read")
            & at(s, r, "to-secondary", "secondary-parked", "secondary-read")
            & s.reads[r, x]
            & in_extent(s, r, x)
        ).implies(~s.in_hidden[s.cluster_of[x]])
    )


def whole_ranges() -> Iterator[Claim]:
    """Say who is in the in-flight list of 4.2, and with what."""
    yield claim("who copies is in the in-flight list with its whole range", Request)(
        lambda s, r: s.copying[r] == at(s, r, "copy-loop", *UNWRITTEN, "copied")
    )
    yield claim("a copying loop stays in its request's clusters", Request)(
        lambda s, r: at(s, r, "copy-loop").implies(
            (s.first[r] <= s.at[r]) & (s.at[r] <= s.end[r]) & (s.upto[r] == s.end[r])
        )
    )
    yield claim("a copy's extent is not empty and lies in its request's clusters", Request)(
        lambda s, r: at(s, r, *UNWRITTEN, "copied").implies(
            (s.first[r] <= s.at[r]) & (s.at[r] < s.upto[r]) & (s.upto[r] <= s.end[r])
        )
    )
    yield claim("nobody waits for a copy when the filter is gone", Request)(
        lambda s, r: at(s, r, "copy-wait").implies(s.job != "freed")
    )


def left_filter() -> Iterator[Claim]:
    """Say what a write must find done when it leaves the filter for the disk."""
    yield claim("a cluster not in the hidden disk is as it was at the checkpoint", Sector)(
        lambda s, x: (running(s) & ~s.in_hidden[s.cluster_of[x]]).implies(s.secondary[x] == s.epoch[x])
    )
    yield claim("a write leaves the filter when all its clusters are in the hidden disk", Request, Cluster)(
        lambda s, r, k: (
            running(s) & at(s, r, "copy-returned", "thaw-wait", *ENTERED) & own(s, r, k)
        ).implies(s.in_hidden[k])
    )


def filter_copies() -> Iterator[Claim]:
    """Say why block-copy keeps the snapshot: bits are cleared first, and whoever finds them so waits."""

    def copies(s: State, r: Expr, k: Expr) -> Expr:
        return s.copying[r] & (s.at[r] <= k) & (k < s.upto[r])

    yield claim("who copies is in the in-flight list", Request)(
        lambda s, r: s.copying[r] == at(s, r, *UNWRITTEN, "copied")
    )
    yield claim("who looks for dirty clusters begins at its first", Request)(
        lambda s, r: at(s, r, "copy-loop").implies((s.at[r] == s.first[r]) & (s.upto[r] == s.end[r]))
    )
    yield claim("a copy's extent is not empty and lies in its request's clusters", Request)(
        lambda s, r: s.copying[r].implies(
            (s.first[r] <= s.at[r]) & (s.at[r] < s.upto[r]) & (s.upto[r] <= s.end[r])
        )
    )
    yield claim("what is being copied is no longer dirty", Request, Cluster)(
        lambda s, r, k: copies(s, r, k).implies(s.done[k])
    )
    yield claim("extents in flight never meet", Request, Request, Cluster)(
        lambda s, r, q, k: ~((r != q) & copies(s, r, k) & copies(s, q, k))
    )
    yield claim("what is dirty is not in the hidden disk", Cluster)(
        lambda s, k: (running(s) & ~s.done[k]).implies(~s.in_hidden[k])
    )
    yield claim("a copy's extent is in the hidden disk when it is written and not before", Request, Cluster)(
        lambda s, r, k: (running(s) & copies(s, r, k)).implies(s.in_hidden[k] == at(s, r, "copied"))
    )
    yield claim("what is not dirty is in the hidden disk or being copied", Cluster)(
        lambda s, k: (running(s) & s.done[k] & ~s.in_hidden[k]).implies(
            exists(Request, lambda q: copies(s, q, k))
        )
    )
    yield from left_filter()


def hidden_snapshot() -> Iterator[Claim]:
    """Say that copies are of the snapshot."""
    yield claim("what has been read for a copy is the snapshot", Request, Sector)(
        lambda s, r, x: (
            running(s) & at(s, r, "copy-buffered", "copy-parked", "copy-write") & in_extent(s, r, x)
        ).implies(s.copied[r, x] == s.epoch[x])
    )
    yield claim("the hidden disk holds the snapshot", Sector)(
        lambda s, x: (running(s) & s.in_hidden[s.cluster_of[x]]).implies(s.hidden[x] == s.epoch[x])
    )


def frozen_readers() -> Iterator[Claim]:
    """Say why what a frozen read reads from the source is not overwritten meanwhile."""
    yield claim("the snapshot is whole")(lambda s: ~s.snapshot_error)
    yield claim("no write whose copy failed goes on", Request)(lambda s, r: ~at(s, r, "copy-broken"))
    yield claim("a snapshot read asks for all that is left", Request)(lambda s, r: s.until[r] == s.end[r])
    yield claim("who reads the source has frozen it", Request)(
        lambda s, r: s.frozen[r] == at(s, r, "to-secondary", "secondary-parked", "secondary-read", "thaw")
    )
    yield claim("what readers find copied is in the target", Cluster)(
        lambda s, k: s.transferred[k].implies(s.in_hidden[k])
    )
    yield claim("a write goes on when its clusters are found copied", Request, Cluster)(
        lambda s, r, k: (at(s, r, "thaw-wait", *ENTERED) & own(s, r, k)).implies(s.transferred[k])
    )
    yield claim("a read of the target is of what was copied", Request, Cluster)(
        lambda s, r, k: (at(s, r, "hidden-read") & (s.at[r] <= k) & (k < s.upto[r])).implies(s.transferred[k])
    )
    yield claim("what is not found copied is as it was at the start", Sector)(
        lambda s, x: (~s.transferred[s.cluster_of[x]]).implies(s.secondary[x] == s.epoch[x])
    )
    yield claim("no write past the frozen reads meets what one of them reads", Request, Request, Sector)(
        lambda s, r, q, x: (
            ~(
                s.frozen[r]
                & s.reads[r, x]
                & in_extent(s, r, x)
                & at(s, q, *ENTERED)
                & own(s, q, s.cluster_of[x])
            )
        )
    )
    yield claim("what a frozen read reads is as it was at the start", Request, Sector)(
        lambda s, r, x: (s.frozen[r] & s.reads[r, x] & in_extent(s, r, x)).implies(
            s.secondary[x] == s.epoch[x]
        )
    )


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
