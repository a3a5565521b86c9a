"""The backup job, sync=none: its before-write notifier copies what is about to be overwritten.

CowRequests: whoever copies (or, in the RFC, reads) takes one over the covering clusters; two that overlap
exclude each other, whatever they are for. The scan and the insertion are one step.
Source: block/backup.c wait_for_overlapping_requests, cow_request_begin, cow_request_end, backup_do_cow,
backup_before_write_notify (2.8).
"""

from __future__ import annotations

from cowpath.model.language.expression import Expr, exists, forall
from cowpath.model.language.system import State, System
from cowpath.model.stack import copying, writes
from cowpath.model.stack.tracked import Node
from cowpath.model.stack.world import Cluster, Request, at, clusters_meet, come_to, touch_job


def declare(system: System, secondary: Node, *, hidden: Node | None = None) -> None:
    """Add the CowRequest list and the notifier, steps C0 to C7; `hidden` given: writes there serialise."""
    system.variable("cow_request", Request, internal=True)  # r's CowRequest is in the list
    system.variable("rwlock_read", Request, internal=True)  # r holds the job's flush_rwlock for reading
    copying.declare(system, secondary, hidden=hidden, inside=True, source="block/backup.c backup_do_cow, 2.8")

    @system.action("cow.skip", r=Request)
    def skip(s: State, r: Expr) -> None:
        """Finds the notifier gone. Source: block/backup.c backup_run, 2.8"""
        come_to(s, r, "notify")
        s.require(s.job != "running", "the notifier is gone")
        s.pc[r] = "write"

    @system.action("cow.wait", r=Request)
    def wait(s: State, r: Expr) -> None:
        """Waits on the job's CowRequest list. Source: block/backup.c backup_do_cow, 2.8"""
        come_to(s, r, "notify")
        s.require(s.job == "running", "the notifier is there")
        s.require(exists(Request, lambda q: overlapping(s, r, q)), "overlapping CowRequest")
        s.rwlock_read[r] = True
        s.pc[r] = "cow-wait"

    def turn(s: State, r: Expr) -> None:
        come_to(s, r, "notify", "cow-wait")
        s.require((s.job == "running") | at(s, r, "cow-wait"), "the notifier is there")
        wait_for_overlapping(s, r)
        touch_job(s, r, s.job == "freed")

    @system.action("cow.pass", r=Request)
    def pass_(s: State, r: Expr) -> None:
        """Finds every cluster done, all in one step. Source: block/backup.c backup_do_cow, 2.8"""
        turn(s, r)
        s.require(~_left(s, r), "every cluster is done")
        s.rwlock_read[r] = False
        s.pc[r] = "write"

    @system.action("cow.begin", r=Request)
    def begin(s: State, r: Expr) -> None:
        """Takes a CowRequest. Source: block/backup.c cow_request_begin, 2.8"""
        turn(s, r)
        s.require(_left(s, r), "a cluster is not done")
        s.rwlock_read[r] = True
        s.cow_request[r] = True
        s.pc[r] = "cow-loop"

    @system.action("cow.copy", r=Request, k=Cluster)
    def copy(s: State, r: Expr, k: Expr) -> None:
        """Comes to a cluster not done. Source: block/backup.c backup_do_cow, 2.8"""
        come_to(s, r, "cow-loop")
        skipped = forall(Cluster, lambda j: ((s.at[r] <= j) & (j < k)).implies(s.done[j]))
        s.require((s.at[r] <= k) & (k < s.end[r]) & skipped, "next in order", location=True)
        s.require(~s.done[k], "the cluster is not done")
        s.at[r] = k
        s.upto[r] = k + 1
        s.pc[r] = "copy-read"

    @system.action("cow.set-done", r=Request)
    def set_done(s: State, r: Expr) -> None:
        """Marks the cluster done. Source: block/backup.c backup_do_cow, 2.8"""
        come_to(s, r, "copied")
        touch_job(s, r, (s.job == "ended") | (s.job == "freed"))  # the bitmap goes first
        for k in s.each(Cluster):
            s.done[k] = s.done[k] | (s.at[r] == k)
        s.at[r] = s.upto[r]
        s.upto[r] = s.end[r]
        s.pc[r] = "cow-loop"

    @system.action("cow.end", r=Request)
    def end(s: State, r: Expr) -> None:
        """Drops its CowRequest, all done. Source: block/backup.c cow_request_end, 2.8"""
        come_to(s, r, "cow-loop")
        s.require(~_left(s, r), "every cluster is done")
        _release(s, r)
        s.pc[r] = "write"

    @system.action("cow.fail", r=Request)
    def fail(s: State, r: Expr) -> None:
        """Drops its CowRequest and fails. Source: block/backup.c backup_before_write_notify, 2.8"""
        come_to(s, r, "copy-failed")
        _release(s, r)
        writes.fail(s, r, secondary)


def overlapping(s: State, r: Expr, q: Expr) -> Expr:
    """Tell whether q's CowRequest is in the list and overlaps the clusters of r."""
    return (q != r) & s.cow_request[q] & clusters_meet(s, r, q)


def wait_for_overlapping(s: State, r: Expr) -> None:
    """Wait until no overlapping CowRequest is in the list (wait_for_overlapping_requests)."""
    s.wait_while(
        Request, lambda q: overlapping(s, r, q), on="the job's CowRequest list", held="CowRequest {clusters}"
    )


def asserts(s: State) -> Expr:
    """Return that the notifier is never given a request that is not in whole sectors.

    Source: block/backup.c backup_before_write_notify, the assertions on BDRV_SECTOR_SIZE (2.8 to 4.1).
    """
    return ~exists(Request, lambda r: at(s, r, "cow-wait", "cow-loop") & ~s.whole_sectors[r])


def _left(s: State, r: Expr) -> Expr:
    return exists(Cluster, lambda k: (s.at[r] <= k) & (k < s.end[r]) & ~s.done[k])


def _release(s: State, r: Expr) -> None:
    touch_job(s, r, s.job == "freed")
    s.cow_request[r] = False
    s.rwlock_read[r] = False
    s.at[r] = s.first[r]
    s.upto[r] = s.end[r]
