"""The background: the job's own coroutine, which looks for dirty chunks and starts operations that copy them.

Source: block/mirror.c mirror_run, mirror_iteration, mirror_pause; job.c job_pause_point.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from cowpath.model.language.claim import Claim, Landmark, claim
from cowpath.model.language.claim import Level as Stage
from cowpath.model.language.expression import Expr, If, exists, forall, nobody
from cowpath.model.language.sorts import Position
from cowpath.model.language.system import State, System
from cowpath.model.stack.mirror.operations import Operations
from cowpath.model.stack.mirror.world import (
    ACTIVE,
    BACKGROUND,
    LISTED,
    OPERATIONS,
    PARKED,
    STARTED,
    WRITES,
    Chunk,
    Level,
    Request,
    World,
    append,
    first,
    holds,
    in_flight,
    park,
    some_dirty,
    unlink,
    wait_parked,
    woken,
)
from cowpath.model.stack.mirror.zero_bitmap import ZeroBitmap, recognise, within
from cowpath.model.stack.part import Part, Parts

_RUN = "block/mirror.c mirror_run"
_ITERATION = "block/mirror.c mirror_iteration"
_PAUSE = "block/mirror.c mirror_pause; job.c job_pause_point"


@dataclass(frozen=True)
class Background(Part):
    """The loop up to what it starts.

    `waits_for_writes`: at its head it waits until no write is being copied (3.0 - 7.1). `needs_self`: where
    it waits for a conflict it takes itself for an operation, which it is not (6.1): QEMU dies. Of the
    repair: `looks_again`: when it has been paused it chooses anew; `claims_clusters`: it takes the whole
    clusters of the target that it writes; `rounds_each_end`: it rounds an end where that one's own cluster
    has not been written, not both where one has not.
    """

    waits_for_writes: bool = False
    needs_self: bool = False
    looks_again: bool = False
    claims_clusters: bool = False
    rounds_each_end: bool = False

    def declare(self, system: System, parts: Parts) -> None:
        """Declare where the background is."""
        pc = system.programs["pc"]
        pc.place("loop", "at the head of its loop", of=BACKGROUND)
        pc.place("slot", "at the head of its loop, waiting for an operation", of=BACKGROUND, within=(PARKED,))
        pc.place("paused", "paused", of=BACKGROUND)
        pc.place("busy-chunk", "waiting for a chunk that it has chosen", of=BACKGROUND, within=(PARKED,))
        pc.place("stopping", "about to pause with a chunk chosen", of=BACKGROUND, within=(PARKED,))
        pc.place("chosen", "paused with a chunk chosen", of=BACKGROUND)
        pc.place("iterating", "about to start an operation", of=BACKGROUND, within=(LISTED,))
        pc.place("full", "waiting for a slot", of=BACKGROUND, within=(LISTED, PARKED))
        system.variable("at", sort=Position(Chunk), initial=0, internal=True)

    def act(self, system: System, parts: Parts) -> None:
        """Add the loop."""
        operations, world = parts.the(Operations), parts.the(World)
        zeroes = parts.find(ZeroBitmap)

        if self.waits_for_writes:

            @system.action(
                "loop.active.park",
                j=Request,
                q=Request,
                says="waits for {q}, which is being copied",
                source=_RUN,
            )
            def waits(s: State, j: Expr, q: Expr) -> None:
                self._at_head(s, j)
                s.require(woken(s, j), "woken", location=True)
                s.require(first(s, world, q, lambda p: s.within(p, ACTIVE)), "is being copied")
                park(s, j, q, "slot")

        @system.action("loop.slot.park", j=Request, q=Request, says="waits for {q} to end", source=_RUN)
        def slot(s: State, j: Expr, q: Expr) -> None:
            self.body(s, j)
            s.require(woken(s, j), "woken", location=True)
            s.require(self.needs_slot(s), "has nothing to do before an operation ends")
            s.require(operations.candidate(s, q, world), "the one to wait for")
            park(s, j, q, "slot")

        @system.action(
            "pause.park", j=Request, q=Request, says="is to pause: waits for {q} to end", source=_PAUSE
        )
        def drains(s: State, j: Expr, q: Expr) -> None:
            self._pauses(s, j)
            s.require(woken(s, j), "woken", location=True)
            s.require(s.to_pause | s.is_at(j, "stopping"), "is to pause")
            s.require(first(s, world, q, lambda p: s.within(p, STARTED)), "in flight")
            park(s, j, q, If(_at_head(s, j), s.place(j, "slot"), "stopping"))

        @system.action("pause.stop", j=Request, source=_PAUSE)
        def stops(s: State, j: Expr) -> None:
            """Pauses."""
            self._pauses(s, j)
            wait_parked(s, j)
            s.require(s.to_pause, "is to pause")
            s.require(~in_flight(s), "nothing is in flight")
            s.go(j, If(_at_head(s, j), s.place(j, "paused"), "chosen"))

        @system.action(
            "iterate.park",
            j=Request,
            c=Chunk,
            q=Request,
            says="waits for {q} to leave {c}",
            source=_ITERATION,
        )
        def conflicts(s: State, j: Expr, c: Expr, q: Expr) -> None:
            self._chooses(s, j, c)
            s.require(woken(s, j), "woken", location=True)
            low, last = self._unit(s, c, c)
            s.require(self._busy(s, low, last), "the chunk's bit is set")

            def meets(p: Expr) -> Expr:
                return (p != j) & (s.low[p] <= last) & (low <= s.last[p])

            s.require(first(s, world, q, meets), "conflict")
            s.low[j] = c
            s.last[j] = c
            if self.needs_self:
                s.crashed = True
            park(s, j, q, "busy-chunk")

        if self.looks_again:

            @system.action("iterate.again", j=Request, source="proposed here")
            def again(s: State, j: Expr) -> None:
                """Has been at its pause point: chooses anew."""
                s.require_at(j, "stopping", "chosen")
                wait_parked(s, j)
                s.require(~s.to_pause, "is not to pause")
                s.require(~in_flight(s), "nothing is in flight")
                s.low[j] = s.first_of[j]
                s.last[j] = s.last_of[j]
                s.go(j, "loop")

        @system.action("iterate.claim", j=Request, c=Chunk, e=Chunk, source=_ITERATION)
        def claims(s: State, j: Expr, c: Expr, e: Expr) -> None:
            """Takes the dirty chunks from {c} to {e}: clears their dirty bits, sets those in flight."""
            self._chooses(s, j, c, resumed=True)
            wait_parked(s, j)
            low, last = self._unit(s, c, e)
            s.require(s.is_at(j, "stopping", "chosen") | ~self._busy(s, low, last), "no bit is set")
            s.require(~s.to_pause, "is not to pause")
            s.require(~(s.is_at(j, "stopping") & in_flight(s)), "nothing is in flight")

            run = (c <= e) & forall(Chunk, lambda d: ((c < d) & (d <= e)).implies(self._more(s, c, d)))
            longest = forall(Chunk, lambda d: (e + 1 == d).implies(~self._more(s, c, d)))
            s.require(run & longest, "the longest run", location=True)
            for d in s.each(Chunk):
                s.dirty[d] = s.dirty[d] & ~((low <= d) & (d <= last))
                s.in_flight[d] = s.in_flight[d] | ((low <= d) & (d <= last))
            append(s, j, world)
            s.low[j] = low
            s.last[j] = last
            s.at = low
            s.in_hand[j] = True
            s.go(j, "iterating")

        def piece(s: State, j: Expr, o: Expr, b: Expr, e: Expr) -> Expr:
            """Take operation o for the piece of the run from b to e; return how many buffers it needs.

            It copies whole clusters of the target where one at either end has not been written yet.
            """
            self.takes(s, j, o, b, e, world)
            low, last = self._rounded(s, b, e)
            if zeroes is not None:
                zeroes.copies(s, b, e)
            s.low[o] = low
            s.last[o] = last
            s.at = last + 1
            needed = If(s.counted, s.amount[low, last], 0)
            s.needs[o] = needed
            return needed

        source = "block/mirror.c mirror_iteration, mirror_perform, mirror_co_read, mirror_cow_align"

        @system.action("iterate.start", j=Request, o=Request, b=Chunk, e=Chunk, source=source)
        def starts(s: State, j: Expr, o: Expr, b: Expr, e: Expr) -> None:
            """Learns the block status up to {e}: {o} copies that, and is in flight."""
            needed = piece(s, j, o, b, e)
            s.require(~operations.lacks(s, needed), "enough buffers are free")
            s.free = s.taken[s.free, needed]
            s.go(o, "reading")

        @system.action("iterate.start.short", j=Request, o=Request, b=Chunk, e=Chunk, source=source)
        def starts_short(s: State, j: Expr, o: Expr, b: Expr, e: Expr) -> None:
            """Learns the block status up to {e}: {o} is to copy that, and lacks buffers."""
            needed = piece(s, j, o, b, e)
            s.require(operations.lacks(s, needed), "too few buffers are free")
            s.go(o, "short")

        if zeroes is not None:
            zero = "block/mirror.c mirror_iteration, mirror_co_zero, 10.1"

            @system.action("iterate.start.zero", j=Request, o=Request, b=Chunk, e=Chunk, source=zero)
            def starts_zero(s: State, j: Expr, o: Expr, b: Expr, e: Expr) -> None:
                """Learns that there are zeroes up to {e}: {o} writes them, and is in flight."""
                self.takes(s, j, o, b, e, world)
                s.require(~zeroes.finds(s, b, e), "not known to be zero in the target")
                s.low[o] = b
                s.last[o] = e
                s.at = e + 1
                s.go(o, "zeroing")

            @system.action("iterate.skip", j=Request, b=Chunk, e=Chunk, source=zero)
            def skips(s: State, j: Expr, b: Expr, e: Expr) -> None:
                """Learns that there are zeroes up to {e}, which are known to be there: copies nothing."""
                self.goes_on(s, j, b, e)
                s.require(~no_slot(s), "a slot is free")
                s.require(zeroes.finds(s, b, e), "known to be zero in the target")
                for c in s.each(Chunk):
                    here = (b <= c) & (c <= e)
                    s.in_flight[c] = s.in_flight[c] & ~here
                    s.written[c] = s.written[c] | (s.rounds & here)
                recognise(s, lambda x: within(s, x, b, e))
                s.at = e + 1
                s.go(j, "iterating")

        @system.action(
            "iterate.slot.park", j=Request, q=Request, says="waits for {q} to end", source=_ITERATION
        )
        def full(s: State, j: Expr, q: Expr) -> None:
            s.require_at(j, "iterating", "full")
            s.require(woken(s, j), "woken", location=True)
            s.require(s.at <= s.last[j], "in the run", location=True)
            s.require(no_slot(s), "all slots are taken")
            s.require(operations.candidate(s, q, world), "the one to wait for")
            park(s, j, q, "full")

        @system.action("iterate.end", j=Request, source=_ITERATION)
        def ends(s: State, j: Expr) -> None:
            """Has started all operations of the run."""
            s.require_at(j, "iterating")
            s.require(s.last[j] < s.at, "past the run", location=True)
            s.low[j] = s.first_of[j]
            s.last[j] = s.last_of[j]
            s.at = 0
            s.in_hand[j] = False
            unlink(s, j, world)
            s.go(j, "loop")

    def body(self, s: State, j: Expr) -> None:
        """Come to where the loop looks what is to do: past its wait for writes, and its pause point."""
        self._at_head(s, j, resumed=True)
        s.require(~s.to_pause, "is not to pause")
        self._past_writes(s, j)

    def goes_on(self, s: State, j: Expr, b: Expr, e: Expr) -> None:
        """Come to the piece of the run from b to e."""
        s.require_at(j, "iterating", "full")
        wait_parked(s, j)
        s.require(BACKGROUND.holds(s, j), "the background", location=True)
        s.require((s.at == b) & (b <= e) & (e <= s.last[j]), "in the run", location=True)

    def takes(self, s: State, j: Expr, o: Expr, b: Expr, e: Expr, world: World) -> None:
        """Take operation o for the piece of the run from b to e."""
        self.goes_on(s, j, b, e)
        s.require(OPERATIONS.holds(s, o), "an operation", location=True)
        s.require(s.is_at(o, "unused"), "not in use")
        next_ = forall(Request, lambda p: s.before[p, o].implies(~s.is_at(p, "unused")))
        s.require(next_, "the first of them", location=True)
        s.in_hand[o] = True
        append(s, o, world)
        s.go(j, "iterating")

    def _at_head(self, s: State, j: Expr, *, resumed: bool = False) -> None:
        places = ("loop", "slot", "paused") if resumed else ("loop", "slot")
        s.require_at(j, *places)

    def _past_writes(self, s: State, j: Expr) -> None:
        if self.waits_for_writes:
            copied = exists(Request, lambda q: s.within(q, ACTIVE))
            s.require(s.is_at(j, "paused") | ~_at_head(s, j) | ~copied, "no write is being copied")

    def _pauses(self, s: State, j: Expr) -> None:
        """Come to a pause point: at the head of the loop, or with a chunk chosen and no conflict there."""
        s.require_at(j, "loop", "slot", "busy-chunk", "stopping")
        self._past_writes(s, j)
        s.require(
            ~(s.is_at(j, "busy-chunk") & self._busy(s, *self._unit(s, s.low[j], s.low[j]))), "no conflict"
        )

    def _chooses(self, s: State, j: Expr, c: Expr, *, resumed: bool = False) -> None:
        """Choose chunk c, or have chosen it before."""
        before = ("busy-chunk", "stopping", "chosen") if resumed and not self.looks_again else ("busy-chunk",)
        s.require_at(j, "loop", "slot", "paused", *before)
        s.require((s.low[j] == c) | ~s.is_at(j, *before), "its chunk", location=True)
        s.require(s.is_at(j, *before) | s.dirty[c] & ~s.to_pause & ~self.needs_slot(s), "a dirty chunk")
        self._past_writes(s, j)

    def _unit(self, s: State, c: Expr, e: Expr) -> tuple[Expr, Expr]:
        """Return what is taken for chunks c to e: these, or the clusters that are to be written whole."""
        return self._rounded(s, c, e) if self.claims_clusters else (c, e)

    def _rounded(self, s: State, c: Expr, e: Expr) -> tuple[Expr, Expr]:
        """Return what is copied for chunks c to e: whole clusters where one has not been written yet.

        QEMU looks at both ends and rounds both if one needs it: it may take what lies before its run, or
        what the last operation has.
        """
        first, final = ~s.written[c], ~s.written[e]
        if not self.rounds_each_end:
            first = final = first | final
        return If(s.rounds & first, s.lowest[c], c), If(s.rounds & final, s.highest[e], e)

    def _more(self, s: State, c: Expr, d: Expr) -> Expr:
        """Tell whether chunk d prolongs the run from c, if it is next to it."""
        low, last = self._unit(s, c, d)
        fits = ~s.counted | (s.amount[low, last] != nobody(Level))
        low, last = self._unit(s, d, d)
        return s.dirty[d] & ~self._busy(s, low, last) & s.joins[d] & fits

    def _busy(self, s: State, low: Expr, last: Expr) -> Expr:
        return exists(Chunk, lambda d: (low <= d) & (d <= last) & s.in_flight[d])

    def claims(self, parts: Parts) -> Iterator[Claim]:
        """Say what it has chosen, and that it takes whole clusters."""
        yield claim("a run has only begun, or is past its first chunk", Request)(
            lambda s, j: s.is_at(j, "iterating", "full").implies(s.low[j] <= s.at)
        )
        yield claim("who waits for a slot has a part of its run left", Request)(
            lambda s, j: s.is_at(j, "full").implies(s.at <= s.last[j])
        )
        yield claim("chunks of one cluster of the target are written together", Chunk, Chunk)(
            lambda s, c, d: (s.lowest[c] == s.lowest[d]).implies(s.written[c] == s.written[d])
        )
        yield claim(
            "what the background copies of a cluster that is not written is all of it", Request, Chunk
        )(
            lambda s, q, c: (~WRITES.holds(s, q) & holds(s, q, c) & s.rounds & ~s.written[c]).implies(
                holds(s, q, s.lowest[c]) & holds(s, q, s.highest[c])
            )
        )
        if not self.looks_again:
            yield claim("the background is not paused", Request)(
                lambda s, j: ~s.to_pause & ~s.is_at(j, "paused", "stopping", "chosen")
            )
        if not parts.the(Operations).first_of_list:
            yield claim("who wants a slot waits for an operation in flight", Request, Request)(
                lambda s, j, q: (s.is_at(j, "full") & (s.waiting_for[j] == q)).implies(s.within(q, STARTED))
            )

    def levels(self, parts: Parts) -> Iterator[Stage]:
        """Yield the background where it looks what is to do, and where it does it."""
        yield Stage(
            "the background",
            "before it takes a chunk it waits for operations on the list; nobody waits for it",
            lambda s, j: s.is_at(j, *_HEAD, *_CHOICE),
        )
        yield Stage(
            "a run of the background",
            "it waits for operations in flight, for a slot",
            lambda s, j: s.is_at(j, "iterating", "full"),
        )

    def landmarks(self, parts: Parts) -> Iterator[Landmark]:
        """Yield where a run of dirty chunks ends, whose last one it may choose, and the run chosen."""

        def past(s: State, j: Expr, k: Expr) -> Expr:
            behind = exists(Chunk, lambda c: (c < k) & s.dirty[c])
            return s.is_at(j, *_HEAD) & behind & ((k == nobody(Chunk)) | ~s.dirty[k])

        def past_chosen(s: State, j: Expr, k: Expr) -> Expr:
            ends = (k == nobody(Chunk)) | ~self._more(s, s.low[j], k)
            return s.is_at(j, *_CHOICE) & (s.low[j] < k) & ends

        yield Landmark("the end of a dirty run", Chunk, past)
        yield Landmark("the end of the run that is chosen", Chunk, past_chosen)

    def needs_slot(self, s: State) -> Expr:
        """Tell whether an operation must end first."""
        no_buffer = ~exists(Level, lambda level: level < s.free)
        return no_slot(s) | no_buffer | (~some_dirty(s) & in_flight(s))


def no_slot(s: State) -> Expr:
    """Tell whether all slots are taken by operations in flight."""
    return forall(Request, lambda o: OPERATIONS.holds(s, o).implies(s.within(o, STARTED)))


_HEAD = ("loop", "slot", "paused")
_CHOICE = ("busy-chunk", "stopping", "chosen")


def _at_head(s: State, j: Expr) -> Expr:
    return s.is_at(j, "loop", "slot")
