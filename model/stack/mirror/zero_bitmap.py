"""The zero bitmap: which chunks of the target read as zeroes, so that no zeroes need be written there (10.1).

A copy clears the bits of what it was asked to copy, a write of zeroes sets those of whole chunks, and where
all bits are set the target is not written. At the start all are set if the target reads as zeroes, which it
does where what is behind it is not open yet; that comes to be seen again when the job ends. Elsewhere none
is set here: that QEMU zeroes a new target of sync=full first is not modelled.

A guest's writes of zeroes all have the data of the first of them: who reads zeroes cannot tell whose.
Source: block/mirror.c mirror_dirty_init, mirror_perform, mirror_co_zero, do_sync_target_write, 10.1
(7e277545b9).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from cowpath.model.language.claim import Claim, claim
from cowpath.model.language.expression import Expr, If, coerce, exists, forall
from cowpath.model.language.sorts import BOOL
from cowpath.model.language.system import State, System
from cowpath.model.stack.mirror.target import fill
from cowpath.model.stack.mirror.world import LISTED, OPERATIONS, STARTED, Chunk, Request, Sector, has, left
from cowpath.model.stack.part import Part, Parts

_ZERO = "block/mirror.c mirror_co_zero, 10.1"


@dataclass(frozen=True)
class ZeroBitmap(Part):
    """Which chunks of the target read as zeroes, as the job knows.

    Of the repair: `checks_range`: zeroes that touch no end of a chunk set no bit, where QEMU dies of a range
    that ends before it begins; `heeds_backing`: where what is behind the target is not open, no bit is set at
    the start.
    """

    checks_range: bool = False

    heeds_backing: bool = False

    def declare(self, system: System, parts: Parts) -> None:
        """Declare the bits, and where an operation is that writes zeroes."""
        system.parameter("within_chunk", Request)  # it touches no end of a chunk
        system.parameter("zero_data", sort=Request)  # whose data zeroes are

        def known(s: State, c: Expr) -> Expr:
            return coerce(False, BOOL) if self.heeds_backing else s.fills

        system.variable("zero", Chunk, initial=known, called="is known to be zero in the target")
        system.programs["pc"].place(
            "zeroing", "about to write zeroes to the target", of=OPERATIONS, within=(LISTED, STARTED)
        )

    def act(self, system: System, parts: Parts) -> None:
        """Add an operation's write of zeroes, which the background starts, and a guest's that is skipped."""

        @system.action("copy.zero", o=Request, source=_ZERO)
        def writes(s: State, o: Expr) -> None:
            """Writes zeroes to the target."""
            s.require_at(o, "zeroing")
            s.write_to("target", Sector, lambda x: has(s, o, s.chunk_of[x]), lambda x: s.zero_data)
            for c in s.each(Chunk):
                s.zero[c] = s.zero[c] | has(s, o, c)
            fill(s, lambda x: has(s, o, s.chunk_of[x]))
            s.go(o, "copied")

        @system.action("write.target.skip", r=Request, source="block/mirror.c do_sync_target_write, 10.1")
        def skips_write(s: State, r: Expr) -> None:
            """Knows that the target has zeroes there: writes nothing."""
            s.require_at(r, "cleaned")
            s.require(self.skips(s, r), "zeroes, where the target is known to be zero")
            recognise(s, lambda x: s.covers[r, x] & ~s.cut[r, s.chunk_of[x]])
            s.mirrored[r] = True
            s.go(r, "settling")

    def claims(self, parts: Parts) -> Iterator[Claim]:
        """Say that what counts as zero is, and what an operation that writes zeroes finds in the source."""
        yield claim("what is known to be zero in the target is", Sector)(
            lambda s, x: (~s.fills & s.zero[s.chunk_of[x]]).implies(
                ~s.stale[x] & (s.target[x] == s.zero_data)
            )
        )
        yield claim("nothing that an operation is to copy is known to be zero", Request, Chunk)(
            lambda s, o, c: (~s.fills & s.is_at(o, "short", "reading", "read") & has(s, o, c)).implies(
                ~s.zero[c]
            )
        )
        yield claim("what is to be zeroed is zero in the source, or left", Request, Sector)(
            lambda s, o, x: (s.is_at(o, "zeroing") & has(s, o, s.chunk_of[x])).implies(
                left(s, s.chunk_of[x]) | (s.source[x] == s.zero_data)
            )
        )

    def finds(self, s: State, b: Expr, e: Expr) -> Expr:
        """Require that the source has zeroes from b to e, which are whole clusters of the target.

        Return whether they are known to be in the target, too.
        """
        whole = (s.lowest[b] == b) & (s.highest[e] == e)
        zeroes = forall(Sector, lambda x: within(s, x, b, e).implies(s.source[x] == s.zero_data))
        s.require(whole & zeroes & is_zero(s, s.zero_data), "whole clusters of zeroes")
        return all_zero(s, lambda c: (b <= c) & (c <= e))

    def skips(self, s: State, r: Expr) -> Expr:
        """Tell whether the target is known to be zero wherever write r writes zeroes."""
        return is_zero(s, r) & all_zero(s, lambda c: has(s, r, c) & ~s.cut[r, c])

    def written(self, s: State, r: Expr, *, fails: bool = False) -> None:
        """Note what a write to the target makes of its chunks: zeroes fill whole ones, data touch any."""
        if not (fails or self.checks_range):
            s.crashed = s.crashed | (is_zero(s, r) & s.within_chunk[r])
        for c in s.each(Chunk):
            here = has(s, r, c) & ~s.cut[r, c]
            filled = s.zero[c] if fails else s.zero[c] | (here & s.whole[r, c])
            s.zero[c] = If(is_zero(s, r), filled, s.zero[c] & ~here)

    def copies(self, s: State, b: Expr, e: Expr) -> None:
        """Clear the bits of what is to be copied, not of the clusters to which that is rounded."""
        for c in s.each(Chunk):
            s.zero[c] = s.zero[c] & ~((b <= c) & (c <= e))


def data(s: State, r: Expr, zeroes: ZeroBitmap | None) -> Expr:
    """Return whose data write r has: its own, but of zeroes the first one's."""
    return r if zeroes is None else If(is_zero(s, r), s.zero_data, r)


def is_zero(s: State, r: Expr) -> Expr:
    """Tell whether r writes zeroes."""
    return s.kind[r] == "guest-zero"


def all_zero(s: State, here: Callable[[Expr], Expr]) -> Expr:
    """Tell whether all these chunks of the target are known to be zero."""
    return ~exists(Chunk, lambda c: here(c) & ~s.zero[c])


def within(s: State, x: Expr, b: Expr, e: Expr) -> Expr:
    """Tell whether sector x lies in the chunks from b to e."""
    return (b <= s.chunk_of[x]) & (s.chunk_of[x] <= e)


def recognise(s: State, here: Callable[[Expr], Expr]) -> None:
    """Call zeroes what is zero in the target because a write was filled with them."""
    for x in s.each(Sector):
        zero = here(x) & s.fills & s.stale[x] & s.in_target[s.chunk_of[x]]
        s.target[x] = If(zero, s.zero_data, s.target[x])
        s.stale[x] = s.stale[x] & ~zero
