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

from cowpath.model.language.expression import Expr, constant, exists
from cowpath.model.language.sorts import Enum, Index, Int, Maybe, Position
from cowpath.model.language.system import State, System

Request = Index("Request", ordered=False)
Sector = Index("Sector", ordered=True)
Cluster = Index("Cluster", ordered=True)

Kind = Enum(
    "Kind", ("nbd-write", "nbd-zero", "guest-read", "guest-write", "client-discard", "checkpoint", "stop")
)
Fault = Enum("Fault", ("none", "cbw-read", "cbw-write", "data-write"))
Job = Enum("Job", ("running", "ending", "ended", "freed"))

Place = Enum(
    "Place",
    (
        "idle",  # not submitted yet
        "done",
        "failed",  # returned an error
        # a write that enters the secondary disk's node (writes.py)
        "write-parked",  # in the first wait of an unaligned write
        "rmw",  # the reads of a read-modify-write are in flight
        "settle",  # they are back
        "final-parked",  # in the last wait before the notifier
        "notify",  # past it: the before-write notifier is next
        "write",  # the data write is in flight
        "written",  # it is back
        # the notifier's copy-before-write (backup.py)
        "cow-wait",  # for overlapping CowRequests
        "cow-loop",  # its CowRequest is in the list; the next cluster is next
        # a write in the filter above the secondary's node (block_copy.py)
        "copy-wait",  # for a copy in flight
        "copy-loop",  # the next dirty extent is next
        "copy-status",  # asking for its block status
        "enter",  # the secondary's node is next
        # the same with snapshot-access (snapshot_access.py)
        "copy-returned",
        "copy-broken",
        "thaw-wait",  # for frozen reads
        "snapshot-loop",
        "thaw",  # a frozen read's data are back
        "discarding",  # the target's discard is next
        # the copy of one extent (copying.py)
        "copy-enter",  # about to enter the secondary's node (block-copy)
        "copy-enter-parked",
        "copy-read",  # the read from the secondary disk is in flight
        "copy-buffered",  # it is back
        "copy-parked",  # waiting on the hidden disk's tracked list (fleecing)
        "copy-write",  # the write to the hidden disk is in flight
        "copied",  # it is back
        "copy-failed",
        # a request of the guest (overlay.py, replication.py)
        "cow-request-wait",  # for overlapping CowRequests
        "lookup-active",
        "to-hidden",  # about to enter the hidden disk's node (fleecing)
        "hidden-parked",  # waiting on its tracked list (fleecing)
        "lookup-hidden",
        "hidden-read",  # data transfer from the hidden disk in flight
        "to-secondary",  # about to enter the secondary disk's node
        "secondary-parked",  # waiting on its tracked list
        "secondary-read",  # data transfer from the secondary disk in flight
        "allocate",  # a guest write, about to map its next cluster in the active disk
        "active-write",  # data and mapping of that cluster are next
        "finishing",
        # checkpoint and stop (replication.py)
        "active-emptied",
        "done-cleared",
        "stopping",
        "stopped",
    ),
)


def declare(name: str) -> System:
    """Return a system with the stack's parameters and state, and the one step that is not QEMU's."""
    system = System(name)
    system.parameter("kind", Request, sort=Kind)
    system.parameter("fault", Request, sort=Fault)
    system.parameter("stream", Request)  # when it is over the next of its kind may come
    system.parameter("covers", Request, Sector)  # the request's own range
    system.parameter("wide", Request, Sector)  # the same, rounded out to the secondary node's alignment
    system.parameter("protocol_wide", Request, Sector)  # and further to the protocol node's
    system.parameter("reads", Request, Sector)  # what a guest request reads through the backing chain
    system.parameter("part", Request, Sector, sort=Int(2))  # which piece of a ragged zero-write
    system.parameter("parts", Request, sort=Int(3))
    system.parameter("unaligned", Request)  # at the secondary node: becomes a read-modify-write there
    system.parameter("protocol_unaligned", Request)  # what of it reaches the protocol node is unaligned there
    system.parameter("whole_sectors", Request)  # a multiple of 512 bytes at both ends
    system.parameter("first", Request, sort=Position(Cluster))  # the clusters it touches: first ...
    system.parameter("end", Request, sort=Position(Cluster))  # ... up to, not including, end
    system.parameter("cluster_of", Sector, sort=Cluster)
    system.parameter("gives_up", Request, Cluster)  # a client's discard contains the whole cluster
    system.parameter("notices", Request, Request)  # r's wait for copies in flight sees q, in 4.2
    system.parameter("copy_on_read")  # of the secondary disk's node
    system.parameter("quiesced_checkpoint")
    system.parameter("drain_on_stop")
    system.parameter("break_snapshot")  # on-cbw-error: a failed copy breaks the snapshot, not the write
    system.parameter("protocol_serialises")  # some request is unaligned at the protocol node

    def data(name: str, *indices: Index, internal: bool = False) -> None:
        sort = Maybe(Request)  # who wrote it
        system.variable(name, *indices, sort=sort, unset="original data", internal=internal)

    # Where a request is in its program, and what it has looked up: clusters [at, upto) of [at, until).
    system.variable("pc", Request, sort=Place, initial="idle", internal=True)
    system.variable("at", Request, sort=Position(Cluster), initial=lambda s, r: s.first[r], internal=True)
    system.variable("until", Request, sort=Position(Cluster), initial=lambda s, r: s.end[r], internal=True)
    system.variable("upto", Request, sort=Position(Cluster), initial=lambda s, r: s.end[r], internal=True)
    system.variable("piece", Request, sort=Int(2), initial=0, internal=True)
    system.variable("job", sort=Job, initial="running")
    data("secondary", Sector)
    data("epoch", Sector)  # the snapshot: the secondary's content at the checkpoint
    system.variable("in_hidden", Cluster)
    data("hidden", Sector)
    system.variable("in_active", Cluster)
    data("active", Sector)
    system.variable("done", Cluster)  # the job's done bitmap
    data("copied", Request, Sector, internal=True)  # buffers
    data("head_tail", Request, Sector, internal=True)
    # Ghosts, read by properties only.
    system.variable("wrong_value", Request)  # a guest read returned another value than the snapshot's
    system.variable("wrong_fill", Request)  # a guest write filled its cluster with one
    system.variable("stale_write_back", Request)  # a read-modify-write undid another's write
    system.variable("use_after_free", Request)  # the job's memory was touched after it was freed
    system.variable("overtaken", Request)  # by a checkpoint: the guest that asked is no more

    @system.action("stream.next", r=Request, source="the scenario's `stream`")
    def following(s: State, r: Expr) -> None:
        """Is followed by the next of its stream."""
        come_to(s, r, "done", "failed")
        s.require(s.stream[r], "is of a stream", location=True)
        s.overtaken[r] = False
        s.pc[r] = "idle"

    return system


def at(s: State, r: Expr, *places: str) -> Expr:
    """Tell whether request r is at one of the places."""
    first, *others = places
    here: Expr = s.pc[r] == first
    for place in others:
        here = here | (s.pc[r] == place)
    return here


def come_to(s: State, r: Expr, *places: str) -> None:
    """Require that request r is at one of the places (program order, not synchronisation)."""
    s.require(at(s, r, *places), "at " + " or ".join(places), location=True)


def is_kind(s: State, r: Expr, *kinds: str) -> Expr:
    """Tell whether request r is of one of the kinds."""
    first, *others = kinds
    same: Expr = s.kind[r] == first
    for kind in others:
        same = same | (s.kind[r] == kind)
    return same


def is_write(s: State, r: Expr) -> Expr:
    """Tell whether request r enters the secondary disk's node as a write (from the NBD server)."""
    return is_kind(s, r, "nbd-write", "nbd-zero")


def in_flight(s: State, r: Expr) -> Expr:
    """Tell whether request r is I/O that a drain of the whole chain would wait for."""
    return ~is_kind(s, r, "checkpoint", "stop") & ~at(s, r, "idle", "done", "failed")


def in_extent(s: State, r: Expr, x: Expr) -> Expr:
    """Tell whether sector x lies in the clusters [at, upto) that request r has looked up."""
    return (s.at[r] <= s.cluster_of[x]) & (s.cluster_of[x] < s.upto[r])


def own(s: State, r: Expr, k: Expr) -> Expr:
    """Tell whether cluster k is one of those that request r touches."""
    return (s.first[r] <= k) & (k < s.end[r])


def touch_job(s: State, r: Expr, gone: Expr) -> None:
    """Note that r touches the job's memory, which is a use after free where it is gone."""
    s.use_after_free[r] = s.use_after_free[r] | gone


def clusters_meet(s: State, r: Expr, q: Expr) -> Expr:
    """Tell whether two requests touch a common cluster."""
    return exists(Cluster, lambda k: (s.first[r] <= k) & (k < s.end[r]) & (s.first[q] <= k) & (k < s.end[q]))


def place(name: str) -> Expr:
    """Return a place by name."""
    return constant(Place, name)
