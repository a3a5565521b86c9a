"""The state of a secondary's block stack, and the words in which its rules are written.

    guest -> replication node -> active disk -> hidden disk -> secondary disk -> protocol node
    NBD server ------------------------------------------------^
    backup job, sync=none: source the secondary disk, target the hidden disk

A disk is a few sectors; each lies in one cluster, the backup job's copy unit. Data are named by who wrote
them: "nobody" is what the disk held at the start. What a request touches is given by predicates on sectors
(`covers`, `wide`, ...), never by arithmetic: so the same text serves four sectors and any number of them.

Grain: one action is one atomic step of a coroutine, the code between two yields, as in QEMU, where all of
this runs in one AioContext. An I/O takes effect in a step of its own, and its caller goes on in another.

Left out, and why it may be: the qcow2 metadata locks (held only around metadata I/O, nobody waits for
anything else while holding one, so they can close no cycle), flushes, and the time of wake-ups: a woken
waiter may run again at any later time, in any order, which contains QEMU's first-in first-out order.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from cowpath.model.language.claim import Claim, claim
from cowpath.model.language.expression import Expr, exists
from cowpath.model.language.program import Group, Region
from cowpath.model.language.sorts import Enum, Index, Int, Maybe, Position
from cowpath.model.language.system import List, State, System
from cowpath.model.scenarios.vocabulary import BUNDLED
from cowpath.model.stack.part import Part, Parts

Request = Index("Request", ordered=False)
Sector = Index("Sector", ordered=True)
Cluster = Index("Cluster", ordered=True)

Job = Enum("Job", ("running", "ending", "ended", "freed"))
Filling = Enum("Filling", ("nothing", "head", "tail", "all"))

# Where a request's cursor, clusters [at, upto) of [at, until), is at which places.
WHOLE = Region("before its first cluster or past its last")
IN_RANGE = Region("at one of its clusters")
LOOKED_UP = Region("with an extent that it has looked up")
BEFORE_LOOK_UP = Region("before its next look-up")
BELOW_ACTIVE = Region("asking the disks below the active disk")
OF_A_PIECE = Region("transferring a part of its range from the active disk")
IN_RUN = Region("with a run of the active disk's clusters to write")
# What several parts make up together.
COPYING = Region("copying an extent that it has registered")
UNWRITTEN = Region("with an extent that is not yet in the target")
READS_FOR_COPY = Region("reading for a copy")
READS_SECONDARY = Region("reading the secondary disk for a reader")
TO_SECONDARY = Region("a reader that has found nothing in the hidden disk")
PAST_ADMISSION = Region("a reader past every wait for admission")
BUFFERED = Region("with a copy's data in its buffer")
UNBORN = Region("a piece of a request that is not, or no more, under way")

OUT = Region("no request in the block layer: none that a drain waits for")
OWED = Region("not in the block layer, but to come to an end all the same")

DRAIN = List("requests in flight (drain)", "its place in flight", lambda s, q: in_flight(s, q))


@dataclass(frozen=True)
class World(Part):
    """The disks, the job, the requests, and the one step that is not QEMU's."""

    def declare(self, system: System, parts: Parts) -> None:
        """Declare the instance's tables, the disks, and where a request is."""
        words = BUNDLED.extended(
            (kind for part in parts for kind in part.kinds),
            [fault for part in parts for fault in part.faults],
            sorted({option for part in parts for option in part.options}),
        )
        system.parameter("kind", Request, sort=Enum("Kind", words.kinds))
        system.faults_of(Request, Enum("Fault", words.faults))
        system.parameter("stream", Request)  # when it is over the next of its kind may come
        system.parameter("covers", Request, Sector)  # the request's own range
        system.parameter("wide", Request, Sector)  # the same, rounded out to the secondary node's alignment
        system.parameter("protocol_wide", Request, Sector)  # and further to the protocol node's
        system.parameter("reads", Request, Sector)  # what a guest request reads through the backing chain
        system.parameter("tail", Request, Sector)  # what of that lies behind a guest write's data
        system.parameter(
            "wide_tail", Request, Sector
        )  # and is rounded out where the secondary copies on read
        system.parameter("merged", Request)  # both ends of a guest write are ragged, with few data between
        system.parameter("part", Request, Sector, sort=Int(2))  # which piece of a ragged zero-write
        system.parameter("parts", Request, sort=Int(3))
        system.parameter("unaligned", Request)  # at the secondary node: a read-modify-write there
        system.parameter("protocol_unaligned", Request)  # what of it reaches the protocol node is so there
        system.parameter("whole_sectors", Request)  # a multiple of 512 bytes at both ends
        system.parameter("first", Request, sort=Position(Cluster))  # the clusters it touches: first ...
        system.parameter("end", Request, sort=Position(Cluster))  # ... up to, not including, end
        system.parameter("last", Request, sort=Position(Cluster))  # the one before end
        system.parameter("cluster_of", Sector, sort=Cluster)
        system.parameter("gives_up", Request, Cluster)  # its discard contains the whole cluster
        system.parameter("notices", Request, Request)  # r's wait for copies in flight sees q, in 4.2
        system.parameter("copy_on_read")  # of the secondary disk's node
        for option in words.options.values():
            system.parameter(option.parameter)
        system.parameter("protocol_serialises")  # some request is unaligned at the protocol node

        def data(name: str, *indices: Index, internal: bool = False, called: str = "") -> None:
            sort = Maybe(Request)  # who wrote it
            unset = "original data"
            system.variable(name, *indices, sort=sort, unset=unset, internal=internal, called=called)

        ends = ("done", "failed")
        start = next((part.start for part in parts if part.start), "idle")
        pc = system.program(Request, start=start, ends=ends, says="not submitted yet", within=(WHOLE, OUT))
        if start != "idle":
            pc.place("idle", "about to begin", within=(WHOLE,))
        # What it has looked up: clusters [at, upto) of [at, until).
        system.variable("at", Request, sort=Position(Cluster), initial=lambda s, r: s.first[r], internal=True)
        system.variable(
            "until", Request, sort=Position(Cluster), initial=lambda s, r: s.end[r], internal=True
        )
        system.variable("upto", Request, sort=Position(Cluster), initial=lambda s, r: s.end[r], internal=True)
        # What a guest write reads now of what its run lacks.
        system.variable("filling", Request, sort=Filling, initial="nothing", internal=True)
        system.variable("piece", Request, sort=Int(2), initial=0, internal=True)
        system.variable("job", sort=Job, initial="running")
        data("secondary", Sector, called="the secondary disk")
        data("epoch", Sector, called="the snapshot")  # the secondary's content at the checkpoint
        system.variable("in_hidden", Cluster)
        data("hidden", Sector, called="the hidden disk")
        system.variable("in_active", Cluster)
        data("active", Sector, called="the active disk")
        # The job's done bitmap: what is not to be copied is in it from the start.
        if has_bitmap(parts):
            system.parameter("in_bitmap", Cluster)  # to be copied, and readable
            system.variable("done", Cluster, initial=lambda s, k: ~s.in_bitmap[k])
        else:
            system.variable("done", Cluster)
        data("copied", Request, Sector, internal=True)  # buffers
        data("head_tail", Request, Sector, internal=True)
        # Ghosts, read by properties only.
        # A guest read returned another value than the snapshot's.
        system.variable("wrong_value", Request, called="has read a wrong value")
        system.variable("wrong_fill", Request, called="has filled its cluster wrongly")
        # By its read-modify-write.
        system.variable("stale_write_back", Request, called="has undone another's write")
        # The job's memory.
        system.variable("use_after_free", Request, called="has used what was freed")
        # The guest that asked is no more.
        system.variable("overtaken", Request, called="a checkpoint has overtaken it")

    def act(self, system: System, parts: Parts) -> None:
        """Add the return of a stream's request."""

        start = system.programs["pc"].start

        @system.action("stream.next", r=Request, source="the scenario's `stream`")
        def following(s: State, r: Expr) -> None:
            """Is followed by the next of its stream."""
            s.require_at(r, "done", "failed")
            s.require(s.stream[r], "is of a stream", location=True)
            s.overtaken[r] = False
            s.go(r, start)

    def claims(self, parts: Parts) -> Iterator[Claim]:
        """Say who is where, with which clusters."""
        yield claim("who has not begun, or is past its last cluster, is at its first", Request)(
            lambda s, r: s.within(r, WHOLE).implies(
                (s.at[r] == s.first[r]) & (s.upto[r] == s.end[r]) & (s.until[r] == s.end[r])
            )
        )
        yield claim("a guest's request stays in its clusters", Request)(
            lambda s, r: s.within(r, IN_RANGE).implies(
                own(s, r, s.at[r]) & (s.at[r] < s.until[r]) & (s.until[r] <= s.end[r])
            )
        )
        yield claim("an extent looked up is not empty and lies in what was asked for", Request)(
            lambda s, r: s.within(r, LOOKED_UP).implies((s.at[r] < s.upto[r]) & (s.upto[r] <= s.until[r]))
        )
        yield claim("before a look-up nothing is left of the last one", Request)(
            lambda s, r: s.within(r, BEFORE_LOOK_UP).implies(s.upto[r] == s.end[r])
        )
        yield claim("only what it has looked up in the active disk ends before its request", Request)(
            lambda s, r: (s.until[r] == s.end[r]) | s.within(r, BELOW_ACTIVE, IN_RUN, OF_A_PIECE)
        )
        yield claim("pieces are counted", Request)(
            lambda s, r: (
                (s.piece[r] < s.parts[r]) & s.is_at(r, "idle", "done", "failed").implies(s.piece[r] == 0)
            )
        )


def has_bitmap(parts: Parts) -> bool:
    """Tell whether the design knows the option `bitmap`."""
    return any("bitmap" in part.options for part in parts)


def in_bitmap(parts: Parts, s: State, k: Expr, fact: Expr) -> Expr:
    """Return the fact, of cluster k if that is to be copied where the design knows a bitmap."""
    return fact & s.in_bitmap[k] if has_bitmap(parts) else fact


def is_kind(s: State, r: Expr, *kinds: str) -> Expr:
    """Tell whether request r is of one of the kinds."""
    first, *others = kinds
    same: Expr = s.kind[r] == first
    for kind in others:
        same = same | (s.kind[r] == kind)
    return same


def is_write(s: State, r: Expr) -> Expr:
    """Tell whether request r changes data in the secondary disk's node (from the NBD server)."""
    return is_kind(s, r, "nbd-write", "nbd-zero", "source-discard")


ENDS = ("stop", "exit", "failover")
"""Kinds of request that end the job."""

WRITES = Group("writes", is_write)
GUESTS = Group("a guest's requests", lambda s, r: is_kind(s, r, "guest-read", "guest-write"))
GUEST_READS = Group("guest reads", lambda s, r: is_kind(s, r, "guest-read"))
GUEST_WRITES = Group("guest writes", lambda s, r: is_kind(s, r, "guest-write"))
CHECKPOINTS = Group("checkpoints", lambda s, r: is_kind(s, r, "checkpoint"))
STOPS = Group("stops", lambda s, r: is_kind(s, r, "stop"))
EXITS = Group("exits", lambda s, r: is_kind(s, r, "exit"))
FAILOVERS = Group("failovers", lambda s, r: is_kind(s, r, "failover"))
DRAINS = Group("who drains", lambda s, r: is_kind(s, r, "drain", "checkpoint", *ENDS))
STAY_DRAINED = Group("drained sections and checkpoints", lambda s, r: is_kind(s, r, "drain", "checkpoint"))
QUERIES = Group("block-status queries", lambda s, r: is_kind(s, r, "status-query"))
JOB_READS = Group("jobs that read", lambda s, r: is_kind(s, r, "job-read"))
DISCARDS = Group("a client's discards", lambda s, r: is_kind(s, r, "client-discard"))


def is_request(s: State, r: Expr) -> Expr:
    """Tell whether r is a request that enters the block layer, not a command and not a job's."""
    return ~is_kind(s, r, "checkpoint", *ENDS, "drain", "job-read")


def in_flight(s: State, r: Expr) -> Expr:
    """Tell whether request r is I/O that a drain of the whole chain would wait for."""
    return is_request(s, r) & ~s.within(r, OUT, UNBORN)


def wait_for_in_flight(s: State, when: Expr | None = None) -> None:
    """Wait until nothing is in flight: a drained section begins (bdrv_drained_begin)."""
    s.wait_on(DRAIN, Request, lambda q: in_flight(s, q) if when is None else when & in_flight(s, q))


def running(s: State) -> Expr:
    """Tell whether the job is running: after it there is no snapshot to keep."""
    return s.job == "running"


def in_extent(s: State, r: Expr, x: Expr) -> Expr:
    """Tell whether sector x lies in the clusters [at, upto) that request r has looked up."""
    return (s.at[r] <= s.cluster_of[x]) & (s.cluster_of[x] < s.upto[r])


def asked_for(s: State, r: Expr, x: Expr) -> Expr:
    """Tell whether r, at its look-up and transfer of it, wants sector x from the disks below the active one.

    A guest write reads before its data and behind them, one after the other or all at once.
    """
    return (s.filling[r] == "all") | (s.reads[r, x] & ((s.filling[r] == "tail") == s.tail[r, x]))


def own(s: State, r: Expr, k: Expr) -> Expr:
    """Tell whether cluster k is one of those that request r touches."""
    return (s.first[r] <= k) & (k < s.end[r])


def touch_job(s: State, r: Expr, gone: Expr) -> None:
    """Note that r touches the job's memory, which is a use after free where it is gone."""
    s.use_after_free[r] = s.use_after_free[r] | gone


def clusters_meet(s: State, r: Expr, q: Expr) -> Expr:
    """Tell whether two requests touch a common cluster."""
    return exists(Cluster, lambda k: (s.first[r] <= k) & (k < s.end[r]) & (s.first[q] <= k) & (k < s.end[q]))
