"""Copy-before-write with snapshot-access: the filter itself keeps readers and copies apart, by bitmaps.

A reader of a cluster not copied yet reads the source, frozen: it registers its whole remaining range, and a
write that has copied its clusters waits for the frozen reads there before it touches the source. A reader
of a copied cluster reads the target, registering nothing. All of that is under one mutex, never held
across I/O. The target needs no backing link, so writes to it need not serialise.
With a bitmap what that does not have is as if given up from the start: never copied, closed to readers, and
found copied all the same when it is written, which nobody can see.
Source: block/copy-before-write.c cbw_open, cbw_do_copy_before_write, cbw_snapshot_read_lock,
cbw_co_preadv_snapshot (7.0 - 10.2).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from cowpath.model.language.claim import Claim, Landmark, Level, claim
from cowpath.model.language.expression import Expr, If, exists, forall
from cowpath.model.language.program import Region
from cowpath.model.language.system import List, State, System
from cowpath.model.stack import overlay, protocol
from cowpath.model.stack.block_copy import COPIED, BlockCopy50
from cowpath.model.stack.broken_snapshot import add_breaking, declare_breaking, unbroken
from cowpath.model.stack.part import Part, Parts
from cowpath.model.stack.secondary import node_of
from cowpath.model.stack.world import (
    BEFORE_LOOK_UP,
    DISCARDS,
    GUESTS,
    IN_RANGE,
    LOOKED_UP,
    PAST_ADMISSION,
    TO_SECONDARY,
    WHOLE,
    WRITES,
    Cluster,
    Request,
    Sector,
    in_bitmap,
    in_extent,
    is_kind,
    own,
)
from cowpath.model.stack.writes import LEFT_FILTER

_WRITE = "block/copy-before-write.c cbw_do_copy_before_write, 10.1"
_READ = "block/copy-before-write.c cbw_co_preadv_snapshot, 10.1"
_DISCARD = "block/copy-before-write.c cbw_co_pdiscard_snapshot, 10.1"
_FROZEN = List("the frozen reads", "a frozen read of {range}", lambda s, q: s.frozen[q])
FREEZES = Region("reading the source, frozen, or asking about it")


@dataclass(frozen=True)
class SnapshotFilter(Part):
    """What a write does between block-copy (at `copy-returned`) and the source's node (`enter`).

    Where block-copy knows no on-cbw-error a failed copy breaks its write, and a snapshot is never broken.
    """

    @property
    def options(self) -> tuple[str, ...]:
        """Whether only a part of the disk is copied."""
        return ("bitmap",)

    def declare(self, system: System, parts: Parts) -> None:
        """Declare the filter's bitmaps, who has frozen what, and where a write is."""
        system.variable("transferred", Cluster)  # the filter's own done bitmap: found in the target
        system.variable("accessible", Cluster, initial=lambda s, k: s.in_bitmap[k])  # the access bitmap
        system.variable("snapshot_error")
        # From its cursor on.
        system.variable("frozen", Request, internal=True, called="has a frozen read of the source")
        pc = system.programs["pc"]
        pc.place("copy-returned", "back from block-copy", of=WRITES, within=(WHOLE, COPIED))
        if _breaks(parts):
            declare_breaking(system)
        pc.place("thaw-wait", "waiting for frozen reads", of=WRITES, within=(WHOLE, COPIED))

    def act(self, system: System, parts: Parts) -> None:
        """Add the steps."""
        if _breaks(parts):
            add_breaking(system, then="thaw-wait", may_go=False)

        @system.action("cbw.mark", r=Request, source=_WRITE)
        def mark(s: State, r: Expr) -> None:
            """Marks its clusters copied."""
            s.require_at(r, "copy-returned")
            for k in s.each(Cluster):
                s.transferred[k] = s.transferred[k] | own(s, r, k)
            s.go(r, "thaw-wait")

        @system.action("cbw.go", r=Request, source=_WRITE)
        def go(s: State, r: Expr) -> None:
            """Finds no frozen read of its clusters."""
            s.require_at(r, "thaw-wait")
            s.wait_on(_FROZEN, Request, lambda q: (q != r) & _freezes(s, q, r))
            s.go(r, "enter")

    def claims(self, parts: Parts) -> Iterator[Claim]:
        """Say why what a frozen read reads from the source is not overwritten meanwhile."""
        yield from unbroken(_breaks(parts))
        yield claim("who reads the source has frozen it", Request)(
            lambda s, r: s.frozen[r] == s.within(r, TO_SECONDARY, FREEZES)
        )
        yield claim("what readers find copied is in the target, if they may read it", Cluster)(
            lambda s, k: in_bitmap(parts, s, k, s.transferred[k]).implies(s.in_hidden[k])
        )
        yield claim("only what the bitmap has may be read", Cluster)(
            lambda s, k: s.accessible[k].implies(s.in_bitmap[k])
        )
        yield claim("what a read has looked up may be read", Request, Cluster)(
            lambda s, r, k: (
                is_kind(s, r, "guest-read") & s.within(r, LOOKED_UP) & (s.at[r] <= k) & (k < s.upto[r])
            ).implies(s.in_bitmap[k])
        )
        yield claim("a write goes on when its clusters are found copied", Request, Cluster)(
            lambda s, r, k: ((s.is_at(r, "thaw-wait") | s.within(r, LEFT_FILTER)) & own(s, r, k)).implies(
                s.transferred[k]
            )
        )
        yield claim("a read of the target is of what was copied", Request, Cluster)(
            lambda s, r, k: (s.is_at(r, "hidden-read") & (s.at[r] <= k) & (k < s.upto[r])).implies(
                s.transferred[k]
            )
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
                    & s.within(q, LEFT_FILTER)
                    & own(s, q, s.cluster_of[x])
                )
            )
        )
        yield claim("what a frozen read reads is as it was at the start", Request, Sector)(
            lambda s, r, x: (s.frozen[r] & s.reads[r, x] & in_extent(s, r, x)).implies(
                s.secondary[x] == s.epoch[x]
            )
        )

    def levels(self, parts: Parts) -> Iterator[Level]:
        """Say who waits for frozen reads."""
        yield Level(
            _FROZEN.name,
            "a write that has copied waits for reads of the source that began before; a read waits on the "
            "source's list at most",
            lambda s, r: s.is_at(r, "thaw-wait"),
        )


@dataclass(frozen=True)
class SnapshotReads(Part):
    """The steps of a read through the snapshot-access node.

    `may_overlap`: frozen reads may; from 7.0 to 9.1 QEMU asserts that none does (reqlist_init_req).
    """

    may_overlap: bool = True

    @property
    def kinds(self) -> tuple[str, ...]:
        """Snapshot reads."""
        return ("guest-read",)

    def declare(self, system: System, parts: Parts) -> None:
        """Declare where a reader is."""
        pc = system.programs["pc"]

        def place(name: str, says: str, *within: Region) -> None:
            pc.place(name, says, of=GUESTS, within=(IN_RANGE, *within))

        place("snapshot-loop", "about to look up the filter's bitmap", BEFORE_LOOK_UP)
        place("thaw", "about to unfreeze what it has read", LOOKED_UP, FREEZES)
        place("thaw-failed", "about to unfreeze what it could not read", LOOKED_UP, FREEZES)
        place("hidden-read", "reading from the target", LOOKED_UP, PAST_ADMISSION)
        overlay.declare_secondary_read(system, parts, IN_RANGE, LOOKED_UP, TO_SECONDARY)
        pc.place("finishing", "about to complete", of=GUESTS, within=(WHOLE,))

    def act(self, system: System, parts: Parts) -> None:
        """Add the steps."""
        node = node_of(parts)

        @system.action("snapshot.refuse", r=Request, source=_READ)
        def refuse(s: State, r: Expr) -> None:
            """Finds the snapshot broken, or what is left to read not accessible: an error."""
            _come(s, r)
            s.require(is_refused(s, r), "the snapshot is broken or not accessible")
            s.at[r] = s.first[r]
            s.go(r, "failed")

        @system.action("snapshot.look", r=Request, e=Cluster, source=_READ)
        def look(s: State, r: Expr, e: Expr) -> None:
            """Looks up the filter's bitmap; freezes what it will read from the source."""
            _come(s, r)
            s.require(~s.snapshot_error, "the snapshot is whole")
            s.require(_accessible(s, r), "what is left to read is accessible")
            look_up(s, r, e)
            s.go(r, If(s.transferred[e], s.place(r, "hidden-read"), "to-secondary"))

        @system.action("snapshot.target", r=Request, source=_READ)
        def target(s: State, r: Expr) -> None:
            """Reads from the target."""
            s.require_at(r, "hidden-read")
            lacks = exists(Cluster, lambda k: (s.at[r] <= k) & (k < s.upto[r]) & ~s.in_hidden[k])
            overlay.take(s, r, "hidden", lacks=lacks)
            _next(s, r)

        @system.action("snapshot.target-fails", r=Request, source=_READ)
        def target_fails(s: State, r: Expr) -> None:
            """Fails to read from the target: an error."""
            s.require_at(r, "hidden-read")
            s.fails("hidden-read", "the read fails")
            _fail(s, r)

        node.wait(
            system,
            "snapshot.enter",
            says="enters the source's node",
            arrives=lambda s, r: s.is_at(r, "to-secondary"),
            parked="secondary-parked",
            then=lambda s, r: s.place(r, "secondary-read"),
            source="block/io.c bdrv_aligned_preadv, 7.0",
        )

        @system.action("snapshot.source", r=Request, source=_READ)
        def source(s: State, r: Expr) -> None:
            """Reads from the source."""
            s.require_at(r, "secondary-read")
            protocol.require_transfer_done(s, r)
            overlay.take(s, r, "secondary")
            s.go(r, "thaw")
            protocol.end_transfer(s, r)
            node.leave(s, r)

        @system.action("snapshot.source-fails", r=Request, source=_READ)
        def source_fails(s: State, r: Expr) -> None:
            """Fails to read from the source."""
            s.require_at(r, "secondary-read")
            protocol.require_transfer_done(s, r)
            s.fails("secondary-read", "the read fails")
            s.go(r, "thaw-failed")
            protocol.end_transfer(s, r)
            node.leave(s, r)

        @system.action("snapshot.thaw", r=Request, source=_READ)
        def thaw(s: State, r: Expr) -> None:
            """Unfreezes, wakes the writers."""
            s.require_at(r, "thaw")
            s.frozen[r] = False
            _next(s, r)

        @system.action("snapshot.thaw-fails", r=Request, source=_READ)
        def thaw_fails(s: State, r: Expr) -> None:
            """Unfreezes, wakes the writers: an error."""
            s.require_at(r, "thaw-failed")
            s.frozen[r] = False
            _fail(s, r)

        @system.action("snapshot.end", r=Request, source=_READ)
        def end(s: State, r: Expr) -> None:
            """Completes."""
            s.require_at(r, "finishing")
            if any("discard_source" in part.options for part in parts):
                s.require(~s.discard_source, "keeps what it has read", location=True)
            s.go(r, "done")

    def landmarks(self, parts: Parts) -> Iterator[Landmark]:
        """Yield where an extent looked up ends."""
        yield Landmark(
            "where the filter's answer changes",
            Cluster,
            lambda s, r, k: (s.at[r] < k) & ((k == s.end[r]) | (s.transferred[k] != s.transferred[s.at[r]])),
        )

    def asserts(self, s: State) -> Iterator[Expr]:
        """Yield that no two frozen reads overlap, where that is asserted; each is of all that remains of it.

        Source: block/reqlist.c reqlist_init_req (7.0 - 9.1); 6475155d51 (9.2) lets them.
        """
        if not self.may_overlap:
            yield ~exists(Request, lambda r: exists(Request, lambda q: (r != q) & _overlap(s, r, q)))


@dataclass(frozen=True)
class ClientDiscards(Part):
    """The steps of a client that needs part of the snapshot no more; nobody is waited for.

    A copy in flight that fails later makes its clusters dirty again. `rounds`: of what is asked for whole
    clusters are given up (9.1). Before, all of it was, and QEMU asserts that it ends where clusters do.
    """

    rounds: bool = True

    @property
    def kinds(self) -> tuple[str, ...]:
        """A client's discards."""
        return ("client-discard",)

    def declare(self, system: System, parts: Parts) -> None:
        """Declare where a discard is."""
        pc = system.programs["pc"]
        pc.place("discarding", "about to discard in the target", of=DISCARDS, within=(WHOLE,))
        if not self.rounds:
            system.parameter("ragged", Request)  # it ends inside a cluster, and not at the disk's end

    def act(self, system: System, parts: Parts) -> None:
        """Add the two steps."""

        def given(s: State, r: Expr, k: Expr) -> Expr:
            return s.gives_up[r, k] if self.rounds else own(s, r, k)

        @system.action("discard.give-up", r=Request, source=_DISCARD)
        def begin(s: State, r: Expr) -> None:
            """Gives up its whole clusters: closed to reads, not to be copied."""
            s.require_at(r, "idle")
            s.require(is_kind(s, r, "client-discard"), "is a client-discard", location=True)
            give_up(s, lambda k: given(s, r, k))
            s.go(r, "discarding")

        @system.action("discard.target", r=Request, source=_DISCARD)
        def target(s: State, r: Expr) -> None:
            """Discards them in the target."""
            s.require_at(r, "discarding")
            discard_in_target(s, r, lambda k: given(s, r, k))
            s.go(r, "done")

    def asserts(self, s: State) -> Iterator[Expr]:
        """Yield that a discard is of whole clusters, where that is asserted.

        Source: util/hbitmap.c hbitmap_reset, cbw_co_pdiscard_snapshot (7.0 - 9.0); 507175197b (9.1).
        """
        if not self.rounds:
            yield ~exists(Request, lambda r: s.is_at(r, "discarding") & s.ragged[r])


def give_up(s: State, given: Callable[[Expr], Expr]) -> None:
    """Close the clusters that are given up to reads, and let nobody copy them."""
    for k in s.each(Cluster):
        s.accessible[k] = s.accessible[k] & ~given(k)
        s.done[k] = s.done[k] | given(k)


def discard_in_target(s: State, r: Expr, given: Callable[[Expr], Expr]) -> None:
    """Let r discard the clusters that are given up in the target."""
    s.write_to("hidden", Sector, lambda x: given(s.cluster_of[x]), lambda x: r)
    for k in s.each(Cluster):
        s.in_hidden[k] = s.in_hidden[k] & ~given(k)


def _breaks(parts: Parts) -> bool:
    """Tell whether the design knows on-cbw-error."""
    return parts.the(BlockCopy50).breaks_snapshot


def is_refused(s: State, r: Expr) -> Expr:
    """Tell whether the snapshot is broken, or something not accessible of what r has still to read."""
    return s.snapshot_error | ~_accessible(s, r)


def look_up(s: State, r: Expr, e: Expr) -> None:
    """Require that e ends the run at r's cursor, of what is copied or not; freeze r's range if it is not."""
    same = forall(Cluster, lambda j: ((s.at[r] <= j) & (j < e)).implies(s.transferred[j] == s.transferred[e]))
    longest = forall(
        Cluster, lambda j: ((e + 1 == j) & (j < s.end[r])).implies(s.transferred[j] != s.transferred[e])
    )
    s.require((s.at[r] <= e) & (e < s.end[r]) & same & longest, "longest run", location=True)
    s.observe("copied", Cluster, lambda k: (s.at[r] <= k) & (k <= e), lambda k: s.transferred[k], unset="")
    s.upto[r] = e + 1
    s.frozen[r] = ~s.transferred[e]


def _overlap(s: State, r: Expr, q: Expr) -> Expr:
    """Tell whether the frozen reads of r and q, all that remains of them, have a byte in common."""

    def both(x: Expr) -> Expr:
        k = s.cluster_of[x]
        return s.covers[r, x] & s.covers[q, x] & (s.at[r] <= k) & (s.at[q] <= k)

    return s.frozen[r] & s.frozen[q] & exists(Sector, both)


def _accessible(s: State, r: Expr) -> Expr:
    """Tell whether all that r has still to read may be read."""
    return forall(Cluster, lambda k: ((s.at[r] <= k) & (k < s.end[r])).implies(s.accessible[k]))


def _come(s: State, r: Expr) -> None:
    s.require_at(r, "idle", "snapshot-loop")
    s.require(is_kind(s, r, "guest-read"), "is a guest-read", location=True)


def _fail(s: State, r: Expr) -> None:
    s.at[r] = s.first[r]
    s.upto[r] = s.end[r]
    s.go(r, "failed")


def _next(s: State, r: Expr) -> None:
    last = s.upto[r] == s.end[r]
    s.at[r] = If(last, s.first[r], s.upto[r])
    s.upto[r] = s.end[r]
    s.go(r, If(last, s.place(r, "finishing"), "snapshot-loop"))


def _freezes(s: State, q: Expr, r: Expr) -> Expr:
    """Tell whether q's frozen read, all that remains of it, meets the clusters of r."""

    def both(x: Expr) -> Expr:
        k = s.cluster_of[x]
        return s.covers[q, x] & (s.at[q] <= k) & (s.first[r] <= k) & (k < s.end[r])

    return s.frozen[q] & exists(Sector, both)
