"""The overlays: how a guest's request finds its data in active disk, hidden disk and secondary disk.

A look-up and the transfer it leads to are separate steps with an unbounded gap: that gap is the race the
RFC is about. One extent is a longest run of clusters with the same answer. A guest write that covers part
of a cluster new to the active disk reads the rest of it through the same chain.
Source: block/qcow2.c qcow2_co_preadv, qcow2_co_pwritev; qcow2-cluster.c perform_cow (2.8).
"""

from __future__ import annotations

from collections.abc import Callable

from cowpath.model.language.expression import Expr, If, exists, forall, nobody
from cowpath.model.language.system import State, System
from cowpath.model.stack import protocol
from cowpath.model.stack.tracked import Node
from cowpath.model.stack.world import Cluster, Request, Sector, at, come_to, in_extent, is_kind, place

_ORIGINAL = "original data"


def declare(system: System, secondary: Node, *, hidden: Node | None = None, reads_wait: bool = True) -> None:
    """Add the look-ups and transfers.

    `hidden`: its tracked list, where the job's writes to it serialise. Without `reads_wait`, reads of the
    secondary disk carry BDRV_REQ_NO_SERIALISING.
    """

    system.variable("allocating", Request, internal=True)  # r has an allocation in flight in the active disk

    @system.action("read.lookup-active", r=Request, e=Cluster)
    def lookup_active(s: State, r: Expr, e: Expr) -> None:
        """Looks up the active disk. Source: block/qcow2.c qcow2_co_preadv, 2.8"""
        come_to(s, r, "lookup-active")
        s.require(_run(s, r, e, s.end[r], lambda k: s.in_active[k]), "longest run", location=True)
        here = s.in_active[e]
        _tell(s, r, e, lambda k: s.in_active[k])
        s.observe(
            "reads",
            Sector,
            lambda x: here & s.reads[r, x] & (s.at[r] <= s.cluster_of[x]) & (s.cluster_of[x] <= e),
            lambda x: s.active[x],
            unset=_ORIGINAL,
        )
        last = e + 1 == s.end[r]
        below = place("lookup-hidden" if hidden is None else "to-hidden")
        s.pc[r] = If(here, If(last, place("finishing"), s.pc[r]), below)
        if hidden is not None:
            s.asked[r] = If(here, s.first[r], s.at[r])
        s.at[r] = If(here, If(last, s.first[r], e + 1), s.at[r])
        s.until[r] = If(here, s.end[r], e + 1)

    if hidden is not None:
        hidden.wait(
            system,
            "read.enter-hidden",
            says="enters the hidden disk's node",
            arrives=lambda s, r: at(s, r, "to-hidden"),
            parked="hidden-parked",
            then=lambda s, r: place("lookup-hidden"),
            source="block/io.c bdrv_aligned_preadv, 3.0",
        )

    @system.action("read.lookup-hidden", r=Request, e=Cluster)
    def lookup_hidden(s: State, r: Expr, e: Expr) -> None:
        """Looks up the hidden disk. Source: block/qcow2.c qcow2_co_preadv, 2.8"""
        come_to(s, r, "lookup-hidden")
        s.require(_run(s, r, e, s.until[r], lambda k: s.in_hidden[k]), "longest run", location=True)
        _tell(s, r, e, lambda k: s.in_hidden[k])
        s.upto[r] = e + 1
        s.pc[r] = If(s.in_hidden[e], place("hidden-read"), place("to-secondary"))

    @system.action("read.hidden", r=Request)
    def hidden_transfer(s: State, r: Expr) -> None:
        """Reads from the hidden disk. Source: block/qcow2.c qcow2_co_preadv, 2.8"""
        come_to(s, r, "hidden-read")
        take(s, r, lambda x: s.hidden[x])
        _next_extent(s, r, hidden)

    if not reads_wait:

        @system.action("read.enter-secondary", r=Request)
        def enter(s: State, r: Expr) -> None:
            """Enters the secondary's node unserialised. Source: block/io.c BDRV_REQ_NO_SERIALISING, 2.5"""
            come_to(s, r, "to-secondary")
            if secondary.lists_unserialised:
                secondary.enter(s, r)
            s.pc[r] = "secondary-read"
    else:
        secondary.wait(
            system,
            "read.enter-secondary",
            says="enters the secondary's node",
            arrives=lambda s, r: at(s, r, "to-secondary"),
            parked="secondary-parked",
            then=lambda s, r: place("secondary-read"),
            source="block/io.c bdrv_aligned_preadv, 2.8",
        )

    @system.action("read.secondary", r=Request)
    def secondary_transfer(s: State, r: Expr) -> None:
        """Reads from the secondary disk. Source: block/io.c bdrv_aligned_preadv, 2.8"""
        come_to(s, r, "secondary-read")
        protocol.come_through(s, r)
        take(s, r, lambda x: s.secondary[x])
        _next_extent(s, r, hidden)
        protocol.come_back(s, r)
        secondary.leave(s, r)

    @system.action("guest.allocate", r=Request, k=Cluster)
    def allocate(s: State, r: Expr, k: Expr) -> None:
        """Maps its next cluster in the active disk.

        Source: block/qcow2-cluster.c handle_dependencies, handle_copied, handle_alloc, 2.8
        """
        come_to(s, r, "allocate")
        s.require(s.at[r] == k, "at its cluster", location=True)
        s.wait_while(
            Request,
            lambda q: (q != r) & s.allocating[q] & (s.at[q] == k),
            on="the active disk's in-flight allocations",
            held="an allocation in the active disk",
        )
        copies = ~s.in_active[k] & exists(Sector, lambda x: s.reads[r, x] & (s.cluster_of[x] == k))
        s.allocating[r] = ~s.in_active[k]
        s.until[r] = If(copies, k + 1, s.until[r])
        if hidden is not None:
            s.asked[r] = If(copies, k, s.first[r])
        below = place("lookup-hidden" if hidden is None else "to-hidden")
        s.pc[r] = If(copies, below, place("active-write"))

    @system.action("guest.write", r=Request, k=Cluster)
    def write(s: State, r: Expr, k: Expr) -> None:
        """Writes data and mapping to the active disk.

        Source: block/qcow2.c qcow2_co_pwritev, qcow2-cluster.c qcow2_alloc_cluster_link_l2, 2.8
        """
        come_to(s, r, "active-write")
        s.require(s.at[r] == k, "at its cluster", location=True)
        new = s.allocating[r]  # it links a cluster of its own, filled with what it copied
        fills = exists(
            Sector,
            lambda x: (
                (s.cluster_of[x] == k)
                & ~s.covers[r, x]
                & (s.copied[r, x] != If(s.in_active[k], s.active[x], s.epoch[x]))
            ),
        )
        s.wrong_fill[r] = s.wrong_fill[r] | ((s.job == "running") & new & fills)
        for x in s.each(Sector):
            written = If(s.covers[r, x], r, If(new, s.copied[r, x], s.active[x]))
            s.active[x] = If(s.cluster_of[x] == k, written, s.active[x])
            s.copied[r, x] = nobody(Request)
        s.in_active[k] = True
        s.allocating[r] = False
        last = k + 1 == s.end[r]
        s.at[r] = If(last, s.first[r], k + 1)
        s.until[r] = s.end[r]
        s.pc[r] = If(last, place("finishing"), place("allocate"))


def both_inside(s: State, r: Expr, q: Expr) -> Expr:
    """Tell whether two overlapping guest reads are past every wait for admission, at the same time."""
    places = ("lookup-hidden", "hidden-read", "to-secondary", "secondary-read")
    overlap = exists(Sector, lambda x: s.covers[r, x] & s.covers[q, x])
    inside = at(s, r, *places) & at(s, q, *places)
    return (r != q) & is_kind(s, r, "guest-read") & is_kind(s, q, "guest-read") & overlap & inside


def kept_out(s: State, r: Expr) -> Expr:
    """Tell whether r waits on the hidden disk's tracked list for a copy that is being written there."""
    waiting_for = s.hidden_waiting_for[r]
    return at(s, r, "hidden-parked") & (waiting_for != r) & (waiting_for != nobody(Request))


def _run(s: State, r: Expr, e: Expr, end: Expr, mapped: Callable[[Expr], Expr]) -> Expr:
    """Tell whether [at, e] is the longest run of clusters before `end` with one answer."""
    same = forall(Cluster, lambda j: ((s.at[r] <= j) & (j < e)).implies(mapped(j) == mapped(e)))
    longest = forall(Cluster, lambda j: ((e + 1 == j) & (j < end)).implies(mapped(j) != mapped(e)))
    return (s.at[r] <= e) & (e < end) & same & longest


def _tell(s: State, r: Expr, e: Expr, mapped: Callable[[Expr], Expr]) -> None:
    s.observe("mapped", Cluster, lambda k: (s.at[r] <= k) & (k <= e), mapped, unset="")


def take(s: State, r: Expr, source: Callable[[Expr], Expr]) -> None:
    """Transfer the extent's data: a read is judged now, a guest write keeps them for its cluster."""
    judged = is_kind(s, r, "guest-read") & (s.job == "running") & ~s.overtaken[r]

    def wanted(x: Expr) -> Expr:
        return s.reads[r, x] & in_extent(s, r, x)

    def differs(x: Expr) -> Expr:
        return judged & wanted(x) & (source(x) != s.epoch[x])

    s.wrong_value[r] = s.wrong_value[r] | exists(Sector, differs)
    keeps = is_kind(s, r, "guest-write")
    for x in s.each(Sector):
        s.copied[r, x] = If(keeps & wanted(x), source(x), s.copied[r, x])
    s.observe("reads", Sector, wanted, source, unset=_ORIGINAL)
    s.observe("but the snapshot has", Sector, differs, lambda x: s.epoch[x], unset=_ORIGINAL)


def _next_extent(s: State, r: Expr, hidden: Node | None) -> None:
    """Go on with the next extent: of the hidden disk, then of the active disk; else finish."""
    more_hidden = s.upto[r] < s.until[r]
    guest_write = is_kind(s, r, "guest-write")
    last = s.until[r] == s.end[r]
    above = If(guest_write, place("active-write"), If(last, place("finishing"), place("lookup-active")))
    s.pc[r] = If(more_hidden, place("lookup-hidden"), above)
    s.at[r] = If(guest_write, s.at[r], If(~more_hidden & last, s.first[r], s.upto[r]))
    s.until[r] = If(more_hidden, s.until[r], s.end[r])
    s.upto[r] = s.end[r]
    if hidden is not None:
        s.asked[r] = If(more_hidden, s.asked[r], s.first[r])
        hidden.leave(s, r, when=~more_hidden)
