"""The backup job, sync=none: its before-write notifier copies what is about to be overwritten.

CowRequests: whoever copies (or, in the RFC, reads) takes one over the covering clusters; two that overlap
exclude each other, whatever they are for. The scan and the insertion are one step.
Source: block/backup.c wait_for_overlapping_requests, cow_request_begin, cow_request_end, backup_do_cow,
backup_before_write_notify (2.8).
"""

from __future__ import annotations

from model.language.expression import Expr, If, exists, forall, nobody
from model.language.system import State, System
from model.stack import protocol, writes
from model.stack.tracked import Node
from model.stack.world import (
    Cluster,
    Request,
    Sector,
    at,
    clusters_meet,
    come_to,
    is_write,
    place,
)

_COPYING = ("copy-parked", "copy-write")


def _claims(s: State, r: Expr, x: Expr) -> Expr:
    copied = s.cluster_of[x] == s.at[r]
    read = s.reads[r, x] & (s.at[r] <= s.cluster_of[x]) & (s.cluster_of[x] < s.until[r])
    return If(is_write(s, r), copied, read)


HIDDEN = Node("hidden", "the hidden disk", _claims, is_write)
"""The hidden disk's node where the job's writes to it are serialising (3.0 on).

A copy claims its cluster and is serialising; a guest's request claims what it reads there.
Source: block/backup.c backup_cow_with_bounce_buffer, BDRV_REQ_SERIALISING (3.0, f8d59dfb40).
"""


def declare(system: System, secondary: Node, *, hidden: Node | None = None) -> None:
    """Add the CowRequest list and the notifier, steps C0 to C7; `hidden` given: writes there serialise."""
    system.variable("cow_request", Request, internal=True)  # r's CowRequest is in the list
    system.variable("rwlock_read", Request, internal=True)  # r holds the job's flush_rwlock for reading
    if hidden is not None:
        hidden.declare(system)

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

    @system.action("cow.begin", r=Request)
    def begin(s: State, r: Expr) -> None:
        """Takes a CowRequest. Source: block/backup.c cow_request_begin, 2.8"""
        come_to(s, r, "notify", "cow-wait")
        s.require((s.job == "running") | at(s, r, "cow-wait"), "the notifier is there")
        wait_for_overlapping(s, r)
        _touch_job(s, r, s.job == "freed")
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
        s.pc[r] = "copy-read"

    @system.action("cow.read", r=Request, k=Cluster)
    def read(s: State, r: Expr, k: Expr) -> None:
        """Copies from the secondary disk.

        Source: block/backup.c backup_do_cow, BDRV_REQ_NO_SERIALISING, 2.8
        """
        come_to(s, r, "copy-read")
        s.require(s.at[r] == k, "at its cluster", location=True)
        protocol.come_through(s, r)
        s.require(s.fault[r] != "cbw-read", "the read succeeds", location=True)
        for x in s.each(Sector):
            s.copied[r, x] = If(s.cluster_of[x] == k, s.secondary[x], s.copied[r, x])
        s.observe(
            "reads", Sector, lambda x: s.cluster_of[x] == k, lambda x: s.secondary[x], unset="original data"
        )
        s.pc[r] = "copy-write" if hidden is None else "copy-buffered"
        protocol.come_back(s, r)
        secondary.wake(s, r)

    @system.action("cow.read-fails", r=Request)
    def read_fails(s: State, r: Expr) -> None:
        """Fails to read the cluster. Source: block/backup.c backup_do_cow, 2.8"""
        come_to(s, r, "copy-read")
        protocol.come_through(s, r)
        s.require(s.fault[r] == "cbw-read", "the read fails", location=True)
        s.pc[r] = "cow-failed"
        protocol.come_back(s, r)
        secondary.wake(s, r)

    if hidden is not None:
        hidden.wait(
            system,
            "cow.serialise",
            says="enters the hidden disk's node, serialising",
            arrives=lambda s, r: at(s, r, "copy-buffered"),
            parked="copy-parked",
            then=lambda s, r: place("copy-write"),
            source="block/backup.c, BDRV_REQ_SERIALISING, 3.0 (f8d59dfb40, 09d2f94846)",
        )

    @system.action("cow.write", r=Request, k=Cluster)
    def write(s: State, r: Expr, k: Expr) -> None:
        """Copies to the hidden disk. Source: block/backup.c backup_do_cow, 2.8"""
        come_to(s, r, "copy-write")
        s.require(s.at[r] == k, "at its cluster", location=True)
        s.require(s.fault[r] != "cbw-write", "the write succeeds", location=True)
        for x in s.each(Sector):
            s.hidden[x] = If(s.cluster_of[x] == k, s.copied[r, x], s.hidden[x])
            s.copied[r, x] = nobody(Request)
        s.in_hidden[k] = True
        s.pc[r] = "copied"
        if hidden is not None:
            hidden.leave(s, r)

    @system.action("cow.write-fails", r=Request)
    def write_fails(s: State, r: Expr) -> None:
        """Fails to write to the hidden disk. Source: block/backup.c backup_do_cow, 2.8"""
        come_to(s, r, "copy-write")
        s.require(s.fault[r] == "cbw-write", "the write fails", location=True)
        for x in s.each(Sector):
            s.copied[r, x] = nobody(Request)
        s.pc[r] = "cow-failed"
        if hidden is not None:
            hidden.leave(s, r)

    @system.action("cow.set-done", r=Request, k=Cluster)
    def set_done(s: State, r: Expr, k: Expr) -> None:
        """Marks the cluster done. Source: block/backup.c backup_do_cow, 2.8"""
        come_to(s, r, "copied")
        s.require(s.at[r] == k, "at its cluster", location=True)
        _touch_job(s, r, (s.job == "ended") | (s.job == "freed"))  # the bitmap goes first
        s.done[k] = True
        s.at[r] = k + 1
        s.pc[r] = "cow-loop"

    @system.action("cow.end", r=Request)
    def end(s: State, r: Expr) -> None:
        """Drops its CowRequest, all done. Source: block/backup.c cow_request_end, 2.8"""
        come_to(s, r, "cow-loop")
        left = exists(Cluster, lambda k: (s.at[r] <= k) & (k < s.end[r]) & ~s.done[k])
        s.require(~left, "every cluster is done")
        _release(s, r)
        s.pc[r] = "write"

    @system.action("cow.fail", r=Request)
    def fail(s: State, r: Expr) -> None:
        """Drops its CowRequest and fails. Source: block/backup.c backup_before_write_notify, 2.8"""
        come_to(s, r, "cow-failed")
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


def _touch_job(s: State, r: Expr, gone: Expr) -> None:
    s.use_after_free[r] = s.use_after_free[r] | gone


def _release(s: State, r: Expr) -> None:
    _touch_job(s, r, s.job == "freed")
    s.cow_request[r] = False
    s.rwlock_read[r] = False
    s.at[r] = s.first[r]
