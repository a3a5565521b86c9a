"""Block-copy: the copy engine behind the backup-top filter, which replaced the before-write notifier in 4.2.

The filter sits above the secondary disk, so a write is copied before it enters that node: it is on no
tracked list while it copies, and becomes unaligned, if at all, only afterwards. What is still to be copied
is a bitmap (here its complement, `done`), and bits are cleared *before* the copy; a list of copies in
flight makes others wait. Of the memory budget of 128 MiB only this is said, that nobody may ask for more than
all of it; the wait for it is left out: it delays and never orders.
Source: block/backup-top.c backup_top_cbw; block/block-copy.c block_copy (4.2, 5.0).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from cowpath.model.language.claim import Claim, Landmark, Level, Measure, claim
from cowpath.model.language.expression import Expr, If, Operand, exists, forall, nobody
from cowpath.model.language.program import Region
from cowpath.model.language.sorts import Maybe
from cowpath.model.language.system import List, State, System
from cowpath.model.stack import copying
from cowpath.model.stack.part import Part, Parts
from cowpath.model.stack.world import (
    BUFFERED,
    COPYING,
    UNWRITTEN,
    WRITES,
    Cluster,
    Request,
    Sector,
    has_bitmap,
    in_bitmap,
    is_write,
    own,
    running,
    touch_job,
)
from cowpath.model.stack.writes import LEFT_FILTER

IN_FLIGHT = List("block-copy's in-flight list", "a copy of {clusters} in flight", lambda s, q: s.copying[q])
LOOKING = Region("a write that looks for what is dirty")
COPIED = Region("a write whose copy is made, still in the filter")
_REMOVED = "block/backup-top.c bdrv_backup_top_drop"


@dataclass(frozen=True)
class FilterEngine(Part):
    """What both engines have in common."""

    @property
    def slot(self) -> str:
        """Who copies."""
        return "copies"

    def declare(self, system: System, parts: Parts) -> None:
        """Declare whose range is in the in-flight list, and where a copy is."""
        system.variable("copying", Request, internal=True, called="has a copy in flight")
        system.parameter("beyond_budget", Cluster)  # longer than the memory that all copies have
        copying.declare(system, parts)

    def asserts(self, s: State) -> Iterator[Expr]:
        """Yield that a copy asks for no more memory than there is.

        A copy is of one cluster at a time, or of shorter ones up to 1 MiB, so only a cluster's length counts.
        Source: util/qemu-co-shared-resource.c co_get_from_shres; block/block-copy.c BLOCK_COPY_MAX_MEM (4.2).
        """
        yield ~exists(
            Request,
            lambda r: (
                s.is_at(r, "copy-enter") & exists(Cluster, lambda k: copies(s, r, k) & s.beyond_budget[k])
            ),
        )

    def landmarks(self, parts: Parts) -> Iterator[Landmark]:
        """Yield where the next dirty extent begins and ends."""
        yield Landmark(
            "the next cluster that is not done",
            Cluster,
            lambda s, r, k: (s.at[r] <= k) & ((k == s.end[r]) | ~s.done[k]),
        )
        yield Landmark(
            "the end of the next run of clusters that are not done",
            Cluster,
            lambda s, r, k: (
                ((k == s.end[r]) | s.done[k])
                & exists(Cluster, lambda j: (s.at[r] <= j) & (j < k) & ~s.done[j])
            ),
        )


@dataclass(frozen=True)
class BlockCopy50(FilterEngine):
    """The engine of 5.0: only what is being copied is in the list, and it may shrink.

    Who finds nothing dirty waits for one copy in flight, until that has ended or has shrunk, and looks again;
    what becomes dirty meanwhile, by another copy's failure or by a checkpoint, does not wake it.
    `returns`: where a write then is; at `enter` it enters the secondary's node. `breaks_snapshot`: the design
    knows on-cbw-error, so a failed copy may let the write go on, at `copy-broken`.
    """

    returns: str = "enter"
    breaks_snapshot: bool = False

    @property
    def options(self) -> tuple[str, ...]:
        """Whether the source says what is zeroes, and what a failed copy breaks."""
        return ("zeroes", *(("on_cbw_error",) if self.breaks_snapshot else ()))

    def declare(self, system: System, parts: Parts) -> None:
        """Declare where a write is in the filter."""
        super().declare(system, parts)
        pc = system.programs["pc"]
        pc.place("copy-loop", "about to look for a dirty extent", of=WRITES, within=(LOOKING,))
        pc.place("copy-conflict", "waiting for a copy in flight", of=WRITES, within=(LOOKING,))
        system.variable("copy_waits_for", Request, sort=Maybe(Request), internal=True)
        pc.place("copy-status", "asking for the block status of its extent", of=WRITES, within=(UNWRITTEN,))

    def act(self, system: System, parts: Parts) -> None:
        """Add the filter's write path up to where it returns."""
        source = "block/block-copy.c block_copy, 5.0"
        copying.act(system, parts, source=source, asks_status=True)
        add_gone(system)

        def meets(s: State, r: Expr, q: Expr) -> Expr:
            common = exists(Cluster, lambda k: copies(s, q, k) & own(s, r, k))
            return (q != r) & s.copying[q] & common

        @system.action("copy.begin", r=Request, source=source)
        def begin(s: State, r: Expr) -> None:
            """Enters the filter."""
            come(s, r, "idle")
            s.require(s.job != "freed", "there is a filter")
            if self.breaks_snapshot:
                s.require(~s.snapshot_error, "the snapshot is whole")
            self.begin_copying(s, r)

        self.act_copies(system, source)

        @system.action("copy.return", r=Request, source=source)
        def done(s: State, r: Expr) -> None:
            """Finds nothing dirty and no copy in flight."""
            look(s, r)
            self.require_alone(s, r)
            self.require_wanted(s, r)
            s.require(~is_dirty(s, r), "nothing is dirty")
            s.require(~exists(Request, lambda q: meets(s, r, q)), "no copy in flight")
            s.go(r, self.returned(s, r))

        @system.action("copy.park", r=Request, q=Request, source=source)
        def park(s: State, r: Expr, q: Expr) -> None:
            """Finds nothing dirty, waits for {q}'s copy in flight."""
            s.require_at(r, "copy-loop", "copy-conflict")
            s.require(s.copy_waits_for[r] == nobody(Request), "does not wait yet", location=True)
            self.require_alone(s, r)
            self.require_wanted(s, r)
            s.require(~is_dirty(s, r), "nothing is dirty")
            s.require(meets(s, r, q), "copy in flight")
            s.parks_on(q)
            s.copy_waits_for[r] = q
            s.go(r, "copy-conflict")

    def act_copies(self, system: System, source: str) -> None:
        """Add how it takes what is dirty, and ends a copy."""

        @system.action("copy.take", r=Request, k=Cluster, e=Cluster, source=source)
        def take(s: State, r: Expr, k: Expr, e: Expr) -> None:
            """Takes the first dirty extent: clears its bits, enters it in the in-flight list."""
            look(s, r)
            take_dirty(s, r, k, e)
            s.copying[r] = True
            s.go(r, "copy-status")

        @system.action("copy.shrink", r=Request, e=Cluster, source=source)
        def shrink(s: State, r: Expr, e: Expr) -> None:
            """Learns the block status; the extent ends where it changes, the rest is dirty again."""
            require_status(s, r, e)
            wake(s, r, e + 1 < s.upto[r])
            s.upto[r] = e + 1
            s.go(r, "copy-enter")

        @system.action("copy.end", r=Request, source=source)
        def end(s: State, r: Expr) -> None:
            """Has copied the extent: leaves the in-flight list and looks again."""
            end_copy(s, r, "copied")
            s.go(r, "copy-loop")

        @system.action("copy.fail", r=Request, source=source)
        def fail(s: State, r: Expr) -> None:
            """Fails: its clusters are dirty again."""
            fail_copy(s, r)
            wake(s, r)
            s.go(r, self.after_failure(s, r))

    def begin_copying(self, s: State, r: Expr) -> None:
        """Let r look for what is dirty."""
        s.go(r, "copy-loop")

    def require_alone(self, s: State, r: Expr) -> None:
        """Require, where copies are handed out, that none is."""

    def require_wanted(self, s: State, r: Expr) -> None:
        """Require, where copying may be cancelled, that r's is not."""

    def returned(self, s: State, r: Expr) -> Operand:
        """Return where r is whose clusters are copied."""
        return self.returns

    def after_failure(self, s: State, r: Expr) -> Operand:
        """Return where a write goes whose copy has failed."""
        if not self.breaks_snapshot:
            return s.place(r, "failed")
        return If(s.break_snapshot, s.place(r, "copy-broken"), "failed")

    def looking(self) -> Iterator[Claim]:
        """Say where a write is that looks for what is dirty."""
        yield claim("who looks for dirty clusters begins at its first", Request)(
            lambda s, r: s.within(r, LOOKING).implies((s.at[r] == s.first[r]) & (s.upto[r] == s.end[r]))
        )

    def claims(self, parts: Parts) -> Iterator[Claim]:
        """Say why block-copy keeps the snapshot: bits are cleared first, and whoever finds them so waits."""

        def in_flight(s: State, r: Expr, k: Expr) -> Expr:
            return s.copying[r] & copies(s, r, k)

        yield claim("who copies is in the in-flight list", Request)(
            lambda s, r: s.copying[r] == s.within(r, UNWRITTEN, COPYING)
        )
        yield from self.looking()
        yield claim("who is past the first of its pieces has left the filter", Request)(
            lambda s, r: (s.piece[r] == 0) | s.within(r, LEFT_FILTER)
        )
        yield claim("who is waited for copies", Request, Request)(
            lambda s, r, q: (s.copy_waits_for[r] == q).implies(s.is_at(r, "copy-conflict") & s.copying[q])
        )
        yield claim("a copy's extent is not empty and lies in its request's clusters", Request)(
            lambda s, r: s.copying[r].implies(
                (s.first[r] <= s.at[r]) & (s.at[r] < s.upto[r]) & (s.upto[r] <= s.end[r])
            )
        )
        yield claim("what is being copied is no longer dirty", Request, Cluster)(
            lambda s, r, k: in_flight(s, r, k).implies(s.done[k])
        )
        yield claim("extents in flight never meet", Request, Request, Cluster)(
            lambda s, r, q, k: ~((r != q) & in_flight(s, r, k) & in_flight(s, q, k))
        )
        yield claim("what is dirty is not in the hidden disk", Cluster)(
            lambda s, k: (running(s) & ~s.done[k]).implies(~s.in_hidden[k])
        )
        yield claim(
            "a copy's extent is in the hidden disk when it is written and not before", Request, Cluster
        )(lambda s, r, k: (running(s) & in_flight(s, r, k)).implies(s.in_hidden[k] == s.is_at(r, "copied")))
        yield claim("what is not dirty is in the hidden disk or being copied", Cluster)(
            lambda s, k: in_bitmap(parts, s, k, running(s) & s.done[k] & ~s.in_hidden[k]).implies(
                exists(Request, lambda q: in_flight(s, q, k))
            )
        )
        yield claim("a cluster not in the hidden disk is as it was at the checkpoint", Sector)(
            lambda s, x: in_bitmap(
                parts, s, s.cluster_of[x], running(s) & ~s.in_hidden[s.cluster_of[x]]
            ).implies(s.secondary[x] == s.epoch[x])
        )
        yield claim(
            "a write leaves the filter when all its clusters are in the hidden disk", Request, Cluster
        )(
            lambda s, r, k: in_bitmap(
                parts, s, k, running(s) & s.within(r, COPIED, LEFT_FILTER) & own(s, r, k)
            ).implies(s.in_hidden[k])
        )
        if has_bitmap(parts):
            yield claim("what is dirty, and what is being copied, is in the bitmap", Cluster)(
                lambda s, k: (~s.done[k] | exists(Request, lambda q: in_flight(s, q, k))).implies(
                    s.in_bitmap[k]
                )
            )
        yield claim("a write has data in its buffer from a copy's read to its write", Request, Sector)(
            lambda s, r, x: (is_write(s, r) & ~s.within(r, BUFFERED)).implies(
                s.copied[r, x] == nobody(Request)
            )
        )
        yield from copying.snapshot()

    def levels(self, parts: Parts) -> Iterator[Level]:
        """Say who waits for copies."""
        yield Level(
            IN_FLIGHT.name,
            "a write that finds nothing dirty waits for copies in flight of its clusters; who copies does "
            "not wait for another copy",
            lambda s, r: s.is_at(r, "copy-conflict"),
        )

    def measures(self, parts: Parts) -> Iterator[Measure]:
        """Yield what its loop brings forward."""
        yield Measure(
            "clusters copied for good: not dirty, and in no copy in flight, which may fail or shrink",
            (Cluster,),
            lambda s, k: s.done[k] & ~exists(Request, lambda q: s.copying[q] & copies(s, q, k)),
        )

    def asserts(self, s: State) -> Iterator[Expr]:
        """Yield, too, that what is dirty is being copied by nobody: extents in flight never meet.

        Source: block/block-copy.c block_copy_inflight_req_begin (5.0).
        """
        yield from super().asserts(s)

        def both(r: Expr, q: Expr) -> Expr:
            meet = exists(Cluster, lambda k: copies(s, r, k) & copies(s, q, k))
            return (r != q) & s.copying[r] & s.copying[q] & meet

        yield ~exists(Request, lambda r: exists(Request, lambda q: both(r, q)))


def come(s: State, r: Expr, *places: str) -> None:
    """Require that r is a write at one of the places."""
    s.require_at(r, *places)
    s.require(is_write(s, r), "is a write", location=True)


def add_gone(system: System) -> None:
    """Add what a write does that finds the filter gone."""

    @system.action("filter.gone", r=Request, source=_REMOVED)
    def gone(s: State, r: Expr) -> None:
        """Finds the filter gone."""
        come(s, r, "idle")
        s.require(s.job == "freed", "there is no filter")
        s.go(r, "enter")


def look(s: State, r: Expr) -> None:
    """Require that r looks for what is dirty, and waits for no copy in flight."""
    s.require_at(r, "copy-loop", "copy-conflict")
    s.wait_on(IN_FLIGHT, Request, lambda q: s.copy_waits_for[r] == q)


def require_status(s: State, r: Expr, e: Expr) -> None:
    """Require that e may end the extent of one block status; what is behind is dirty again."""
    s.require_at(r, "copy-status")
    s.require((s.at[r] <= e) & (e < s.upto[r]), "in the extent", location=True)
    touch(s, r)
    for k in s.each(Cluster):
        s.done[k] = s.done[k] & ~((e < k) & copies(s, r, k))


def end_copy(s: State, r: Expr, place: str) -> None:
    """Take the copy that is over off the in-flight list; who waits looks again."""
    s.require_at(r, place)
    touch(s, r)
    unlist(s, r)
    wake(s, r)


def fail_copy(s: State, r: Expr) -> None:
    """Make the clusters of r's copy dirty again, and take it off the in-flight list."""
    s.require_at(r, "copy-failed")
    touch(s, r)
    for k in s.each(Cluster):
        s.done[k] = s.done[k] & ~copies(s, r, k)
    unlist(s, r)


def take_dirty(s: State, r: Expr, k: Expr, e: Expr) -> None:
    """Require that [k, e] is r's next longest run of dirty clusters; clear its bits."""
    before = forall(Cluster, lambda j: ((s.at[r] <= j) & (j < k)).implies(s.done[j]))
    dirty = forall(Cluster, lambda j: ((k <= j) & (j <= e)).implies(~s.done[j]))
    longest = forall(Cluster, lambda j: ((e + 1 == j) & (j < s.end[r])).implies(s.done[j]))
    s.require((s.at[r] <= k) & (k <= e) & (e < s.end[r]) & before & longest, "next run", location=True)
    s.require(dirty, "the run is dirty")
    touch(s, r)
    for j in s.each(Cluster):
        s.done[j] = s.done[j] | ((k <= j) & (j <= e))
    s.at[r] = k
    s.upto[r] = e + 1


def touch(s: State, r: Expr) -> None:
    """Note that r touches block-copy's state."""
    touch_job(s, r, (s.job == "ended") | (s.job == "freed"))


def unlist(s: State, r: Expr) -> None:
    """Take r's extent off the in-flight list."""
    s.copying[r] = False
    s.at[r] = s.first[r]
    s.upto[r] = s.end[r]


def wake(s: State, r: Expr, when: Expr | None = None) -> None:
    """Let those who wait for r's copy look again (block_copy_task_end, block_copy_task_shrink)."""
    for q in s.each(Request):
        woken = s.copy_waits_for[q] == r
        woken = woken if when is None else woken & when
        s.copy_waits_for[q] = If(woken, nobody(Request), s.copy_waits_for[q])


def copies(s: State, r: Expr, k: Expr) -> Expr:
    """Tell whether cluster k is in the extent that r is copying."""
    return (s.at[r] <= k) & (k < s.upto[r])


def is_dirty(s: State, r: Expr) -> Expr:
    """Tell whether something is dirty of what r has still to look at."""
    return exists(Cluster, lambda k: (s.at[r] <= k) & (k < s.end[r]) & ~s.done[k])
