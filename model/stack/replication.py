"""The replication node on top: how a guest's request is admitted, the checkpoint, and the end of the job.

Source: block/replication.c replication_co_readv, replication_co_writev, secondary_do_checkpoint,
replication_stop; blockjob.c block_job_cancel_sync; block/backup.c backup_run, backup_complete (2.8).
"""

from __future__ import annotations

from cowpath.model.language.expression import Expr, If, constant, exists, nobody
from cowpath.model.language.system import State, System
from cowpath.model.stack import backup
from cowpath.model.stack.world import Cluster, Job, Request, Sector, at, come_to, in_flight, is_kind, place

_WHERE = {"guest-read": ("read", "lookup-active"), "guest-write": ("guest", "allocate")}


def admit_plainly(system: System, kind: str) -> None:
    """Let requests of the kind straight into the active disk."""
    label, inside = _WHERE[kind]

    @system.action(f"{label}.begin", r=Request)
    def begin(s: State, r: Expr) -> None:
        """Enters the replication node.

        Source: block/replication.c replication_co_readv, replication_co_writev
        """
        come_to(s, r, "idle")
        s.require(is_kind(s, r, kind), f"is a {kind}", location=True)
        s.pc[r] = inside

    @system.action(f"{label}.end", r=Request)
    def end(s: State, r: Expr) -> None:
        """Completes. Source: block/replication.c"""
        come_to(s, r, "finishing")
        s.require(is_kind(s, r, kind), f"is a {kind}", location=True)
        s.pc[r] = "done"


def admit_with_cow_request(system: System, kind: str, *, source: str) -> None:
    """Let requests of the kind take a CowRequest over their clusters around all they do (R1 to R3, R7).

    The job is looked up on entry; without one the request goes unprotected. A request that had to wait
    goes on with the job's list afterwards, and every request unlinks itself from it at its end, whether
    or not the job is still there.
    """
    label, inside = _WHERE[kind]

    def come(s: State, r: Expr, *places: str) -> None:
        come_to(s, r, *places)
        s.require(is_kind(s, r, kind), f"is a {kind}", location=True)

    @system.action(f"{label}.unprotected", r=Request, source=source)
    def unprotected(s: State, r: Expr) -> None:
        """Finds no job, goes on without a CowRequest."""
        come(s, r, "idle")
        s.require(s.job == "freed", "there is no job")
        s.pc[r] = inside

    @system.action(f"{label}.wait", r=Request, source=source)
    def wait(s: State, r: Expr) -> None:
        """Waits on the job's CowRequest list."""
        come(s, r, "idle")
        s.require(s.job != "freed", "there is a job")
        s.require(exists(Request, lambda q: backup.overlapping(s, r, q)), "overlapping CowRequest")
        s.pc[r] = "cow-request-wait"

    @system.action(f"{label}.begin", r=Request, source=source)
    def begin(s: State, r: Expr) -> None:
        """Takes a CowRequest."""
        come(s, r, "idle", "cow-request-wait")
        s.require((s.job != "freed") | at(s, r, "cow-request-wait"), "there is a job, or was one")
        backup.wait_for_overlapping(s, r)
        gone = s.job == "freed"
        s.use_after_free[r] = s.use_after_free[r] | gone
        s.cow_request[r] = ~gone
        s.pc[r] = If(gone, place("failed"), place(inside))

    @system.action(f"{label}.end", r=Request, source=source)
    def end(s: State, r: Expr) -> None:
        """Drops its CowRequest and completes."""
        come(s, r, "finishing")
        s.use_after_free[r] = s.use_after_free[r] | (s.cow_request[r] & (s.job == "freed"))
        s.cow_request[r] = False
        s.pc[r] = "done"


def kept_out(s: State, r: Expr) -> Expr:
    """Tell whether r waits for the CowRequest of somebody who is not just about to drop it.

    A copy that has nothing left to do but set its bit does so, and drops its CowRequest, without a yield.
    """

    def stays(q: Expr) -> Expr:
        return backup.overlapping(s, r, q) & ~at(s, q, "copied", "cow-loop")

    return at(s, r, "cow-request-wait") & exists(Request, stays)


def checkpoint(system: System, *, drains: bool) -> None:
    """Add the checkpoint: the secondary's content becomes the snapshot, both overlays are emptied.

    COLO quiesces first (vm_stop on both sides; migration/colo.c, 4.0); nothing in block/ checks it. With
    `drains` the checkpoint itself runs in a drained section. Either way it is one step then: nobody else
    can move. Otherwise each of its metadata updates lets others run in between.
    """
    source = "block/replication.c secondary_do_checkpoint, backup_do_checkpoint, 2.8"

    def come(s: State, r: Expr) -> None:
        come_to(s, r, "idle")
        s.require(is_kind(s, r, "checkpoint"), "is a checkpoint", location=True)
        s.require(s.job == "running", "there is a job")

    def quiesced(s: State) -> Expr:
        return s.quiesced_checkpoint | drains

    @system.action("checkpoint.refused", r=Request, source=source)
    def refused(s: State, r: Expr) -> None:
        """Finds no job: an error."""
        come_to(s, r, "idle")
        s.require(is_kind(s, r, "checkpoint"), "is a checkpoint", location=True)
        s.require(s.job == "freed", "there is no job")
        _wait_for_in_flight(s, when=quiesced(s))  # COLO quiesces before it asks
        s.pc[r] = "failed"

    @system.action("checkpoint", r=Request, source=source)
    def whole(s: State, r: Expr) -> None:
        """Makes a checkpoint while nothing is in flight."""
        come(s, r)
        s.require(quiesced(s), "quiesced", location=True)
        _wait_for_in_flight(s)
        _clear_done(s)
        _empty_active(s)
        _empty_hidden(s)
        s.pc[r] = "done"

    @system.action("checkpoint.clear-done", r=Request, source=source)
    def clear_done(s: State, r: Expr) -> None:
        """Clears the done bits: a new epoch."""
        come(s, r)
        s.require(~quiesced(s), "not quiesced", location=True)
        _clear_done(s)
        for q in s.each(Request):
            s.overtaken[q] = s.overtaken[q] | (in_flight(s, q) & is_kind(s, q, "guest-read"))
        s.pc[r] = "done-cleared"

    @system.action("checkpoint.empty-active", r=Request, source=source)
    def empty_active(s: State, r: Expr) -> None:
        """Empties the active disk."""
        come_to(s, r, "done-cleared")
        _empty_active(s)
        s.pc[r] = "active-emptied"

    @system.action("checkpoint.empty-hidden", r=Request, source=source)
    def empty_hidden(s: State, r: Expr) -> None:
        """Empties the hidden disk."""
        come_to(s, r, "active-emptied")
        _empty_hidden(s)
        s.pc[r] = "done"


def job_end(system: System, *, drains: bool) -> None:
    """Add the end of the job: notifier removed, flush_rwlock taken, memory freed.

    `drain_on_stop` says whether teardown drains between the last two, as the reopening of the hidden disk
    in the completion callback normally does. With `drains` the design itself always does. The snapshot
    ends with the job: reads that transfer data later are not judged.
    """
    source = (
        "block/backup.c backup_run; blockjob.c block_job_cancel_sync; replication.c replication_stop, 2.8"
    )

    @system.action("stop.cancel", r=Request, source=source)
    def cancel(s: State, r: Expr) -> None:
        """Cancels the job, removes its notifier."""
        come_to(s, r, "idle")
        s.require(is_kind(s, r, "stop"), "is a stop", location=True)
        s.job = "ending"
        s.pc[r] = "stopping"

    @system.action("stop.lock", r=Request, source=source)
    def lock(s: State, r: Expr) -> None:
        """Holds the job's flush_rwlock for a moment."""
        come_to(s, r, "stopping")
        s.wait_while(
            Request,
            lambda q: s.rwlock_read[q],
            on="the job's flush_rwlock",
            held="the flush_rwlock for reading",
        )
        s.job = "ended"
        s.pc[r] = "stopped"

    @system.action("stop.free", r=Request, source=source)
    def free(s: State, r: Expr) -> None:
        """Frees the job."""
        come_to(s, r, "stopped")
        if drains:
            _wait_for_in_flight(s)
        else:
            _wait_for_in_flight(s, when=s.drain_on_stop)
        s.job = constant(Job, "freed")
        s.pc[r] = "done"


def _wait_for_in_flight(s: State, when: Expr | None = None) -> None:
    s.wait_while(
        Request,
        lambda q: in_flight(s, q) if when is None else when & in_flight(s, q),
        on="requests in flight (drain)",
        held="its place in flight",
    )


def _clear_done(s: State) -> None:
    for k in s.each(Cluster):
        s.done[k] = False
    for x in s.each(Sector):
        s.epoch[x] = s.secondary[x]


def _empty_active(s: State) -> None:
    for k in s.each(Cluster):
        s.in_active[k] = False
    for x in s.each(Sector):
        s.active[x] = nobody(Request)


def _empty_hidden(s: State) -> None:
    for k in s.each(Cluster):
        s.in_hidden[k] = False
    for x in s.each(Sector):
        s.hidden[x] = nobody(Request)
