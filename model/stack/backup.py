"""The backup job, sync=none: its before-write notifier copies what is about to be overwritten.

Source: block/backup.c backup_do_cow, backup_before_write_notify (2.8).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from cowpath.model.language.claim import Claim, Landmark, Level, claim
from cowpath.model.language.expression import Expr, exists, forall
from cowpath.model.language.program import Region
from cowpath.model.language.system import State, System
from cowpath.model.stack import copying, writes
from cowpath.model.stack.cow_requests import HOLDS, LEAVES, CowRequestHolder, CowRequests
from cowpath.model.stack.part import Part, Parts
from cowpath.model.stack.secondary import node_of
from cowpath.model.stack.world import (
    COPYING,
    WHOLE,
    WRITES,
    Cluster,
    Request,
    Sector,
    own,
    running,
    touch_job,
)
from cowpath.model.stack.writes import HAS_HEAD_AND_TAIL


@dataclass(frozen=True)
class Backup(Part):
    """The notifier, steps C0 to C7. A write comes to it at `notify` and leaves it for `write`."""

    @property
    def slot(self) -> str:
        """Who copies."""
        return "copies"

    def declare(self, system: System, parts: Parts) -> None:
        """Declare the flush_rwlock and where a write is in the notifier, which is inside the write."""
        system.variable("rwlock_read", Request, internal=True, called="holds the flush_rwlock for reading")
        pc, inside = system.programs["pc"], (node_of(parts).past, HAS_HEAD_AND_TAIL)

        def place(name: str, says: str, *within: Region) -> None:
            pc.place(name, says, of=WRITES, within=(*inside, *within))

        place("notify", "about to run the before-write notifier", WHOLE)
        place("cow-wait", "waiting for overlapping CowRequests", WHOLE)
        place("cow-loop", "holding a CowRequest, about to look at its next cluster", HOLDS, LEAVES)
        copying.declare(system, parts, *inside, HOLDS)
        pc.assign("copied", LEAVES)

    def act(self, system: System, parts: Parts) -> None:
        """Add the notifier's steps."""
        requests, node = parts.the(CowRequests), node_of(parts)
        copying.act(system, parts, source="block/backup.c backup_do_cow, 2.8")

        @system.action("cow.skip", r=Request)
        def skip(s: State, r: Expr) -> None:
            """Finds the notifier gone. Source: block/backup.c backup_run, 2.8"""
            s.require_at(r, "notify")
            s.require(s.job != "running", "the notifier is gone")
            s.go(r, "write")

        @system.action("cow.wait", r=Request)
        def wait(s: State, r: Expr) -> None:
            """Waits on the job's CowRequest list. Source: block/backup.c backup_do_cow, 2.8"""
            s.require_at(r, "notify")
            s.require(s.job == "running", "the notifier is there")
            s.require(exists(Request, lambda q: requests.overlapping(s, r, q)), "overlapping CowRequest")
            s.rwlock_read[r] = True
            s.go(r, "cow-wait")

        def turn(s: State, r: Expr) -> None:
            s.require_at(r, "notify", "cow-wait")
            s.require((s.job == "running") | s.is_at(r, "cow-wait"), "the notifier is there")
            requests.wait(s, r)
            touch_job(s, r, s.job == "freed")

        @system.action("cow.pass", r=Request)
        def pass_(s: State, r: Expr) -> None:
            """Finds every cluster done, all in one step. Source: block/backup.c backup_do_cow, 2.8"""
            turn(s, r)
            s.require(~_left(s, r), "every cluster is done")
            s.rwlock_read[r] = False
            s.go(r, "write")

        @system.action("cow.begin", r=Request)
        def begin(s: State, r: Expr) -> None:
            """Takes a CowRequest. Source: block/backup.c cow_request_begin, 2.8"""
            turn(s, r)
            s.require(_left(s, r), "a cluster is not done")
            s.rwlock_read[r] = True
            s.cow_request[r] = True
            s.go(r, "cow-loop")

        @system.action("cow.copy", r=Request, k=Cluster)
        def copy(s: State, r: Expr, k: Expr) -> None:
            """Comes to a cluster not done. Source: block/backup.c backup_do_cow, 2.8"""
            next_to_copy(s, r, k)
            alone = self.one_by_one(s)
            if alone is not None:
                s.require(alone, "copies cluster by cluster", location=True)
            s.at[r] = k
            s.upto[r] = k + 1
            s.go(r, "copy-read")

        @system.action("cow.set-done", r=Request)
        def set_done(s: State, r: Expr) -> None:
            """Marks the cluster done. Source: block/backup.c backup_do_cow, 2.8"""
            s.require_at(r, "copied")
            touch_job(s, r, (s.job == "ended") | (s.job == "freed"))  # the bitmap goes first
            for k in s.each(Cluster):
                s.done[k] = s.done[k] | ((s.at[r] <= k) & (k < s.upto[r]))
            s.at[r] = s.upto[r]
            s.upto[r] = s.end[r]
            s.go(r, "cow-loop")

        @system.action("cow.end", r=Request)
        def end(s: State, r: Expr) -> None:
            """Drops its CowRequest, all done. Source: block/backup.c cow_request_end, 2.8"""
            s.require_at(r, "cow-loop")
            s.require(~_left(s, r), "every cluster is done")
            _release(s, r)
            s.go(r, "write")

        @system.action("cow.fail", r=Request)
        def fail(s: State, r: Expr) -> None:
            """Drops its CowRequest and fails. Source: block/backup.c backup_before_write_notify, 2.8"""
            s.require_at(r, "copy-failed")
            _release(s, r)
            writes.fail(s, r, node)

    def one_by_one(self, s: State) -> Expr | None:
        """Tell whether clusters are copied one at a time; None: always."""
        return None

    def claims(self, parts: Parts) -> Iterator[Claim]:
        """Say why the notifier keeps the snapshot."""
        yield claim("the flush_rwlock is held only by who copies or waits to", Request)(
            lambda s, r: s.rwlock_read[r].implies(s.is_at(r, "cow-wait") | s.within(r, HOLDS))
        )
        yield claim("a copying loop stays in its request's clusters", Request)(
            lambda s, r: s.is_at(r, "cow-loop").implies((s.first[r] <= s.at[r]) & (s.at[r] <= s.end[r]))
        )
        yield claim("a copy is of one cluster of its request", Request)(
            lambda s, r: (s.within(r, COPYING) | s.is_at(r, "copy-failed")).implies(
                own(s, r, s.at[r]) & (s.upto[r] == s.at[r] + 1)
            )
        )
        yield claim("a cluster not done is as it was at the checkpoint", Sector)(
            lambda s, x: (running(s) & ~s.done[s.cluster_of[x]]).implies(s.secondary[x] == s.epoch[x])
        )
        yield claim("the cluster being copied is not done", Request)(
            lambda s, r: (running(s) & s.within(r, COPYING)).implies(~s.done[s.at[r]])
        )
        yield claim("a cluster that is done is in the hidden disk", Cluster)(
            lambda s, k: (running(s) & s.done[k]).implies(s.in_hidden[k])
        )
        yield claim("a cluster copied is in the hidden disk", Request)(
            lambda s, r: (running(s) & s.is_at(r, "copied")).implies(s.in_hidden[s.at[r]])
        )
        yield claim("a copying loop leaves no cluster behind", Request, Cluster)(
            lambda s, r, k: (running(s) & s.within(r, HOLDS) & (s.first[r] <= k) & (k < s.at[r])).implies(
                s.done[k]
            )
        )
        yield claim("a write reaches the disk when all its clusters are done", Request, Cluster)(
            lambda s, r, k: (running(s) & s.is_at(r, "write") & own(s, r, k)).implies(s.done[k])
        )
        yield from copying.snapshot()

    def levels(self, parts: Parts) -> Iterator[Level]:
        """Say who waits for a CowRequest: who copies, and who else takes one."""
        readers = parts.has(CowRequestHolder)
        yield Level(
            "CowRequests",
            "who wants a CowRequest waits for who holds one; no holder waits for another, nor on the "
            "secondary's list, where no request makes it wait"
            if readers
            else "who copies waits for who holds a CowRequest; no holder waits for a CowRequest",
            lambda s, r: s.is_at(r, "notify", "cow-wait", *(("cow-request-wait", "idle") if readers else ())),
        )

    def landmarks(self, parts: Parts) -> Iterator[Landmark]:
        """Yield where the loop goes on."""
        yield Landmark(
            "the next cluster that is not done",
            Cluster,
            lambda s, r, k: (s.at[r] <= k) & ((k == s.end[r]) | ~s.done[k]),
        )

    def asserts(self, s: State) -> Iterator[Expr]:
        """Yield that the notifier is never given a request that is not in whole sectors.

        Source: block/backup.c backup_before_write_notify, the assertions on BDRV_SECTOR_SIZE (2.8 to 4.1).
        """
        yield ~exists(Request, lambda r: s.is_at(r, "cow-wait", "cow-loop") & ~s.whole_sectors[r])


def next_to_copy(s: State, r: Expr, k: Expr) -> None:
    """Require that k is the first cluster not done of those that r has still to look at."""
    s.require_at(r, "cow-loop")
    skipped = forall(Cluster, lambda j: ((s.at[r] <= j) & (j < k)).implies(s.done[j]))
    s.require((s.at[r] <= k) & (k < s.end[r]) & skipped, "next in order", location=True)
    s.require(~s.done[k], "the cluster is not done")


def _left(s: State, r: Expr) -> Expr:
    return exists(Cluster, lambda k: (s.at[r] <= k) & (k < s.end[r]) & ~s.done[k])


def _release(s: State, r: Expr) -> None:
    touch_job(s, r, s.job == "freed")
    s.cow_request[r] = False
    s.rwlock_read[r] = False
    s.at[r] = s.first[r]
    s.upto[r] = s.end[r]
