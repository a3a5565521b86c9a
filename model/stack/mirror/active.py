"""A guest's write in the mirror's filter: copied to the target before it returns, or not.

Source: block/mirror.c bdrv_mirror_top_do_write, active_write_prepare, mirror_wait_on_conflicts,
do_sync_target_write, active_write_settle.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from cowpath.model.language.claim import Claim, Level, claim
from cowpath.model.language.expression import Expr, If, coerce, exists
from cowpath.model.language.sorts import BOOL
from cowpath.model.language.system import State, System
from cowpath.model.stack.mirror.start import Start
from cowpath.model.stack.mirror.target import fill
from cowpath.model.stack.mirror.world import (
    ACTIVE,
    LIST,
    LISTED,
    OWNS,
    PARKED,
    UNCOPIED,
    WRITES,
    Chunk,
    Request,
    Sector,
    World,
    append,
    first,
    has,
    held,
    left,
    meet,
    park,
    same,
    some_dirty,
    unlink,
    wait_parked,
    woken,
)
from cowpath.model.stack.mirror.zero_bitmap import ZeroBitmap, data
from cowpath.model.stack.part import Part, Parts

_TOP = "block/mirror.c bdrv_mirror_top_do_write"
_SYNC = "block/mirror.c do_sync_target_write"


@dataclass(frozen=True)
class ActiveWrites(Part):
    """The filter's write path.

    `skips_parked`: an operation that is itself parked on a conflict is nobody's conflict (6.1).
    `resets_outward`: what a copied write touches of a dirty chunk makes the chunk clean (3.0 - 4.0); else
    only whole chunks become so, and a ragged end in a dirty chunk is left to the background. `marks`: who
    marks dirty what is not copied: "source", the bitmap on the source, always (3.0 - 4.1); "mode", the same,
    which is disabled where writes are copied (4.2 - 8.1); "filter", the filter itself, where it sees the job
    (8.2).

    Of the repair: `cleans_first`: whole chunks become clean before the source is written; `marks_until_seen`:
    what is not copied is marked as soon as there is a job; `spares_new_clusters`: a cluster that the target
    has not yet, and that the write does not fill, is left to the background.
    """

    skips_parked: bool = False
    resets_outward: bool = False
    marks: str = "mode"
    cleans_first: bool = False
    marks_until_seen: bool = False
    spares_new_clusters: bool = False

    def declare(self, system: System, parts: Parts) -> None:
        """Declare where a write is."""
        pc = system.programs["pc"]
        pc.place(
            "conflict", "waiting for a conflicting operation", of=WRITES, within=(LISTED, ACTIVE, PARKED)
        )
        copied = (LISTED, ACTIVE, OWNS)
        pc.place("claimed", "about to write the source, its bits set", of=WRITES, within=copied)
        pc.place("wrote-source", "back from the source", of=WRITES, within=copied)
        pc.place("cleaned", "about to write the target", of=WRITES, within=copied)
        pc.place("settling", "about to leave", of=WRITES, within=copied)
        pc.place("source-failed", "about to leave, the source not written", of=WRITES, within=copied)
        pc.place("target-failed", "about to leave, the target not written", of=WRITES, within=copied)
        pc.place("passing", "about to write the source, not to be copied", of=WRITES, within=(UNCOPIED,))
        pc.place("passed", "back from the source, not copied", of=WRITES, within=(UNCOPIED,))
        system.variable("cut", Request, Chunk, internal=True)  # left to the background

    def act(self, system: System, parts: Parts) -> None:
        """Add the write path."""
        start, world, zeroes = parts.the(Start), parts.the(World), parts.find(ZeroBitmap)

        def arrives(s: State, r: Expr) -> Expr:
            return s.is_at(r, "idle") & WRITES.holds(s, r)

        def decides(s: State, r: Expr) -> None:
            """A newcomer is queued while the source is drained, and decides whether to copy."""
            arriving = arrives(s, r)
            s.require(~(arriving & s.drained), "the source is not drained")
            copied = start.seen(s) & s.copying_writes & ~s.over
            s.require(~arriving | copied, "is to be copied")
            s.crashed = s.crashed | (arriving & start.unready(s))

        @system.action("write.enter", r=Request, source=f"{_TOP}, active_write_prepare")
        def enter(s: State, r: Expr) -> None:
            """Meets no operation in flight: its chunks' bits are set."""
            s.require(arrives(s, r) | s.is_at(r, "conflict"), "arrives or at conflict", location=True)
            decides(s, r)
            wait_parked(s, r)
            s.require(~bits(s, r), "no bit of its chunks is set")
            for c in s.each(Chunk):
                s.in_flight[c] = s.in_flight[c] | has(s, r, c)
            if self.cleans_first:
                for c in s.each(Chunk):
                    s.dirty[c] = s.dirty[c] & ~s.whole[r, c]
            append(s, r, world)
            s.in_hand[r] = True
            s.go(r, "claimed")

        @system.action(
            "write.enter.park",
            r=Request,
            q=Request,
            says="waits for {q} on the operations in flight",
            source="block/mirror.c mirror_wait_on_conflicts",
        )
        def parks(s: State, r: Expr, q: Expr) -> None:
            awake = s.is_at(r, "conflict") & woken(s, r)
            s.require(arrives(s, r) | awake, "arrives or woken at conflict", location=True)
            decides(s, r)
            s.require(bits(s, r), "a bit of its chunks is set")
            s.require(self.conflict(s, r, q, world), f"conflict on {LIST.name}")
            append(s, r, world)
            s.in_hand[r] = True
            park(s, r, q, "conflict")

        @system.action("write.pass", r=Request, source=_TOP)
        def passes(s: State, r: Expr) -> None:
            """Is not to be copied."""
            s.require(arrives(s, r), "arrives", location=True)
            s.require(~s.drained, "the source is not drained")
            s.require(~(start.seen(s) & s.copying_writes), "is not to be copied")
            s.require(~s.over, "the mirror is there")
            s.crashed = s.crashed | start.missing(s)
            s.in_hand[r] = True
            s.go(r, "passing")

        @system.action("write.after", r=Request, source="block/mirror.c mirror_exit_common")
        def after(s: State, r: Expr) -> None:
            """Goes to the target, which is the guest's disk by now."""
            s.require(arrives(s, r), "arrives", location=True)
            s.require(s.over, "the mirror is over")
            s.go(r, "done")

        @system.action("write.source", r=Request, source=_TOP)
        def source(s: State, r: Expr) -> None:
            """Writes the source."""
            s.require_at(r, "claimed", "passing")
            s.write_to(
                "source", Sector, lambda x: s.covers[r, x], lambda x: data(s, r, zeroes), fails="source-write"
            )
            s.go(r, If(s.is_at(r, "claimed"), s.place(r, "wrote-source"), "passed"))

        @system.action("write.source.fail", r=Request, source=_TOP)
        def source_fails(s: State, r: Expr) -> None:
            """Fails to write the source."""
            s.require_at(r, "claimed", "passing")
            s.fails("source-write", "the write fails")
            s.go(r, If(s.is_at(r, "claimed"), s.place(r, "source-failed"), "passed"))

        def leaves(s: State, r: Expr, c: Expr) -> Expr:
            """Leave chunk c, touched in part and dirty, to the background."""
            if self.resets_outward:
                return coerce(False, BOOL)
            ragged = has(s, r, c) & ~s.whole[r, c] & s.dirty[c]
            return ragged | spared(s, r, c) if self.spares_new_clusters else ragged

        def spared(s: State, r: Expr, c: Expr) -> Expr:
            """Leave chunk c, of a cluster that the target has not yet and that the write does not fill."""
            partly = exists(Chunk, lambda d: (s.lowest[d] == s.lowest[c]) & ~s.whole[r, d])
            return has(s, r, c) & s.fills & ~s.in_target[c] & partly

        @system.action("write.clean", r=Request, source=_SYNC)
        def clean(s: State, r: Expr) -> None:
            """Makes its chunks clean."""
            s.require_at(r, "wrote-source")
            for c in s.each(Chunk):
                reset = has(s, r, c) if self.resets_outward else s.whole[r, c]
                kept = s.dirty[c] if self.cleans_first else s.dirty[c] & ~reset
                s.dirty[c] = kept | spared(s, r, c) if self.spares_new_clusters else kept
            if self.spares_new_clusters:
                s.actively_synced = s.actively_synced & ~exists(Chunk, lambda c: spared(s, r, c))
            for c in s.each(Chunk):
                s.cut[r, c] = leaves(s, r, c)
            some = exists(Chunk, lambda c: has(s, r, c) & ~leaves(s, r, c))
            s.go(r, If(some, s.place(r, "cleaned"), "settling"))

        def writes(s: State, r: Expr, x: Expr) -> Expr:
            return s.covers[r, x] & ~s.cut[r, s.chunk_of[x]]

        @system.action("write.target", r=Request, source=_SYNC)
        def target(s: State, r: Expr) -> None:
            """Writes the target."""
            s.require_at(r, "cleaned")
            mine = data(s, r, zeroes)
            if zeroes is not None:
                s.require(~zeroes.skips(s, r), "is not known to be there")
                zeroes.written(s, r)
            s.write_to("target", Sector, lambda x: writes(s, r, x), lambda x: mine, fails="target-write")

            def overtakes(x: Expr) -> Expr:
                """The same other write is the last on both disks: this one was first on the source."""
                last = exists(Request, lambda q: (s.target[x] == q) & s.mirrored[q] & (q != mine))
                return writes(s, r, x) & last & (s.source[x] == s.target[x])

            s.misordered[r] = s.misordered[r] | exists(Sector, overtakes)
            s.mirrored[r] = True
            fill(s, lambda x: writes(s, r, x))
            s.go(r, "settling")

        @system.action("write.target.fail", r=Request, source=_SYNC)
        def target_fails(s: State, r: Expr) -> None:
            """Fails to write the target."""
            s.require_at(r, "cleaned")
            if zeroes is not None:
                s.require(~zeroes.skips(s, r), "is not known to be there")
                zeroes.written(s, r, fails=True)
            s.fails("target-write", "the write fails")
            s.go(r, "target-failed")

        @system.action("write.settle", r=Request, source="block/mirror.c active_write_settle")
        def settle(s: State, r: Expr) -> None:
            """Releases its chunks and leaves the list; if its write has failed, they are dirty again."""
            s.require_at(r, "settling", "source-failed", "target-failed")
            unwritten = s.is_at(r, "source-failed")
            failed = s.is_at(r, "target-failed")
            failed = failed | unwritten if self.cleans_first else failed
            marks = failed | unwritten if self.marks == "source" else failed
            alone = ~exists(Request, lambda q: (q != r) & s.within(q, ACTIVE))
            s.crashed = s.crashed | (alone & s.actively_synced & ~failed & (some_dirty(s) | marks))
            for c in s.each(Chunk):
                s.dirty[c] = s.dirty[c] | (marks & has(s, r, c))
            s.actively_synced = s.actively_synced & ~failed
            for c in s.each(Chunk):
                s.in_flight[c] = s.in_flight[c] & ~has(s, r, c)
            for c in s.each(Chunk):
                s.cut[r, c] = False
            s.in_hand[r] = False
            unlink(s, r, world)
            s.go(r, "done")

        @system.action("write.mark", r=Request, source=_TOP)
        def mark(s: State, r: Expr) -> None:
            """Returns, not copied; its chunks are dirty if the release says so."""
            s.require_at(r, "passed")
            marked = self._marks(s, start)
            for c in s.each(Chunk):
                s.dirty[c] = s.dirty[c] | (marked & has(s, r, c))
            if self.marks == "filter":
                s.actively_synced = s.actively_synced & ~marked
            s.in_hand[r] = False
            s.go(r, "done")

    def claims(self, parts: Parts) -> Iterator[Claim]:
        """Say whom a write waits for, and what of its chunks is the same on both disks at each place."""
        if self.skips_parked:
            yield claim("a write waits for nobody that waits for a conflict itself", Request, Request)(
                lambda s, r, q: (s.is_at(r, "conflict") & (s.waiting_for[r] == q)).implies(
                    ~s.is_at(q, "conflict")
                )
            )
        if not self.resets_outward:
            yield from self._equality(parts.find(ZeroBitmap))

    def _equality(self, zeroes: ZeroBitmap | None) -> Iterator[Claim]:
        if not self.cleans_first:
            yield claim("the mode is as it was at the start")(lambda s: s.copying_writes == s.blocking)
            yield claim("writes are copied where that is the mode", Request)(
                lambda s, r: s.within(r, ACTIVE).implies(s.copying_writes)
            )
            yield claim("writes are not copied only where that is the mode", Request)(
                lambda s, r: s.within(r, UNCOPIED).implies(~s.copying_writes)
            )
            yield claim("a write that is back from the source is the last there", Request, Sector)(
                lambda s, r, x: (s.is_at(r, "wrote-source", "cleaned") & s.covers[r, x]).implies(
                    s.source[x] == data(s, r, zeroes)
                )
            )
        else:
            yield claim("what a write has written of the source is its own there, or left", Request, Sector)(
                lambda s, r, x: (s.is_at(r, "wrote-source", "cleaned") & s.covers[r, x]).implies(
                    left(s, s.chunk_of[x]) | (s.source[x] == data(s, r, zeroes))
                )
            )
        yield claim("what is clean and held by nobody is the same on both disks", Sector)(
            lambda s, x: (s.begun & ~held(s, s.chunk_of[x])).implies(left(s, s.chunk_of[x]) | same(s, x))
        )

        def claims(name: str, place: str, or_: Callable[[State, Expr, Expr], Expr] | None = None) -> Claim:
            def body(s: State, r: Expr, x: Expr) -> Expr:
                known = left(s, s.chunk_of[x]) | same(s, x)
                if or_ is not None:
                    known = known | or_(s, r, x)
                return (s.begun & s.is_at(r, place) & has(s, r, s.chunk_of[x])).implies(known)

            return claim(name, Request, Sector)(body)

        if self.cleans_first:
            yield claims(
                "what a write is to make the same is the same, or left, or wholly its own",
                "claimed",
                lambda s, r, x: s.whole[r, s.chunk_of[x]],
            )
        else:
            yield claims("what a write is to make the same is the same, or left", "claimed")
            yield claims("where it has failed to write the source, too", "source-failed")
        yield claims(
            "when it has written the source that is the same, or left, or its own there",
            "wrote-source",
            lambda s, r, x: s.covers[r, x] & (s.source[x] == data(s, r, zeroes)),
        )
        yield claims(
            "when it is to write the target that is the same, or left, or what it writes",
            "cleaned",
            lambda s, r, x: s.covers[r, x] & ~s.cut[r, s.chunk_of[x]] & (s.source[x] == data(s, r, zeroes)),
        )
        yield claims("when it has written the target that is the same, or left", "settling")
        yield claim("what a write leaves to the background is dirty", Request, Chunk)(
            lambda s, r, c: s.cut[r, c].implies(
                s.is_at(r, "cleaned", "settling", "target-failed") & has(s, r, c) & s.dirty[c]
            )
        )
        if self.spares_new_clusters:
            yield claim(
                "a new cluster that a write does not leave to the background it fills", Request, Chunk, Chunk
            )(
                lambda s, r, c, d: (
                    s.is_at(r, "cleaned")
                    & has(s, r, c)
                    & ~s.cut[r, c]
                    & s.fills
                    & ~s.in_target[c]
                    & (s.lowest[c] == s.lowest[d])
                ).implies(s.whole[r, d] & ~s.cut[r, d])
            )

    def levels(self, parts: Parts) -> Iterator[Level]:
        """Yield writes that have not begun, and those that have met another operation."""
        yield Level(
            "new writes",
            "a write waits until the source is no longer drained; nobody waits for a write that comes",
            lambda s, r: WRITES.holds(s, r) & s.is_at(r, "idle"),
        )
        yield Level(
            LIST.name,
            "a write that finds a chunk's bit set waits for an operation that meets it and does not wait so "
            "itself",
            lambda s, r: s.is_at(r, "conflict"),
        )

    def _marks(self, s: State, start: Start) -> Expr:
        if self.marks == "filter":
            return s.born if self.marks_until_seen else start.seen(s)
        return s.born if self.marks == "source" else s.born & ~s.copying_writes

    def conflict(self, s: State, r: Expr, q: Expr, world: World) -> Expr:
        """Tell whether r, some bit of whose chunks is set, parks on q."""
        return first(s, world, q, lambda p: self._in_the_way(s, r, p))

    def _in_the_way(self, s: State, r: Expr, q: Expr) -> Expr:
        met = (q != r) & meet(s, r, q)
        return met & ~s.is_at(q, "conflict") if self.skips_parked else met

    def asserts(self, s: State) -> Iterator[Expr]:
        """Yield that nothing has died, and that who finds a bit set finds an operation to wait for.

        If not, QEMU looks for ever.
        """
        yield ~s.crashed

        def spins(r: Expr) -> Expr:
            looks = s.is_at(r, "conflict") & woken(s, r)
            return (
                looks
                & bits(s, r)
                & ~exists(Request, lambda q: s.within(q, LISTED) & self._in_the_way(s, r, q))
            )

        yield ~exists(Request, spins)


def bits(s: State, r: Expr) -> Expr:
    """Tell whether some chunk of r's range has its bit set."""
    return exists(Chunk, lambda c: has(s, r, c) & s.in_flight[c])
