"""A guest's write to the active disk.

It goes from run to run: all clusters of a run are mapped, or none is and it allocates them, and nobody else
does meanwhile. What a new run lacks of its first cluster before the data (the head) and of its last behind
them (the tail) is read through the chain: first the head, then the tail; from 2.10 on both at once, with the
data between them, where these are few. Then it writes the run, and links it in a step of its own: until then
nobody finds what it has written. Up to 2.9 QEMU writes the data before it reads head and tail, in which
nobody can see a difference.
Left out: runs of both sorts that follow one another in the file are one to QEMU, which links the last first;
from 4.2 on the runs of one write are tasks, at the same time (both are in guest_tasks.py).
Source: block/qcow2.c qcow2_co_pwritev; qcow2-cluster.c qcow2_alloc_cluster_offset, handle_dependencies,
handle_copied, handle_alloc, perform_cow, qcow2_alloc_cluster_link_l2 (2.8, 2.10).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from cowpath.model.language.claim import Claim, Landmark, Level, Measure, claim
from cowpath.model.language.expression import Expr, If, coerce, exists, nobody
from cowpath.model.language.sorts import Int, Position
from cowpath.model.language.system import List, State, System
from cowpath.model.stack.commit import Commit
from cowpath.model.stack.cow_requests import ADMITTED
from cowpath.model.stack.hidden import SerialisingTarget
from cowpath.model.stack.overlay import filling, in_run, leave_failed, reads_one_end, require_run
from cowpath.model.stack.part import Part, Parts
from cowpath.model.stack.world import (
    BEFORE_LOOK_UP,
    BELOW_ACTIVE,
    GUEST_WRITES,
    IN_RANGE,
    IN_RUN,
    LOOKED_UP,
    Cluster,
    Request,
    Sector,
    is_kind,
)

ALLOCATIONS = List(
    "the active disk's in-flight allocations",
    "an allocation in the active disk",
    lambda s, q: s.allocating[q],
)


@dataclass(frozen=True)
class GuestWrites(Part):
    """The runs of a guest's write, to be put beside the overlays, which read what it lacks.

    `merges`: head and tail may be read at once (2.10).
    """

    merges: bool = False

    def declare(self, system: System, parts: Parts) -> None:
        """Declare who allocates in the active disk, and where a guest's write is: at the run [run, until)."""
        system.variable("allocating", Request, internal=True, called="has an allocation in flight")
        system.variable(
            "run", Request, sort=Position(Cluster), initial=lambda s, r: s.first[r], internal=True
        )
        pc = system.programs["pc"]
        before = (ADMITTED, IN_RANGE, BEFORE_LOOK_UP)
        with_run = (*before, IN_RUN)
        pc.place("allocate", "about to look for its next run", of=GUEST_WRITES, within=before)
        pc.place("active-write", "writing to the active disk", of=GUEST_WRITES, within=with_run)
        pc.place("linking", "about to map what it has written", of=GUEST_WRITES, within=with_run)

    def act(self, system: System, parts: Parts) -> None:
        """Add a guest write's look for a run, its write of it, and the link."""
        serialises = parts.has(SerialisingTarget)
        below, commit = "to-hidden" if serialises else "lookup-hidden", parts.find(Commit)

        @system.action("guest.allocate", r=Request, e=Cluster)
        def allocate(s: State, r: Expr, e: Expr) -> None:
            """Takes its next run of the active disk; allocates it if it is not mapped.

            Source: block/qcow2-cluster.c handle_dependencies, handle_copied, handle_alloc, 2.8
            """
            s.require_at(r, "allocate")
            s.wait_on(ALLOCATIONS, Request, lambda q: (q != r) & _allocates(s, q, s.at[r]))
            one = None if commit is None else s.by_extent[r]
            require_run(
                s, r, e, s.end[r], lambda k: s.in_active[k], one=one, cut=lambda k: _others_allocate(s, r, k)
            )
            new = ~s.in_active[e]
            head, tail = (lacks(s, r, e, behind) for behind in (False, True))
            reads, at_tail, what = new & (head | tail), new & tail & ~head, If(head, filling("head"), "tail")
            if self.merges:
                at_once = s.merged[r] & (s.at[r] == s.first[r]) & (e + 1 == s.end[r])
                at_tail, what = at_tail & ~at_once, If(at_once, filling("all"), what)
            s.filling[r] = If(reads, what, "nothing")
            s.allocating[r] = new
            s.until[r] = e + 1
            start = If(at_tail, s.last[r], s.at[r])
            s.at[r] = start
            if serialises:
                s.asked[r] = If(reads, start, s.first[r])
            s.go(r, If(reads, s.place(r, below), "active-write"))

        @system.action("guest.write", r=Request)
        def write(s: State, r: Expr) -> None:
            """Writes its run to the active disk: the data, and what it has read around them.

            Source: block/qcow2.c qcow2_co_pwritev; qcow2-cluster.c perform_cow, 2.8
            """
            s.require_at(r, "active-write")
            new = s.allocating[r]
            fills = exists(
                Sector,
                lambda x: (
                    in_run(s, r, s.cluster_of[x])
                    & ~s.covers[r, x]
                    & (s.copied[r, x] != If(s.in_active[s.cluster_of[x]], s.active[x], s.epoch[x]))
                ),
            )
            s.wrong_fill[r] = s.wrong_fill[r] | ((s.job == "running") & new & fills)
            s.write_to(
                "active",
                Sector,
                lambda x: in_run(s, r, s.cluster_of[x]) & (new | s.covers[r, x]),
                lambda x: If(s.covers[r, x], r, s.copied[r, x]),
                fails="active-write",
            )
            for x in s.each(Sector):
                s.copied[r, x] = nobody(Request)
            if commit is not None:
                commit.written(s, r, lambda k: ~new & in_run(s, r, k))
            _next_run(s, r, commit, but=(new, "linking"))

        @system.action("guest.link", r=Request)
        def link(s: State, r: Expr) -> None:
            """Maps its run in the active disk. Source: qcow2-cluster.c qcow2_alloc_cluster_link_l2, 2.8"""
            s.require_at(r, "linking")
            for k in s.each(Cluster):
                s.in_active[k] = s.in_active[k] | in_run(s, r, k)
            s.allocating[r] = False
            if commit is not None:
                commit.written(s, r, lambda k: in_run(s, r, k))
            _next_run(s, r, commit)

        @system.action("guest.write-fails", r=Request)
        def write_fails(s: State, r: Expr) -> None:
            """Fails to write to the active disk. Source: block/qcow2.c qcow2_co_pwritev, 2.8"""
            s.require_at(r, "active-write")
            s.fails("active-write", "the write fails")
            leave_failed(s, r, serialises)

    def claims(self, parts: Parts) -> Iterator[Claim]:
        """Say why what a guest's request has looked up stays true, and who has an allocation in flight."""
        yield claim("a guest write stays in its run", Request)(
            lambda s, r: (is_kind(s, r, "guest-write") & s.within(r, IN_RANGE)).implies(
                (s.first[r] <= s.run[r])
                & (s.run[r] <= s.at[r])
                & (s.within(r, BELOW_ACTIVE) | (s.run[r] == s.at[r]))
            )
        )
        yield claim("who is in no run has none", Request)(
            lambda s, r: (s.run[r] == s.first[r]) | (is_kind(s, r, "guest-write") & s.within(r, IN_RANGE))
        )
        yield claim(
            "a guest write below the active disk reads what its run lacks, and only that does", Request
        )(
            lambda s, r: (
                (s.filling[r] != "nothing") == (is_kind(s, r, "guest-write") & s.within(r, BELOW_ACTIVE))
            )
        )
        yield claim("what a guest write reads at an end is one cluster", Request)(
            lambda s, r: (
                (s.filling[r] == "head").implies(s.at[r] == s.run[r])
                & (s.filling[r] == "tail").implies((s.at[r] == s.last[r]) & (s.until[r] == s.end[r]))
                & (reads_one_end(s, r) & s.within(r, LOOKED_UP)).implies(s.upto[r] == s.at[r] + 1)
            )
        )
        yield claim("who allocates is past its wait for others' allocations", Request)(
            lambda s, r: s.allocating[r].implies(s.within(r, BELOW_ACTIVE, IN_RUN))
        )
        yield claim("only guest writes have allocations in flight", Request)(
            lambda s, r: s.allocating[r].implies(is_kind(s, r, "guest-write"))
        )

    def levels(self, parts: Parts) -> Iterator[Level]:
        """Say who waits for allocations."""
        yield Level(
            "allocations in the active disk",
            "a guest write waits for another's allocation of its cluster, which is past this wait",
            lambda s, r: s.is_at(r, "allocate"),
        )

    def landmarks(self, parts: Parts) -> Iterator[Landmark]:
        """Yield where a run ends."""

        def ends(s: State, r: Expr, k: Expr) -> Expr:
            other = (k == s.end[r]) | (s.in_active[k] != s.in_active[s.at[r]]) | _others_allocate(s, r, k)
            return other | s.by_extent[r] if parts.has(Commit) else other

        yield Landmark(
            "where a guest write's run ends", Cluster, lambda s, r, k: (s.at[r] < k) & ends(s, r, k)
        )

    def measures(self, parts: Parts) -> Iterator[Measure]:
        """Yield whether a guest write reads for its run, or has, and how far: the tail is behind the head."""
        none, reads, has = (coerce(n, Int(2)) for n in range(3))
        yield Measure(
            "whether it has all of its run",
            (Request,),
            lambda s, r: If(s.within(r, IN_RUN), has, If(s.filling[r] == "nothing", none, reads)),
        )
        yield Measure(
            "how far it has come",
            (Request,),
            lambda s, r: If(s.filling[r] == "tail", s.at[r] + 1, s.at[r]),
        )


def _allocates(s: State, q: Expr, k: Expr) -> Expr:
    """Tell whether q has an allocation of cluster k in flight."""
    return s.allocating[q] & in_run(s, q, k)


def _others_allocate(s: State, r: Expr, k: Expr) -> Expr:
    return exists(Request, lambda q: (q != r) & _allocates(s, q, k))


def lacks(s: State, r: Expr, e: Expr, behind: bool) -> Expr:
    """Tell whether the run [at, e] lacks something before r's data, or behind them."""
    return exists(
        Sector,
        lambda x: (
            s.reads[r, x]
            & (s.tail[r, x] if behind else ~s.tail[r, x])
            & (s.at[r] <= s.cluster_of[x])
            & (s.cluster_of[x] <= e)
        ),
    )


def _next_run(s: State, r: Expr, commit: Commit | None, but: tuple[Expr, str] | None = None) -> None:
    """Go on with the next run, or finish; but if so, go to the place with this one."""
    last, end = s.until[r] == s.end[r], s.end[r]
    start = If(last, s.first[r], s.until[r])
    follows = If(last, s.place(r, "finishing"), "allocate" if commit is None else commit.next_run(s, r))
    if but is not None:
        stays, place = but
        follows = If(stays, s.place(r, place), follows)
        start, end = If(stays, s.run[r], start), If(stays, s.until[r], end)
    s.go(r, follows)
    s.at[r] = start
    s.run[r] = start
    s.until[r] = end
