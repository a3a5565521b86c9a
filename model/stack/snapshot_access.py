"""Copy-before-write with snapshot-access: the filter itself keeps readers and copies apart, by bitmaps.

A reader of a cluster not copied yet reads the source, frozen: it registers its whole remaining range, and a
write that has copied its clusters waits for the frozen reads there before it touches the source. A reader
of a copied cluster reads the target, registering nothing. All of that is under one mutex, never held
across I/O. The target needs no backing link, so writes to it need not serialise.
Source: block/copy-before-write.c cbw_do_copy_before_write, cbw_snapshot_read_lock, cbw_co_preadv_snapshot
(7.0 - 10.1). Left out: cbw-timeout, and the option `bitmap`, which narrows access from the start.
"""

from __future__ import annotations

from cowpath.model.language.expression import Expr, If, exists, forall
from cowpath.model.language.system import State, System
from cowpath.model.stack import overlay, protocol
from cowpath.model.stack.tracked import Node
from cowpath.model.stack.world import Cluster, Request, Sector, at, come_to, is_kind, place

_WRITE = "block/copy-before-write.c cbw_do_copy_before_write, 10.1"
_READ = "block/copy-before-write.c cbw_co_preadv_snapshot, 10.1"
_DISCARD = "block/copy-before-write.c cbw_co_pdiscard_snapshot, 10.1"


def declare_write(system: System) -> None:
    """Add what a write does between block-copy (at `copy-returned`) and the source's node (`enter`)."""
    system.variable("transferred", Cluster)  # the filter's own done bitmap: readers find it in the target
    system.variable("accessible", Cluster, initial=True)  # the access bitmap
    system.variable("snapshot_error")
    system.variable("frozen", Request, internal=True)  # r reads the source, from its cursor on

    @system.action("cbw.pass", r=Request, source=_WRITE)
    def skip(s: State, r: Expr) -> None:
        """Finds the snapshot broken already, copies nothing."""
        come_to(s, r, "idle")
        s.require(is_kind(s, r, "nbd-write", "nbd-zero"), "is a write", location=True)
        s.require(s.snapshot_error, "the snapshot is broken")
        s.pc[r] = "enter"

    @system.action("cbw.mark", r=Request, source=_WRITE)
    def mark(s: State, r: Expr) -> None:
        """Marks its clusters copied."""
        come_to(s, r, "copy-returned")
        for k in s.each(Cluster):
            s.transferred[k] = s.transferred[k] | ((s.first[r] <= k) & (k < s.end[r]))
        s.pc[r] = "thaw-wait"

    @system.action("cbw.break", r=Request, source=_WRITE)
    def break_(s: State, r: Expr) -> None:
        """Could not copy: breaks the snapshot, not the write."""
        come_to(s, r, "copy-broken")
        s.snapshot_error = True
        s.pc[r] = "thaw-wait"

    @system.action("cbw.go", r=Request, source=_WRITE)
    def go(s: State, r: Expr) -> None:
        """Finds no frozen read of its clusters."""
        come_to(s, r, "thaw-wait")
        s.wait_while(
            Request,
            lambda q: (q != r) & _freezes(s, q, r),
            on="the frozen reads",
            held="a frozen read of {range}",
        )
        s.pc[r] = "enter"


def declare_read(system: System, secondary: Node) -> None:
    """Add the steps of a read through the snapshot-access node."""

    @system.action("snapshot.refuse", r=Request, source=_READ)
    def refuse(s: State, r: Expr) -> None:
        """Finds the snapshot broken, or what is left to read given up: an error."""
        _come(s, r)
        s.require(s.snapshot_error | ~_accessible(s, r), "the snapshot is broken or given up")
        s.at[r] = s.first[r]
        s.pc[r] = "failed"

    @system.action("snapshot.look", r=Request, e=Cluster, source=_READ)
    def look(s: State, r: Expr, e: Expr) -> None:
        """Looks up the filter's bitmap; freezes what it will read from the source."""
        _come(s, r)
        s.require(~s.snapshot_error, "the snapshot is whole")
        s.require(_accessible(s, r), "what is left to read is accessible")
        same = forall(
            Cluster, lambda j: ((s.at[r] <= j) & (j < e)).implies(s.transferred[j] == s.transferred[e])
        )
        longest = forall(
            Cluster,
            lambda j: ((e + 1 == j) & (j < s.end[r])).implies(s.transferred[j] != s.transferred[e]),
        )
        s.require((s.at[r] <= e) & (e < s.end[r]) & same & longest, "longest run", location=True)
        s.observe(
            "copied", Cluster, lambda k: (s.at[r] <= k) & (k <= e), lambda k: s.transferred[k], unset=""
        )
        s.upto[r] = e + 1
        s.frozen[r] = ~s.transferred[e]
        s.pc[r] = If(s.transferred[e], place("hidden-read"), place("to-secondary"))

    @system.action("snapshot.target", r=Request, source=_READ)
    def target(s: State, r: Expr) -> None:
        """Reads from the target."""
        come_to(s, r, "hidden-read")
        overlay.take(s, r, lambda x: s.hidden[x])
        _next(s, r)

    secondary.wait(
        system,
        "snapshot.enter",
        says="enters the source's node",
        arrives=lambda s, r: at(s, r, "to-secondary"),
        parked="secondary-parked",
        then=lambda s, r: place("secondary-read"),
        source="block/io.c bdrv_aligned_preadv, 7.0",
    )

    @system.action("snapshot.source", r=Request, source=_READ)
    def source(s: State, r: Expr) -> None:
        """Reads from the source."""
        come_to(s, r, "secondary-read")
        protocol.come_through(s, r)
        overlay.take(s, r, lambda x: s.secondary[x])
        s.pc[r] = "thaw"
        protocol.come_back(s, r)
        secondary.leave(s, r)

    @system.action("snapshot.thaw", r=Request, source=_READ)
    def thaw(s: State, r: Expr) -> None:
        """Unfreezes, wakes the writers."""
        come_to(s, r, "thaw")
        s.frozen[r] = False
        _next(s, r)

    @system.action("snapshot.end", r=Request, source=_READ)
    def end(s: State, r: Expr) -> None:
        """Completes."""
        come_to(s, r, "finishing")
        s.pc[r] = "done"


def declare_discard(system: System) -> None:
    """Add the steps of a client that needs part of the snapshot no more; nobody is waited for.

    Whole clusters only (9.1). A copy in flight that fails later makes its clusters dirty again.
    """

    @system.action("discard.give-up", r=Request, source=_DISCARD)
    def give_up(s: State, r: Expr) -> None:
        """Gives up its whole clusters: closed to reads, not to be copied."""
        come_to(s, r, "idle")
        s.require(is_kind(s, r, "client-discard"), "is a client-discard", location=True)
        for k in s.each(Cluster):
            s.accessible[k] = s.accessible[k] & ~s.gives_up[r, k]
            s.done[k] = s.done[k] | s.gives_up[r, k]
        s.pc[r] = "discarding"

    @system.action("discard.target", r=Request, source=_DISCARD)
    def target(s: State, r: Expr) -> None:
        """Discards them in the target."""
        come_to(s, r, "discarding")
        for x in s.each(Sector):
            s.hidden[x] = If(s.gives_up[r, s.cluster_of[x]], r, s.hidden[x])
        for k in s.each(Cluster):
            s.in_hidden[k] = s.in_hidden[k] & ~s.gives_up[r, k]
        s.pc[r] = "done"


def _accessible(s: State, r: Expr) -> Expr:
    """Tell whether all that r has still to read may be read."""
    return forall(Cluster, lambda k: ((s.at[r] <= k) & (k < s.end[r])).implies(s.accessible[k]))


def _come(s: State, r: Expr) -> None:
    come_to(s, r, "idle", "snapshot-loop")
    s.require(is_kind(s, r, "guest-read"), "is a guest-read", location=True)


def _next(s: State, r: Expr) -> None:
    last = s.upto[r] == s.end[r]
    s.at[r] = If(last, s.first[r], s.upto[r])
    s.upto[r] = s.end[r]
    s.pc[r] = If(last, place("finishing"), place("snapshot-loop"))


def _freezes(s: State, q: Expr, r: Expr) -> Expr:
    """Tell whether q's frozen read, all that remains of it, meets the clusters of r."""

    def both(x: Expr) -> Expr:
        k = s.cluster_of[x]
        return s.reads[q, x] & (s.at[q] <= k) & (s.first[r] <= k) & (k < s.end[r])

    return s.frozen[q] & exists(Sector, both)
