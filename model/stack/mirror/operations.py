"""Background operations: each copies a few chunks, in a coroutine of its own.

Source: block/mirror.c mirror_perform, mirror_co_read, mirror_read_complete, mirror_iteration_done,
mirror_wait_for_free_in_flight_slot.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from cowpath.model.language.claim import Claim, claim
from cowpath.model.language.claim import Level as Stage
from cowpath.model.language.expression import Expr, If, exists, nobody
from cowpath.model.language.sorts import Position
from cowpath.model.language.system import State, System
from cowpath.model.stack.mirror.target import fill
from cowpath.model.stack.mirror.world import (
    LISTED,
    OPERATIONS,
    PARKED,
    STARTED,
    Chunk,
    Level,
    Request,
    Sector,
    World,
    first,
    has,
    left,
    park,
    same,
    unlink,
    wait_parked,
    woken,
)
from cowpath.model.stack.part import Part, Parts

_READ = "block/mirror.c mirror_co_read"
_SLOT = "block/mirror.c mirror_wait_for_free_in_flight_slot"


@dataclass(frozen=True)
class Operations(Part):
    """What an operation does from its start on.

    `first_of_list`: who wants a slot or buffers waits for the first background operation of the list,
    whether it has begun or not (3.0 - 4.2); else for one in flight.
    """

    first_of_list: bool = False

    def declare(self, system: System, parts: Parts) -> None:
        """Declare where an operation is, and the buffers."""
        pc = system.programs["pc"]
        pc.place("short", "waiting for buffers", of=OPERATIONS, within=(LISTED, PARKED))
        pc.place("reading", "about to read the source", of=OPERATIONS, within=(LISTED, STARTED))
        pc.place("read", "about to write the target", of=OPERATIONS, within=(LISTED, STARTED))
        pc.place("copied", "about to end", of=OPERATIONS, within=(LISTED, STARTED))
        system.variable("needs", Request, sort=Position(Level), initial=0, internal=True)  # buffers
        system.variable("free", sort=Position(Level), initial=lambda s: s.buffers, internal=True)

    def act(self, system: System, parts: Parts) -> None:
        """Add an operation's steps."""
        world = parts.the(World)

        @system.action("copy.begin", o=Request, source=_READ)
        def begin(s: State, o: Expr) -> None:
            """Takes its buffers: is in flight."""
            s.require_at(o, "short")
            wait_parked(s, o)
            s.require(~self.lacks(s, s.needs[o]), "enough buffers are free")
            s.free = s.taken[s.free, s.needs[o]]
            s.go(o, "reading")

        @system.action(
            "copy.park", o=Request, q=Request, says="waits for {q} to give back buffers", source=_SLOT
        )
        def parks(s: State, o: Expr, q: Expr) -> None:
            s.require_at(o, "short")
            s.require(woken(s, o), "woken", location=True)
            s.require(self.lacks(s, s.needs[o]), "too few buffers are free")
            s.require(self.candidate(s, q, world), "the one to wait for")
            park(s, o, q, "short")

        @system.action("copy.read", o=Request, source=_READ)
        def read(s: State, o: Expr) -> None:
            """Reads the source."""
            s.require_at(o, "reading")
            s.read_from("source", Sector, lambda x: has(s, o, s.chunk_of[x]))
            for x in s.each(Sector):
                s.buffer[o, x] = If(has(s, o, s.chunk_of[x]), s.source[x], nobody(Request))
            s.go(o, "read")

        @system.action("copy.write", o=Request, source="block/mirror.c mirror_read_complete")
        def write(s: State, o: Expr) -> None:
            """Writes the target."""
            s.require_at(o, "read")
            s.write_to("target", Sector, lambda x: has(s, o, s.chunk_of[x]), lambda x: s.buffer[o, x])
            for x in s.each(Sector):
                s.buffer[o, x] = nobody(Request)
            fill(s, lambda x: has(s, o, s.chunk_of[x]))
            s.go(o, "copied")

        @system.action("copy.end", o=Request, source="block/mirror.c mirror_iteration_done")
        def end(s: State, o: Expr) -> None:
            """Clears the bits of its chunks and leaves the list."""
            s.require_at(o, "copied")
            for c in s.each(Chunk):
                s.in_flight[c] = s.in_flight[c] & ~has(s, o, c)
                s.written[c] = s.written[c] | (s.rounds & has(s, o, c))
            s.free = s.given[s.free, s.needs[o]]
            s.needs[o] = 0
            s.low[o] = s.first_of[o]
            s.last[o] = s.last_of[o]
            s.in_hand[o] = False
            unlink(s, o, world)
            s.go(o, "unused")

    def lacks(self, s: State, needed: Expr) -> Expr:
        """Tell whether fewer buffers are free than are needed."""
        return (needed == nobody(Level)) | (s.taken[s.free, needed] == nobody(Level))

    def candidate(self, s: State, q: Expr, world: World) -> Expr:
        """Tell whether q is the one to wait for, for who wants a slot or buffers."""
        return first(s, world, q, lambda p: self.counts(s, p))

    def counts(self, s: State, q: Expr) -> Expr:
        """Tell whether q is one of those that may be waited for."""
        return OPERATIONS.holds(s, q) & s.within(q, LISTED) if self.first_of_list else s.within(q, STARTED)

    def claims(self, parts: Parts) -> Iterator[Claim]:
        """Say what an operation has in its buffers."""
        yield claim("an operation that has not read has nothing in its buffers", Request, Sector)(
            lambda s, o, x: (
                (s.is_at(o, "read") & has(s, o, s.chunk_of[x])) | (s.buffer[o, x] == nobody(Request))
            )
        )

        yield claim("what an operation has read is the source, or left", Request, Sector)(
            lambda s, o, x: (s.is_at(o, "read") & has(s, o, s.chunk_of[x])).implies(
                left(s, s.chunk_of[x]) | (s.buffer[o, x] == s.source[x])
            )
        )
        yield claim("what an operation has copied is the same on both disks, or left", Request, Sector)(
            lambda s, o, x: (s.is_at(o, "copied") & has(s, o, s.chunk_of[x])).implies(
                left(s, s.chunk_of[x]) | same(s, x)
            )
        )
        yield claim("what an operation has copied is in the target", Request, Sector)(
            lambda s, o, x: (s.fills & s.is_at(o, "copied") & has(s, o, s.chunk_of[x])).implies(
                s.in_target[s.chunk_of[x]]
            )
        )
        yield claim("what is written is in the target", Sector)(
            lambda s, x: (s.fills & s.written[s.chunk_of[x]]).implies(s.in_target[s.chunk_of[x]])
        )
        yield claim("where no buffers are counted, all of them are free", Request)(
            lambda s, o: (~s.counted).implies(
                (s.free == s.buffers) & (s.needs[o] == 0) & ~s.is_at(o, "short")
            )
        )
        if not self.first_of_list:
            yield claim("who lacks buffers waits for an operation in flight", Request, Request)(
                lambda s, o, q: (s.is_at(o, "short") & (s.waiting_for[o] == q)).implies(s.within(q, STARTED))
            )

    def levels(self, parts: Parts) -> Iterator[Stage]:
        """Yield operations that lack buffers."""
        yield Stage(
            "buffers",
            "an operation that lacks buffers waits for one in flight, which waits for nobody",
            lambda s, o: s.is_at(o, "short"),
        )

    def asserts(self, s: State) -> Iterator[Expr]:
        """Yield what QEMU asserts: nobody needs more buffers than there are; who lacks some finds who has."""

        def alone(o: Expr) -> Expr:
            wants = s.is_at(o, "short") & woken(s, o) & self.lacks(s, s.needs[o])
            return wants & ~exists(Request, lambda q: self.counts(s, q))

        yield ~exists(Request, lambda o: s.is_at(o, "short") & (s.needs[o] == nobody(Level)))
        yield ~exists(Request, alone)
