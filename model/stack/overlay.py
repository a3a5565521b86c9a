"""The overlays: how a guest's request finds its data in active disk, hidden disk and secondary disk.

A look-up and the transfer it leads to are separate steps with an unbounded gap: that gap is the race the
RFC is about. One extent is a longest run of clusters with the same answer. A guest write that lacks a part of
its clusters reads it through the same chain.
Source: block/qcow2.c qcow2_co_preadv; qcow2-cluster.c perform_cow (2.8).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from cowpath.model.language.claim import Claim, Landmark, claim
from cowpath.model.language.expression import Expr, If, coerce, exists, forall, nobody
from cowpath.model.language.program import Region
from cowpath.model.language.system import State, System
from cowpath.model.stack import hidden, protocol
from cowpath.model.stack.cow_requests import ADMITTED
from cowpath.model.stack.hidden import SerialisingTarget
from cowpath.model.stack.part import Part, Parts
from cowpath.model.stack.secondary import UnserialisedGuestReads, node_of
from cowpath.model.stack.world import (
    BEFORE_LOOK_UP,
    BELOW_ACTIVE,
    GUEST_READS,
    GUESTS,
    IN_RANGE,
    IN_RUN,
    LOOKED_UP,
    PAST_ADMISSION,
    READS_SECONDARY,
    TO_SECONDARY,
    WHOLE,
    Cluster,
    Filling,
    Request,
    Sector,
    asked_for,
    in_extent,
    is_kind,
    running,
)


@dataclass(frozen=True)
class Overlay(Part):
    """The look-ups and transfers of a guest's request."""

    def declare(self, system: System, parts: Parts) -> None:
        """Declare where a guest's request is."""
        self.declare_reads(system, parts)
        pc = system.programs["pc"]
        failing = (ADMITTED, IN_RANGE, BEFORE_LOOK_UP, IN_RUN)
        pc.place("failing", "about to fail", of=GUESTS, within=failing)
        pc.place("finishing", "about to complete", of=GUESTS, within=(ADMITTED, WHOLE))

    def declare_reads(self, system: System, parts: Parts) -> None:
        """Declare where a read is, and a guest write that reads."""
        pc = system.programs["pc"]
        listed = (hidden.NODE.past,) if parts.has(SerialisingTarget) else ()
        below = (ADMITTED, IN_RANGE, BELOW_ACTIVE)
        found = (*below, LOOKED_UP, PAST_ADMISSION, *listed)
        missing = (*below, LOOKED_UP, TO_SECONDARY, *listed)
        pc.place(
            "lookup-active",
            "about to look up the active disk",
            of=GUEST_READS,
            within=(ADMITTED, IN_RANGE, BEFORE_LOOK_UP),
        )
        if listed:
            entering = (*below, BEFORE_LOOK_UP)
            pc.place("to-hidden", "about to enter the hidden disk's node", of=GUESTS, within=entering)
            parked = (*entering, hidden.NODE.parked)
            pc.place("hidden-parked", "waiting on its tracked list", of=GUESTS, within=parked)
        pc.place(
            "lookup-hidden",
            "about to look up the hidden disk",
            of=GUESTS,
            within=(*below, PAST_ADMISSION, *listed),
        )
        pc.place("hidden-read", "reading from the hidden disk", of=GUESTS, within=found)
        declare_secondary_read(system, parts, *missing)

    def act(self, system: System, parts: Parts) -> None:
        """Add the look-ups and transfers of a read, and of a guest write that reads."""
        serialises = parts.has(SerialisingTarget)
        below = "to-hidden" if serialises else "lookup-hidden"

        @system.action("read.lookup-active", r=Request, e=Cluster)
        def lookup_active(s: State, r: Expr, e: Expr) -> None:
            """Looks up the active disk. Source: block/qcow2.c qcow2_co_preadv, 2.8"""
            s.require_at(r, "lookup-active")
            require_run(s, r, e, s.end[r], lambda k: s.in_active[k])
            here = s.in_active[e]
            s.read_from(
                "active",
                Sector,
                lambda x: here & s.reads[r, x] & (s.at[r] <= s.cluster_of[x]) & (s.cluster_of[x] <= e),
                fails="active-read",
                when=here,
            )
            last = e + 1 == s.end[r]
            s.go(r, If(here, If(last, s.place(r, "finishing"), s.pc[r]), below))
            if serialises:
                s.asked[r] = If(here, s.first[r], s.at[r])
            s.at[r] = If(here, If(last, s.first[r], e + 1), s.at[r])
            s.until[r] = If(here, s.end[r], e + 1)

        @system.action("read.active-fails", r=Request, k=Cluster)
        def active_fails(s: State, r: Expr, k: Expr) -> None:
            """Fails to read the active disk. Source: block/qcow2.c qcow2_co_preadv, 2.8"""
            s.require_at(r, "lookup-active")
            s.require(s.at[r] == k, "at its cluster", location=True)
            s.require(s.in_active[k], "mapped in the active disk", location=True)
            s.fails("active-read", "the read fails")
            leave_failed(s, r, serialises)

        if serialises:
            hidden.NODE.wait(
                system,
                "read.enter-hidden",
                says="enters the hidden disk's node",
                arrives=lambda s, r: s.is_at(r, "to-hidden"),
                parked="hidden-parked",
                then=lambda s, r: s.place(r, "lookup-hidden"),
                source="block/io.c bdrv_aligned_preadv, 3.0",
            )

        @system.action("read.lookup-hidden", r=Request, e=Cluster)
        def lookup_hidden(s: State, r: Expr, e: Expr) -> None:
            """Looks up the hidden disk. Source: block/qcow2.c qcow2_co_preadv, 2.8"""
            s.require_at(r, "lookup-hidden")
            require_run(s, r, e, s.until[r], lambda k: s.in_hidden[k], one=reads_one_end(s, r))
            s.upto[r] = e + 1
            s.go(r, If(s.in_hidden[e], s.place(r, "hidden-read"), "to-secondary"))

        @system.action("read.hidden", r=Request)
        def hidden_transfer(s: State, r: Expr) -> None:
            """Reads from the hidden disk. Source: block/qcow2.c qcow2_co_preadv, 2.8"""
            s.require_at(r, "hidden-read")
            take(s, r, "hidden")
            _next_extent(s, r, serialises)

        @system.action("read.hidden-fails", r=Request)
        def hidden_fails(s: State, r: Expr) -> None:
            """Fails to read from the hidden disk.

            Source: block/qcow2.c qcow2_co_preadv, qcow2_co_pwritev; qcow2-cluster.c perform_cow, 2.8
            """
            s.require_at(r, "hidden-read")
            s.fails("hidden-read", "the read fails")
            leave_failed(s, r, serialises)
            if serialises:
                hidden.NODE.leave(s, r)

        def gives_up(s: State, r: Expr) -> None:
            leave_failed(s, r, serialises)
            if serialises:
                hidden.NODE.leave(s, r)

        read_secondary(system, parts, lambda s, r: _next_extent(s, r, serialises), gives_up)

    def claims(self, parts: Parts) -> Iterator[Claim]:
        """Say why what a guest's request has looked up stays true."""
        yield claim("an extent found in the hidden disk stays there", Request, Sector)(
            lambda s, r, x: (
                running(s)
                & is_kind(s, r, "guest-read")
                & s.is_at(r, "hidden-read")
                & s.reads[r, x]
                & in_extent(s, r, x)
            ).implies(s.in_hidden[s.cluster_of[x]])
        )

    def landmarks(self, parts: Parts) -> Iterator[Landmark]:
        """Yield where an extent looked up ends."""
        yield Landmark(
            "where the active disk's answer changes",
            Cluster,
            lambda s, r, k: (s.at[r] < k) & ((k == s.end[r]) | (s.in_active[k] != s.in_active[s.at[r]])),
        )
        yield Landmark(
            "where the hidden disk's answer changes",
            Cluster,
            lambda s, r, k: (
                (s.at[r] < k)
                & ((k == s.until[r]) | reads_one_end(s, r) | (s.in_hidden[k] != s.in_hidden[s.at[r]]))
            ),
        )


def declare_secondary_read(system: System, parts: Parts, *regions: Region) -> None:
    """Declare the places of a reader that goes to the secondary disk."""
    pc, node = system.programs["pc"], node_of(parts)
    pc.place(
        "to-secondary", "about to enter the secondary's node", of=GUESTS, within=(*regions, PAST_ADMISSION)
    )
    reading = (*regions, PAST_ADMISSION, READS_SECONDARY)
    if parts.has(UnserialisedGuestReads):
        on_list = (node.past,) if node.lists_unserialised else ()
    else:
        pc.place("secondary-parked", "waiting on its tracked list", of=GUESTS, within=(*regions, node.parked))
        on_list = (node.past,)
    pc.place("secondary-read", "reading from the secondary disk", of=GUESTS, within=(*reading, *on_list))


Effect = Callable[[State, Expr], None]
Keeper = Callable[[State, Expr, Expr], Expr]


def read_secondary(
    system: System, parts: Parts, then: Effect, gives_up: Effect, keeper: Keeper | None = None
) -> None:
    """Add a read's entry into the secondary's node, and its transfer: what comes after it, or if it fails."""
    node = node_of(parts)
    _enter_secondary(system, parts)

    @system.action("read.secondary", r=Request)
    def transfer(s: State, r: Expr) -> None:
        """Reads from the secondary disk. Source: block/io.c bdrv_aligned_preadv, 2.8"""
        s.require_at(r, "secondary-read")
        protocol.require_transfer_done(s, r)
        take(s, r, "secondary", keeper)
        then(s, r)
        protocol.end_transfer(s, r)
        node.leave(s, r)

    @system.action("read.secondary-fails", r=Request)
    def fails(s: State, r: Expr) -> None:
        """Fails to read from the secondary disk. Source: block/io.c bdrv_aligned_preadv, 2.8"""
        s.require_at(r, "secondary-read")
        protocol.require_transfer_done(s, r)
        s.fails("secondary-read", "the read fails")
        gives_up(s, r)
        protocol.end_transfer(s, r)
        node.leave(s, r)


def _enter_secondary(system: System, parts: Parts) -> None:
    node = node_of(parts)
    if parts.has(UnserialisedGuestReads):

        @system.action("read.enter-secondary", r=Request)
        def enter(s: State, r: Expr) -> None:
            """Enters the secondary's node unserialised.

            Source: block/io.c BDRV_REQ_NO_SERIALISING, 2.5
            """
            s.require_at(r, "to-secondary")
            if node.lists_unserialised:
                node.enter(s, r)
            s.go(r, "secondary-read")
    else:
        node.wait(
            system,
            "read.enter-secondary",
            says="enters the secondary's node",
            arrives=lambda s, r: s.is_at(r, "to-secondary"),
            parked="secondary-parked",
            then=lambda s, r: s.place(r, "secondary-read"),
            source="block/io.c bdrv_aligned_preadv, 2.8",
        )


def require_run(
    s: State,
    r: Expr,
    e: Expr,
    end: Expr,
    mapped: Callable[[Expr], Expr],
    *,
    one: Expr | None = None,
    cut: Callable[[Expr], Expr] | None = None,
) -> None:
    """Require that [at, e] is the longest run of clusters before `end` with one answer; tell the answer.

    `one`: if so, it is one cluster. `cut`: where it ends all the same; its first cluster may be such.
    """

    def ends(k: Expr) -> Expr:
        other = mapped(k) != mapped(e)
        return other if cut is None else other | cut(k)

    same = forall(Cluster, lambda j: ((s.at[r] <= j) & (j < e)).implies(mapped(j) == mapped(e)))
    if cut is not None:
        same = same & forall(Cluster, lambda j: ((s.at[r] < j) & (j <= e)).implies(~cut(j)))
    longest = same & forall(Cluster, lambda j: ((e + 1 == j) & (j < end)).implies(ends(j)))
    s.require(
        (s.at[r] <= e) & (e < end) & (longest if one is None else If(one, s.at[r] == e, longest)),
        "longest run",
        location=True,
    )
    s.observe("mapped", Cluster, lambda k: (s.at[r] <= k) & (k <= e), mapped, unset="")


def filling(name: str) -> Expr:
    """Return what a guest write reads, for a branch of `If`."""
    return coerce(name, Filling)


def reads_one_end(s: State, r: Expr) -> Expr:
    """Tell whether r is a guest write that reads the head or the tail of its run, which is in one cluster."""
    return (s.filling[r] == "head") | (s.filling[r] == "tail")


def in_run(s: State, r: Expr, k: Expr) -> Expr:
    """Tell whether cluster k is of the run that guest write r is at."""
    return (s.run[r] <= k) & (k < s.until[r])


def reads_tail_next(s: State, r: Expr) -> Expr:
    """Tell whether r is a guest write that has read the head of a run which lacks a tail as well."""
    lacks = exists(Sector, lambda x: s.reads[r, x] & s.tail[r, x] & in_run(s, r, s.cluster_of[x]))
    return (s.filling[r] == "head") & lacks


def take(s: State, r: Expr, disk: str, keeper: Keeper | None = None, lacks: Expr | None = None) -> None:
    """Transfer the extent's data: a read is judged now, a guest write keeps them for its run.

    `keeper(s, r, q)`: it is q that keeps what r reads, if that may be another. `lacks`: the disk has not all
    of the extent, and nothing behind it, so that what is read is no data.
    """

    def source(x: Expr) -> Expr:
        found: Expr = s[disk][x]
        return found

    judged = is_kind(s, r, "guest-read") & (s.job == "running") & ~s.overtaken[r]

    def wanted(x: Expr) -> Expr:
        return asked_for(s, r, x) & in_extent(s, r, x)

    def differs(x: Expr) -> Expr:
        return judged & s.reads[r, x] & in_extent(s, r, x) & (source(x) != s.epoch[x])

    wrong = exists(Sector, differs)
    s.wrong_value[r] = s.wrong_value[r] | (wrong if lacks is None else wrong | (judged & lacks))
    keeps = is_kind(s, r, "guest-write")

    def kept(x: Expr) -> Expr:
        return keeps & wanted(x) & ~s.covers[r, x]

    for x in s.each(Sector):
        if keeper is None:
            s.copied[r, x] = If(kept(x), source(x), s.copied[r, x])
        else:
            for q in s.each(Request):
                s.copied[q, x] = If(keeper(s, r, q) & kept(x), source(x), s.copied[q, x])
    s.read_from(disk, Sector, wanted, fails=f"{disk}-read")
    s.observe("but the snapshot has", Sector, differs, lambda x: s.epoch[x], unset="original data")


def leave_failed(s: State, r: Expr, serialises: bool) -> None:
    """Go back with an error: what was written of other runs stays, what is allocated is never linked."""
    for x in s.each(Sector):
        s.copied[r, x] = nobody(Request)
    s.at[r] = If(is_kind(s, r, "guest-write"), s.run[r], s.at[r])
    s.until[r] = If(s.allocating[r], s.until[r], s.end[r])
    s.upto[r] = s.end[r]
    s.filling[r] = "nothing"
    if serialises:
        s.asked[r] = s.first[r]
    s.go(r, "failing")


def fail(s: State, r: Expr) -> None:
    """Return an error; whoever waits for its allocation looks again (qcow2.c qcow2_co_pwritev, `fail`)."""
    s.require_at(r, "failing")
    s.allocating[r] = False
    s.at[r] = s.first[r]
    s.run[r] = s.first[r]
    s.until[r] = s.end[r]
    s.go(r, "failed")


def _next_extent(s: State, r: Expr, serialises: bool) -> None:
    """Go on with the next extent of the hidden disk, then with what comes after them: more is to be read of
    the active disk, or of a guest write's run; or that is to be written.
    """
    more = (s.upto[r] < s.until[r]) & ~reads_one_end(s, r)
    guest_write, then_tail = is_kind(s, r, "guest-write"), reads_tail_next(s, r)
    last = s.until[r] == s.end[r]
    below = s.place(r, "to-hidden" if serialises else "lookup-hidden")
    filled = If(then_tail, below, "active-write")
    above = If(guest_write, filled, If(last, s.place(r, "finishing"), "lookup-active"))
    s.go(r, If(more, s.place(r, "lookup-hidden"), above))
    start = If(then_tail, s.last[r], s.run[r])
    s.at[r] = If(more, s.upto[r], If(guest_write, start, If(last, s.first[r], s.upto[r])))
    s.until[r] = If(more | guest_write, s.until[r], s.end[r])
    s.upto[r] = s.end[r]
    s.filling[r] = If(more, s.filling[r], If(then_tail, filling("tail"), "nothing"))
    if serialises:
        s.asked[r] = If(more, s.asked[r], If(then_tail, s.last[r], s.first[r]))
        hidden.NODE.leave(s, r, when=~more)
