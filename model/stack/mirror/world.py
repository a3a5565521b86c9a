"""The state of a mirror job, and the words in which its rules are written.

    guest -> mirror's filter -> source
                     \\
    background ------> target

The guest's writes pass the filter, which copies them to the target before they return (active writes), or
does not. The background, the job's own coroutine, looks for dirty chunks and lets operations of its own copy
them. All of them, the user's commands too, are elements of `Request`: whoever steps and waits is a
coroutine. The operations are allotted beforehand, as many as the model has chunks that may be dirty, for
QEMU's 16.

Data are named by who wrote them: "nobody" is what the source held at the start. `stale` tells of a sector of
the target that it holds something else there, from before the job or because a write made it be filled.

Grain: one action is one atomic step of a coroutine, as everywhere here. What an operation is parked on is in
the state; who stands before whom in the list is where that can matter.
Source: block/mirror.c MirrorBlockJob, MirrorOp.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import reduce
from operator import or_

from cowpath.model.language.claim import Claim, claim
from cowpath.model.language.expression import Expr, If, Operand, exists, nobody
from cowpath.model.language.program import Group, Region
from cowpath.model.language.sorts import Enum, Index, Maybe, Position
from cowpath.model.language.system import List, State, System
from cowpath.model.scenarios.vocabulary import BUNDLED, MIRROR_FAULTS, MIRROR_OPTIONS, MIRROR_WRITES
from cowpath.model.stack.part import Part, Parts

Request = Index("Request", ordered=False)
Sector = Index("Sector", ordered=True)
Chunk = Index("Chunk", ordered=True)
Level = Index("Level", ordered=True)
"""How many chunks of buffer are free: 0, 1, ..."""

JOB, OPERATION = "background", "operation"

# What an owner has at which places.
LISTED = Region("with an operation on the job's list")
PARKED = Region("parked, or woken and not yet running")
ACTIVE = Region("a guest's write that is copied, from its entry in the list to its end")
OWNS = Region("a guest's write whose chunks' bits are set")
UNCOPIED = Region("a guest's write that is not copied")
STARTED = Region("a background operation in flight")
BODY = Region("the background past its pause point, about to look what is to do")


def _writes(s: State, r: Expr) -> Expr:
    return reduce(or_, (s.kind[r] == kind for kind in MIRROR_WRITES))


WRITES = Group("a guest's writes", _writes)
BACKGROUND = Group("the background", lambda s, r: s.kind[r] == JOB)
OPERATIONS = Group("background operations", lambda s, r: s.kind[r] == OPERATION)
USERS = Group(
    "the user's commands",
    lambda s, r: ~(_writes(s, r) | (s.kind[r] == JOB) | (s.kind[r] == OPERATION)),
)

LIST = List("the operations in flight", "an operation on {range}", lambda s, q: s.within(q, LISTED))
"""What conflicts, slots and buffers are waited for on: one operation's queue."""
DRAIN = List(
    "requests inside the filter (drain)",
    "its write under way",
    lambda s, q: s.within(q, ACTIVE, UNCOPIED),
)


@dataclass(frozen=True)
class World(Part):
    """The disks, the bitmaps, who there is, and the scenario's own step.

    `ordered`: who stands before whom in the list is in the state; it matters where one waits for who may be
    parked itself (3.0 - 6.0), and not where everybody waits for who can go on.
    """

    ordered: bool = False

    @property
    def faults(self) -> tuple[str, ...]:
        """Each of a write's two transfers may fail."""
        return MIRROR_FAULTS

    @property
    def kinds(self) -> tuple[str, ...]:
        """A guest's writes, discards and zeroes, which are all alike unless a part of its own says not."""
        return MIRROR_WRITES

    def declare(self, system: System, parts: Parts) -> None:
        """Declare the instance's tables, the disks and bitmaps, and where everybody is."""
        words = BUNDLED.extended(
            (kind for part in parts for kind in part.kinds), MIRROR_FAULTS, MIRROR_OPTIONS
        )
        system.parameter("kind", Request, sort=Enum("Kind", (*words.kinds, JOB, OPERATION)))
        system.faults_of(Request, Enum("Fault", words.faults))
        system.parameter("stream", Request)  # when it is over the next of its kind may come
        system.parameter("covers", Request, Sector)
        system.parameter("whole", Request, Chunk)  # the write covers the chunk, and the chunk is a full one
        system.parameter("chunk_of", Sector, sort=Chunk)
        system.parameter("first_of", Request, sort=Chunk)  # the chunks that a write touches: the first ...
        system.parameter("last_of", Request, sort=Chunk)  # ... and the last
        system.parameter("allocated", Chunk)  # to be copied when the job starts
        system.parameter("joins", Chunk)  # is next to the one before it on the disk, too
        system.parameter("lowest", Chunk, sort=Chunk)  # of the chunks in the same cluster of the target
        system.parameter("highest", Chunk, sort=Chunk)
        system.parameter("rounds")  # the background writes whole clusters of the target where none is yet
        system.parameter("fills")  # what a write leaves of a new cluster of the target is filled, wrongly
        system.parameter("blocking")  # the mode at the start
        system.parameter("before", Request, Request)  # in the order in which operations are taken
        system.parameter("counted")  # the buffers, for there are not enough for all
        system.parameter("buffers", sort=Level)
        system.parameter("amount", Chunk, Chunk, sort=Position(Level))  # for these chunks; the end: too much
        system.parameter("taken", Level, Level, sort=Position(Level))  # what is left; the end: too few
        system.parameter("given", Level, Level, sort=Position(Level))  # what there is with these
        system.parameter("requests_at_start")

        def data(name: str, *indices: Index, internal: bool = False, called: str = "") -> None:
            unset = "original data"
            system.variable(
                name, *indices, sort=Maybe(Request), unset=unset, internal=internal, called=called
            )

        pc = system.program(Request, start="idle", ends=("done",), says="not submitted yet")
        pc.place("unused", "not in use", of=OPERATIONS)
        data("source", Sector, called="the source")
        data("target", Sector, called="the target")
        system.variable(
            "stale",
            Sector,
            initial=lambda s, x: s.allocated[s.chunk_of[x]],
            internal=True,
            called="has something else in the target",
        )
        system.variable(
            "dirty",
            Chunk,
            initial=lambda s, c: s.allocated[c] & ~s.requests_at_start,
            called="is dirty",
        )
        system.variable("in_flight", Chunk)
        system.variable("written", Chunk, internal=True)  # its cluster of the target, as the background knows
        system.variable("in_target", Chunk, internal=True)  # its cluster of the target is allocated
        system.variable("copying_writes", initial=lambda s: s.blocking, called="a guest's writes are copied")
        system.variable("ready", called="the job is ready")
        system.variable("actively_synced")
        system.variable("to_complete", called="it is to complete")
        system.variable("to_pause", called="it is to pause")
        system.variable("crashed", called="QEMU has died of an assertion")
        system.variable("born", initial=lambda s: ~s.requests_at_start, internal=True)  # the job
        system.variable("drained", internal=True)  # the source, by the job
        system.variable(
            "begun", initial=lambda s: ~s.requests_at_start, internal=True, called="the job's loop has begun"
        )
        system.variable("over", internal=True)  # the job: the target is the guest's disk
        # Has chunks in hand: an operation on the list, or a write on its way that is not copied.
        system.variable("in_hand", Request, internal=True, called="has chunks in hand")
        system.variable("waiting_for", Request, sort=Maybe(Request), internal=True)
        system.variable("low", Request, sort=Chunk, initial=lambda s, r: s.first_of[r], internal=True)
        system.variable("last", Request, sort=Chunk, initial=lambda s, r: s.last_of[r], internal=True)
        data("buffer", Request, Sector, internal=True)
        if self.ordered:
            system.variable("ahead", Request, Request, internal=True)  # on the list before the other
        # Ghosts, read by properties only.
        system.variable("mirrored", Request, internal=True)  # its own write has reached the target
        system.variable("misordered", Request, called="has reached the disks in another order")

    def act(self, system: System, parts: Parts) -> None:
        """Add the return of a stream's request."""
        system.begins(
            system.programs["pc"],
            lambda s, r: If(
                s.kind[r] == OPERATION,
                s.place(r, "unused"),
                If(
                    s.kind[r] == JOB,
                    If(s.requests_at_start, s.place(r, "unborn"), "loop"),
                    "idle",
                ),
            ),
        )

        @system.action("stream.next", r=Request, source="the scenario's `stream`")
        def following(s: State, r: Expr) -> None:
            """Is followed by the next of its stream."""
            s.require_at(r, "done")
            s.require(s.stream[r], "is of a stream", location=True)
            s.mirrored[r] = False
            s.go(r, "idle")

    def claims(self, parts: Parts) -> Iterator[Claim]:
        """Say who has which range, whom one is parked on, whose the bits are, and what is the same."""
        yield claim("a write keeps its chunks", Request)(
            lambda s, r: WRITES.holds(s, r).implies((s.low[r] == s.first_of[r]) & (s.last[r] == s.last_of[r]))
        )
        yield claim("neither the background nor its operations are where requests begin and end", Request)(
            lambda s, r: s.is_at(r, "idle", "done").implies(
                ~(BACKGROUND.holds(s, r) | OPERATIONS.holds(s, r))
            )
        )
        yield claim("a range is not empty", Request)(lambda s, r: s.low[r] <= s.last[r])
        yield claim("who is parked on another is at a place for that", Request)(
            lambda s, r: (s.waiting_for[r] != nobody(Request)).implies(s.within(r, PARKED))
        )
        yield claim("whom one is parked on is on the list", Request, Request)(
            lambda s, r, q: (s.waiting_for[r] == q).implies(s.within(q, LISTED))
        )
        yield claim("a chunk's bit is set only if somebody holds it", Chunk)(
            lambda s, c: s.in_flight[c].implies(held(s, c))
        )
        yield claim("where any chunk's bit is set somebody is on the list and waits for no conflict")(
            lambda s: exists(Chunk, lambda c: s.in_flight[c]).implies(
                exists(Request, lambda q: s.within(q, LISTED) & ~s.is_at(q, "conflict"))
            )
        )
        yield claim("who holds a chunk has its bit set", Request, Chunk)(
            lambda s, r, c: holds(s, r, c).implies(s.in_flight[c])
        )
        yield claim("no two hold one chunk", Request, Request, Chunk)(
            lambda s, r, q, c: ~((r != q) & holds(s, r, c) & holds(s, q, c))
        )
        yield claim("who is on the list, or writes without being copied, has chunks in hand", Request)(
            lambda s, r: s.in_hand[r] == s.within(r, LISTED, UNCOPIED)
        )
        yield claim("chunks of one cluster of the target are allocated together", Chunk, Chunk)(
            lambda s, c, d: (s.lowest[c] == s.lowest[d]).implies(s.in_target[c] == s.in_target[d])
        )


def has(s: State, r: Expr, c: Expr) -> Expr:
    """Tell whether chunk c is in r's range."""
    return (s.low[r] <= c) & (c <= s.last[r])


def holds(s: State, q: Expr, c: Expr) -> Expr:
    """Tell whether chunk c's bit is q's: of a write that is copied, an operation, what is left of a run."""
    copies = s.within(q, OWNS) | OPERATIONS.holds(s, q) & s.within(q, LISTED)
    rest = BACKGROUND.holds(s, q) & s.within(q, LISTED) & (s.at <= c) & (c <= s.last[q])
    return copies & has(s, q, c) | rest


def held(s: State, c: Expr) -> Expr:
    """Tell whether somebody holds chunk c."""
    return exists(Request, lambda q: holds(s, q, c))


def left(s: State, c: Expr) -> Expr:
    """Tell whether chunk c is left to the background: dirty, or it will be, when a write returns."""
    return s.dirty[c] | exists(Request, lambda q: s.within(q, UNCOPIED) & has(s, q, c))


def same(s: State, x: Expr) -> Expr:
    """Tell whether source and target are the same there."""
    return ~s.stale[x] & (s.source[x] == s.target[x])


def meet(s: State, r: Expr, q: Expr) -> Expr:
    """Tell whether the ranges of two have a chunk in common."""
    return (s.low[r] <= s.last[q]) & (s.low[q] <= s.last[r])


def woken(s: State, r: Expr) -> Expr:
    """Tell whether r, at a place where one parks, is parked on nobody any more."""
    return s.waiting_for[r] == nobody(Request)


def wait_parked(s: State, r: Expr) -> None:
    """Wait for the one on which r is parked, if it is."""
    s.wait_on(LIST, Request, lambda q: s.waiting_for[r] == q)


def park(s: State, r: Expr, q: Expr, place: Operand) -> None:
    """Let r park on q's queue (qemu_co_queue_wait)."""
    s.parks_on(q)
    s.waiting_for[r] = q
    s.go(r, place)


def append(s: State, r: Expr, world: World, when: Expr | None = None) -> None:
    """Put r at the end of the list, if it is not on it yet."""
    if world.ordered:
        for q in s.each(Request):
            comes = ~s.within(r, LISTED) & s.within(q, LISTED)
            s.ahead[q, r] = s.ahead[q, r] | (comes if when is None else comes & when)


def first(s: State, world: World, q: Expr, meets: Callable[[Expr], Expr]) -> Expr:
    """Tell whether q may be the first of those on the list that meet a condition."""
    if not world.ordered:
        return s.within(q, LISTED) & meets(q)
    before = exists(Request, lambda p: s.ahead[p, q] & s.within(p, LISTED) & meets(p))
    return s.within(q, LISTED) & meets(q) & ~before


def unlink(s: State, r: Expr, world: World) -> None:
    """Take r off the list and wake all that are parked on it (qemu_co_queue_restart_all)."""
    for q in s.each(Request):
        s.waiting_for[q] = If(s.waiting_for[q] == r, nobody(Request), s.waiting_for[q])
    if world.ordered:
        for q in s.each(Request):
            s.ahead[r, q] = False


def some_dirty(s: State) -> Expr:
    """Tell whether any chunk is dirty."""
    return exists(Chunk, lambda c: s.dirty[c])


def in_flight(s: State) -> Expr:
    """Tell whether a background operation is in flight."""
    return exists(Request, lambda o: s.within(o, STARTED))
