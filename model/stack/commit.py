"""The commit at a failover: what the guest has, in active and hidden disk, goes into the secondary disk.

A failover ends the backup job as a stop does, and starts a mirror of the active disk into the secondary
disk, in background mode, that completes by itself. What is mapped above the secondary disk is dirty at its
start, and what the guest writes meanwhile becomes so; a cluster's bit is cleared before it is copied. When
nothing is dirty the job begins a drained section, looks again, and takes both overlays out of the guest's
chain: from then on the guest reads and writes the secondary disk itself.
It runs in who has failed over, which is busy meanwhile, pauses in the drained sections of others, and is
cancelled by the exit of QEMU.
A transfer that fails ends the job: in a drained section it leaves the chain as it is, and when that section
is over replication is told, and counts as failed over in vain. From then on a guest's write goes extent by
extent: to the active disk where an overlay has the extent, else to the secondary disk itself.
Left out: the tracked list of the secondary disk's node, on which its writes and the guest's after it are not;
runs of several clusters, in the commit and in what a guest's write finds in an overlay.
Source: block/replication.c replication_stop, replication_done, replication_co_writev (4.2, 5.0);
block/mirror.c commit_active_start, mirror_dirty_init, mirror_run, mirror_exit_common (5.0); job.c
job_finalize_single.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from cowpath.model.language.claim import Claim, claim
from cowpath.model.language.expression import Expr, If, exists, forall, nobody
from cowpath.model.language.sorts import Maybe
from cowpath.model.language.system import State, System
from cowpath.model.scenarios.vocabulary import PROPERTIES
from cowpath.model.stack.cow_requests import ADMITTED
from cowpath.model.stack.drain import BUSY, QUIESCES, SECTIONS, Drain, in_section, is_quiesced
from cowpath.model.stack.part import Part, Parts
from cowpath.model.stack.replication import Replication
from cowpath.model.stack.world import (
    BEFORE_LOOK_UP,
    FAILOVERS,
    GUEST_WRITES,
    IN_RANGE,
    LOOKED_UP,
    OUT,
    OWED,
    WHOLE,
    Cluster,
    Request,
    Sector,
    in_extent,
    is_kind,
)

_STOP = "block/replication.c replication_stop, 5.0"
_JOB = "block/mirror.c mirror_run, mirror_iteration, 5.0"
_EXIT = "block/mirror.c mirror_exit_common, 5.0"
_WRITE = "block/replication.c replication_co_writev, 5.0"
NO_FAILOVER = claim("there is no failover", Request)(lambda s, r: ~is_kind(s, r, "failover"))


@dataclass(frozen=True)
class Commit(Part):
    """Failovers, their commit, and what the guest writes from then on. Needs `Drain` and `Replication`."""

    @property
    def kinds(self) -> tuple[str, ...]:
        """Failovers."""
        return ("failover",)

    def declare(self, system: System, parts: Parts) -> None:
        """Declare the job, what it has still to copy, and what the guest is to find."""
        system.variable("committing", called="the commit runs")
        system.variable("committed", called="the overlays are out of the chain")
        system.variable("commit_failed", called="the failover has failed")
        system.variable("to_commit", Cluster)
        system.variable("commit_at", Request, sort=Maybe(Cluster), internal=True)
        # A guest's write that looks up what is above the secondary disk, extent by extent.
        system.variable("by_extent", Request, internal=True)
        # Ghosts: what the guest had at the failover or has written since, and in which sectors.
        system.variable("kept", Sector, internal=True)
        system.variable("view", Sector, sort=Maybe(Request), unset="original data", internal=True)
        # Another has written there to the active disk since this write found no overlay: either may be last.
        system.variable("met", Request, Sector, internal=True)
        pc = system.programs["pc"]
        job = (WHOLE, OUT, OWED)
        pc.place("commit", "about to look for what is to be committed", of=FAILOVERS, within=(*job, BUSY))
        pc.place("commit-read", "reading what is to be committed", of=FAILOVERS, within=(*job, BUSY))
        pc.place("commit-write", "writing to the secondary disk", of=FAILOVERS, within=(*job, BUSY))
        pc.place("commit-paused", "with its commit at a pause point", of=FAILOVERS, within=job)
        pc.place("commit-drains", "with all committed, drains", of=FAILOVERS, within=(*job, QUIESCES))
        pc.place("commit-gives-up", "with a failed commit, drains", of=FAILOVERS, within=(*job, QUIESCES))
        pc.place("commit-over", "with a failed commit, about to return", of=FAILOVERS, within=job)
        pc.place("direct-write", "writing to the secondary disk", of=GUEST_WRITES, within=(WHOLE,))
        looks = (ADMITTED, IN_RANGE)
        pc.place(
            "look-above", "about to look up both overlays", of=GUEST_WRITES, within=(*looks, BEFORE_LOOK_UP)
        )
        pc.place("beside-write", "writing to the secondary disk", of=GUEST_WRITES, within=(*looks, LOOKED_UP))

    def drains(self, s: State, r: Expr) -> Iterator[tuple[str, Expr]]:
        """Yield that a failover begins with one, as a stop does."""
        yield "outside", is_kind(s, r, "failover") & (s.job == "running")

    def act(self, system: System, parts: Parts) -> None:
        """Add the failover, the commit, its end, and the guest's writes after it."""
        drain, replication = parts.the(Drain), parts.the(Replication)
        self._failover(system, drain, replication)
        self._job(system)
        self._end(system, drain)
        self._failure(system, drain)
        self._guest(system)
        self._guest_beside(system)
        system.always(
            "failover",
            lambda s: forall(Sector, lambda x: s.kept[x].implies(_found(s, x) == s.view[x])),
            means=PROPERTIES["failover"],
        )

    def claims(self, parts: Parts) -> Iterator[Claim]:
        """Say that there is no snapshot any more by then, and who writes past the overlays."""
        yield claim("what is committed is so after the end of the job")(
            lambda s: (s.committing | s.committed | s.commit_failed).implies(s.job == "freed")
        )
        yield claim("what is committed is so by a failover")(
            lambda s: (s.committing | s.committed | s.commit_failed).implies(
                exists(Request, lambda r: is_kind(s, r, "failover"))
            )
        )
        yield claim("who finds no overlay does so after the commit", Request)(
            lambda s, r: s.is_at(r, "direct-write").implies(s.committed)
        )
        yield claim("who writes extent by extent does so after a failed failover", Request)(
            lambda s, r: (s.by_extent[r] | s.is_at(r, "look-above", "beside-write")).implies(s.commit_failed)
        )
        yield claim("who writes past the overlays does so after the end of the job", Request)(
            lambda s, r: s.is_at(r, "direct-write", "beside-write").implies(s.job == "freed")
        )

    def written(self, s: State, r: Expr, where: Callable[[Expr], Expr]) -> None:
        """Note which clusters of the active disk guest write r has written: dirty if a commit runs."""
        for k in s.each(Cluster):
            s.to_commit[k] = s.to_commit[k] | (s.committing & where(k))
        after = s.committing | s.commit_failed
        self._keep(s, lambda x: after & s.covers[r, x] & where(s.cluster_of[x]), r)
        for q in s.each(Request):
            for x in s.each(Sector):
                meets = s.is_at(q, "beside-write") & s.covers[r, x] & where(s.cluster_of[x])
                s.met[q, x] = s.met[q, x] | (meets & s.covers[q, x] & in_extent(s, q, x))

    def next_run(self, s: State, r: Expr) -> Expr:
        """Return where guest write r goes on with its next run."""
        return If(s.by_extent[r], s.place(r, "look-above"), "allocate")

    def _failover(self, system: System, drain: Drain, replication: Replication) -> None:
        def again(s: State, r: Expr) -> None:
            s.require_at(r, system.programs["pc"].start, "draining")
            s.require(is_kind(s, r, "failover"), "is a failover", location=True)
            s.require(s.job == "freed", "its job has ended")
            drain.settle(s, r)

        @system.action("failover.start", r=Request, source=_STOP)
        def start(s: State, r: Expr) -> None:
            """Ends the job in a drained section, starts to commit what is above the secondary disk."""
            s.require_at(r, "draining")
            s.require(is_kind(s, r, "failover"), "is a failover", location=True)
            s.require(s.job == "running", "there is a job")
            drain.settle(s, r)
            s.job = "freed"
            s.replicating = False
            s.committing = True
            for k in s.each(Cluster):
                s.to_commit[k] = s.in_active[k] | s.in_hidden[k]
            for x in s.each(Sector):
                s.view[x] = _found(s, x)
                s.kept[x] = s.in_active[s.cluster_of[x]] | s.in_hidden[s.cluster_of[x]]
            s.go(r, "commit-paused")

        @system.action("failover.ignored", r=Request, source=_STOP)
        def ignored(s: State, r: Expr) -> None:
            """Finds the job ended by others: nothing is left to it but to forget that."""
            again(s, r)
            s.require(~s.commit_failed, "no failover has failed")
            replication.touch(s, r, when=s.replicating)
            s.replicating = False
            s.go(r, "done")

        @system.action("failover.refused", r=Request, source=_STOP)
        def refused(s: State, r: Expr) -> None:
            """Finds that one has failed: an error."""
            again(s, r)
            s.require(s.commit_failed, "a failover has failed")
            s.go(r, "failed")

    def _job(self, system: System) -> None:
        @system.action("commit.pause", r=Request, source="job.c job_pause_point, 5.0")
        def pause(s: State, r: Expr) -> None:
            """Pauses in somebody's drained section."""
            s.require_at(r, "commit")
            s.require(s.committing, "is not cancelled")
            s.require(is_quiesced(s), "a drained section")
            s.go(r, "commit-paused")

        @system.action("commit.continue", r=Request, source="job.c job_pause_point, 5.0")
        def goes_on(s: State, r: Expr) -> None:
            """Passes its pause point."""
            s.require_at(r, "commit-paused")
            s.wait_on(SECTIONS, Request, lambda d: in_section(s, d))
            s.go(r, "commit")

        @system.action("commit.take", r=Request, k=Cluster, source=_JOB)
        def take(s: State, r: Expr, k: Expr) -> None:
            """Takes a dirty cluster: clears its bit."""
            s.require_at(r, "commit")
            s.require(s.committing, "is not cancelled")
            s.require(~is_quiesced(s), "nothing is drained")
            s.require(s.to_commit[k], "dirty")
            s.to_commit[k] = False
            s.commit_at[r] = k
            s.go(r, "commit-read")

        def reads(s: State, r: Expr, k: Expr, disk: str) -> None:
            s.read_from(disk, Sector, lambda x: s.cluster_of[x] == k, fails=f"{disk}-read")
            for x in s.each(Sector):
                s.copied[r, x] = If(s.cluster_of[x] == k, s[disk][x], s.copied[r, x])
            s.go(r, "commit-write")

        @system.action("commit.read-active", r=Request, k=Cluster, source=_JOB)
        def read_active(s: State, r: Expr, k: Expr) -> None:
            """Reads the cluster, from the active disk."""
            s.require_at(r, "commit-read")
            s.require(s.commit_at[r] == k, "at its cluster", location=True)
            s.require(s.in_active[k], "mapped in the active disk")
            reads(s, r, k, "active")

        @system.action("commit.read-hidden", r=Request, k=Cluster, source=_JOB)
        def read_hidden(s: State, r: Expr, k: Expr) -> None:
            """Reads the cluster, from the hidden disk."""
            s.require_at(r, "commit-read")
            s.require(s.commit_at[r] == k, "at its cluster", location=True)
            s.require(~s.in_active[k], "not mapped in the active disk")
            reads(s, r, k, "hidden")

        @system.action("commit.write", r=Request, k=Cluster, source=_JOB)
        def write(s: State, r: Expr, k: Expr) -> None:
            """Writes the cluster to the secondary disk, below the guest."""
            s.require_at(r, "commit-write")
            s.require(s.commit_at[r] == k, "at its cluster", location=True)
            s.write_to(
                "secondary",
                Sector,
                lambda x: s.cluster_of[x] == k,
                lambda x: s.copied[r, x],
                fails="secondary-write",
            )
            for x in s.each(Sector):
                s.copied[r, x] = nobody(Request)
            s.commit_at[r] = nobody(Cluster)
            s.go(r, "commit")

    def _end(self, system: System, drain: Drain) -> None:
        def all_copied(s: State) -> Expr:
            return ~exists(Cluster, lambda k: s.to_commit[k])

        @system.action("commit.drain", r=Request, source=_EXIT)
        def drains(s: State, r: Expr) -> None:
            """Finds nothing dirty, begins a drained section of its own."""
            s.require_at(r, "commit")
            s.require(s.committing, "is not cancelled")
            s.require(~is_quiesced(s), "nothing is drained")
            s.require(all_copied(s), "nothing is dirty")
            s.go(r, "commit-drains")

        @system.action("commit.again", r=Request, source=_EXIT)
        def again(s: State, r: Expr) -> None:
            """Finds what was written before nothing was in flight; ends its section, goes on."""
            s.require_at(r, "commit-drains")
            s.require(s.committing, "is not cancelled")
            s.require(~all_copied(s), "something is dirty")
            drain.settle(s, r)
            s.go(r, "commit-paused")

        @system.action("commit.end", r=Request, source=_EXIT)
        def end(s: State, r: Expr) -> None:
            """Finds nothing dirty and nothing in flight: takes both overlays out of the guest's chain."""
            s.require_at(r, "commit-drains")
            s.require(s.committing, "is not cancelled")
            s.require(all_copied(s), "nothing is dirty")
            drain.settle(s, r)
            s.committing = False
            s.committed = True
            for k in s.each(Cluster):
                s.in_active[k] = False
                s.in_hidden[k] = False
            for x in s.each(Sector):
                s.active[x] = nobody(Request)
                s.hidden[x] = nobody(Request)
            s.go(r, "done")

        @system.action("commit.cancelled", r=Request, source="job.c job_cancel_sync_all")
        def cancelled(s: State, r: Expr) -> None:
            """Is cancelled, by the exit of QEMU."""
            s.require_at(r, "commit", "commit-drains")
            s.require(~s.committing, "is cancelled")
            drain.settle(s, r)
            s.go(r, "failed")

    def _failure(self, system: System, drain: Drain) -> None:
        def fails(s: State, r: Expr, k: Expr, fault: str, says: str) -> None:
            s.require(s.commit_at[r] == k, "at its cluster", location=True)
            s.fails(fault, says)
            for x in s.each(Sector):
                s.copied[r, x] = nobody(Request)
            s.to_commit[k] = True
            s.commit_at[r] = nobody(Cluster)
            s.go(r, "commit-gives-up")

        @system.action("commit.read-active-fails", r=Request, k=Cluster, source=_JOB)
        def active_fails(s: State, r: Expr, k: Expr) -> None:
            """Fails to read the active disk; drains, to end in vain."""
            s.require_at(r, "commit-read")
            s.require(s.in_active[k], "mapped in the active disk")
            fails(s, r, k, "active-read", "the read fails")

        @system.action("commit.read-hidden-fails", r=Request, k=Cluster, source=_JOB)
        def hidden_fails(s: State, r: Expr, k: Expr) -> None:
            """Fails to read the hidden disk; drains, to end in vain."""
            s.require_at(r, "commit-read")
            s.require(~s.in_active[k], "not mapped in the active disk")
            fails(s, r, k, "hidden-read", "the read fails")

        @system.action("commit.write-fails", r=Request, k=Cluster, source=_JOB)
        def write_fails(s: State, r: Expr, k: Expr) -> None:
            """Fails to write to the secondary disk; drains, to end in vain."""
            s.require_at(r, "commit-write")
            fails(s, r, k, "secondary-write", "the write fails")

        @system.action("commit.give-up", r=Request, source=_EXIT)
        def give_up(s: State, r: Expr) -> None:
            """Leaves both overlays in the guest's chain, and ends its section."""
            s.require_at(r, "commit-gives-up")
            drain.settle(s, r)
            s.go(r, "commit-over")

        @system.action("commit.failed", r=Request, source="block/replication.c replication_done, 5.0")
        def failed(s: State, r: Expr) -> None:
            """Tells replication, which has failed over in vain."""
            s.require_at(r, "commit-over")
            s.committing = False
            s.commit_failed = True
            s.go(r, "failed")

    def _guest(self, system: System) -> None:
        @system.action("guest.direct", r=Request, source="block/replication.c replication_co_writev, 5.0")
        def direct(s: State, r: Expr) -> None:
            """Finds no overlay in its chain."""
            s.require_at(r, "idle")
            s.require(is_kind(s, r, "guest-write"), "is a guest-write", location=True)
            s.require(s.committed, "the overlays are out of the chain")
            s.go(r, "direct-write")

        @system.action("guest.direct-write", r=Request, source="block/io.c bdrv_co_pwritev, 5.0")
        def writes(s: State, r: Expr) -> None:
            """Writes to the secondary disk."""
            s.require_at(r, "direct-write")
            s.write_to("secondary", Sector, lambda x: s.covers[r, x], lambda x: r, fails="secondary-write")
            self._keep(s, lambda x: s.covers[r, x], r)
            s.go(r, "finishing")

        @system.action("guest.direct-fails", r=Request, source="block/io.c bdrv_co_pwritev, 5.0")
        def fails(s: State, r: Expr) -> None:
            """Fails to write to the secondary disk."""
            s.require_at(r, "direct-write")
            s.fails("secondary-write", "the write fails")
            s.go(r, "failing")

    def _guest_beside(self, system: System) -> None:
        @system.action("guest.look-above", r=Request, e=Cluster, source=_WRITE)
        def look(s: State, r: Expr, e: Expr) -> None:
            """Looks up whether an overlay has its next extent."""
            s.require_at(r, "idle", "look-above")
            s.require(is_kind(s, r, "guest-write"), "is a guest-write", location=True)
            s.require(s.commit_failed, "the failover has failed")
            here = _above(s, e)
            same = forall(Cluster, lambda j: ((s.at[r] <= j) & (j < e)).implies(~_above(s, j) & ~here))
            more = exists(Cluster, lambda j: (e + 1 == j) & (j < s.end[r]) & ~_above(s, j))
            s.require((s.at[r] <= e) & (e < s.end[r]) & same & (here | ~more), "one extent", location=True)
            s.observe("mapped", Cluster, lambda k: (s.at[r] <= k) & (k <= e), lambda k: here, unset="")
            s.by_extent[r] = here
            s.upto[r] = If(here, s.end[r], e + 1)
            s.go(r, If(here, s.place(r, "allocate"), "beside-write"))

        @system.action("guest.beside", r=Request, source=_WRITE)
        def writes(s: State, r: Expr) -> None:
            """Writes what no overlay has to the secondary disk."""
            s.require_at(r, "beside-write")

            def wanted(x: Expr) -> Expr:
                return s.covers[r, x] & in_extent(s, r, x)

            s.write_to("secondary", Sector, wanted, lambda x: r, fails="secondary-write")
            self._keep(s, lambda x: wanted(x) & ~s.met[r, x], r)
            for x in s.each(Sector):
                s.met[r, x] = False
            last = s.upto[r] == s.end[r]
            start = If(last, s.first[r], s.upto[r])
            s.at[r] = start
            s.run[r] = start
            s.upto[r] = s.end[r]
            s.go(r, If(last, s.place(r, "finishing"), "look-above"))

        @system.action("guest.beside-fails", r=Request, source=_WRITE)
        def fails(s: State, r: Expr) -> None:
            """Fails to write to the secondary disk."""
            s.require_at(r, "beside-write")
            s.fails("secondary-write", "the write fails")
            for x in s.each(Sector):
                s.met[r, x] = False
            s.upto[r] = s.end[r]
            s.go(r, "failing")

    def _keep(self, s: State, where: Callable[[Expr], Expr], r: Expr) -> None:
        for x in s.each(Sector):
            s.view[x] = If(where(x), r, s.view[x])
            s.kept[x] = s.kept[x] | where(x)


def _above(s: State, k: Expr) -> Expr:
    """Tell whether an overlay has cluster k."""
    return s.in_active[k] | s.in_hidden[k]


def _found(s: State, x: Expr) -> Expr:
    """Return what the guest finds in sector x."""
    k = s.cluster_of[x]
    return If(s.in_active[k], s.active[x], If(s.in_hidden[k], s.hidden[x], s.secondary[x]))
