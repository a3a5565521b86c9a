"""Block-copy: the copy engine behind the backup-top filter, which replaced the before-write notifier in 4.2.

The filter sits above the secondary disk, so a write is copied before it enters that node: it is on no
tracked list while it copies, and becomes unaligned, if at all, only afterwards. What is still to be copied
is a bitmap (here its complement, `done`), and bits are cleared *before* the copy; a list of copies in
flight makes others wait. The memory budget of 128 MiB is left out: it delays and never orders.
Source: block/backup-top.c backup_top_cbw; block/block-copy.c block_copy (4.2, 5.0).
"""

from __future__ import annotations

from cowpath.model.language.expression import Expr, If, exists, forall
from cowpath.model.language.system import State, System
from cowpath.model.stack import copying
from cowpath.model.stack.tracked import Node
from cowpath.model.stack.world import (
    Cluster,
    Request,
    come_to,
    in_flight,
    is_kind,
    is_write,
    place,
    touch_job,
)

_LIST = "block-copy's in-flight list"
_HELD = "a copy of {clusters} in flight"


def declare(
    system: System,
    secondary: Node,
    *,
    hidden: Node | None,
    shrinks: bool,
    returns: str = "enter",
    breaks_snapshot: bool = False,
) -> None:
    """Add the filter's write path up to `returns`; at `enter` the write enters the secondary's node.

    `shrinks` is the engine of 5.0, which registers only the extent it copies and may shrink it. Without it
    the engine is that of 4.2, which registers the whole request. `breaks_snapshot`: the design knows
    on-cbw-error, so a failed copy may let the write go on (at `copy-broken`).
    """
    release = "5.0" if shrinks else "4.2"
    source = f"block/block-copy.c block_copy, {release}"
    system.variable("copying", Request, internal=True)  # r's range is in the in-flight list
    copying.declare(system, secondary, hidden=hidden, inside=False, source=source)

    @system.action("filter.gone", r=Request, source="block/backup-top.c bdrv_backup_top_drop")
    def gone(s: State, r: Expr) -> None:
        """Finds the filter gone."""
        come_to(s, r, "idle")
        s.require(is_write(s, r), "is a write", location=True)
        s.require(s.job == "freed", "there is no filter")
        s.pc[r] = "enter"

    if shrinks:
        _engine_5_0(system, source, returns, breaks_snapshot)
    else:
        _engine_4_2(system, source)

    @system.action("copy.fail", r=Request, source=source)
    def fail(s: State, r: Expr) -> None:
        """Fails: its clusters are dirty again."""
        come_to(s, r, "copy-failed")
        _touch(s, r)
        for k in s.each(Cluster):
            s.done[k] = s.done[k] & ~_copies(s, r, k)
        _unlist(s, r)
        s.pc[r] = If(s.break_snapshot, place("copy-broken"), place("failed")) if breaks_snapshot else "failed"


def _engine_4_2(system: System, source: str) -> None:
    """One request in the list for the whole range, from before the first copy to after the last."""

    def notices(s: State, r: Expr, q: Expr) -> Expr:
        return (q != r) & s.copying[q] & s.notices[r, q]

    @system.action("copy.wait", r=Request, source=source)
    def wait(s: State, r: Expr) -> None:
        """Waits for a copy in flight."""
        come_to(s, r, "idle")
        s.require(is_write(s, r), "is a write", location=True)
        s.require(s.job != "freed", "there is a filter")
        s.require(exists(Request, lambda q: notices(s, r, q)), "copy in flight")
        s.pc[r] = "copy-wait"

    def turn(s: State, r: Expr) -> None:
        come_to(s, r, "idle", "copy-wait")
        s.require(is_write(s, r), "is a write", location=True)
        s.require(s.job != "freed", "there is a filter")
        # The wait is given (start, length) where (start, end) is expected: see binding.py, `notices`.
        s.wait_while(Request, lambda q: notices(s, r, q), on=_LIST, held=_HELD)
        _touch(s, r)

    @system.action("copy.pass", r=Request, source=source)
    def pass_(s: State, r: Expr) -> None:
        """Finds nothing dirty, all in one step."""
        turn(s, r)
        s.require(~_dirty(s, r), "nothing is dirty")
        s.pc[r] = "enter"

    @system.action("copy.begin", r=Request, source=source)
    def begin(s: State, r: Expr) -> None:
        """Enters the in-flight list."""
        turn(s, r)
        s.require(_dirty(s, r), "something is dirty")
        s.copying[r] = True
        s.pc[r] = "copy-loop"

    @system.action("copy.take", r=Request, k=Cluster, e=Cluster, source=source)
    def take(s: State, r: Expr, k: Expr, e: Expr) -> None:
        """Takes the next dirty extent, clears its bits."""
        come_to(s, r, "copy-loop")
        _take(s, r, k, e)
        s.pc[r] = "copy-enter"

    @system.action("copy.next", r=Request, source=source)
    def following(s: State, r: Expr) -> None:
        """Goes on to its next extent."""
        come_to(s, r, "copied")
        s.at[r] = s.upto[r]
        s.upto[r] = s.end[r]
        s.pc[r] = "copy-loop"

    @system.action("copy.end", r=Request, source=source)
    def end(s: State, r: Expr) -> None:
        """Leaves the in-flight list, nothing dirty left."""
        come_to(s, r, "copy-loop")
        s.require(~_dirty(s, r), "nothing is dirty")
        _touch(s, r)
        _unlist(s, r)
        s.pc[r] = "enter"


def _engine_5_0(system: System, source: str, returns: str, breaks_snapshot: bool) -> None:
    """Only what is being copied is in the list; who finds nothing dirty waits for others' copies."""

    @system.action("copy.begin", r=Request, source=source)
    def begin(s: State, r: Expr) -> None:
        """Enters the filter."""
        come_to(s, r, "idle")
        s.require(is_write(s, r), "is a write", location=True)
        s.require(s.job != "freed", "there is a filter")
        if breaks_snapshot:
            s.require(~s.snapshot_error, "the snapshot is whole")
        s.pc[r] = "copy-loop"

    @system.action("copy.take", r=Request, k=Cluster, e=Cluster, source=source)
    def take(s: State, r: Expr, k: Expr, e: Expr) -> None:
        """Takes the first dirty extent: clears its bits, enters it in the in-flight list."""
        come_to(s, r, "copy-loop")
        _take(s, r, k, e)
        s.copying[r] = True
        s.pc[r] = "copy-status"

    @system.action("copy.shrink", r=Request, e=Cluster, source=source)
    def shrink(s: State, r: Expr, e: Expr) -> None:
        """Learns the block status; the extent ends where it changes, the rest is dirty again."""
        come_to(s, r, "copy-status")
        s.require((s.at[r] <= e) & (e < s.upto[r]), "in the extent", location=True)
        _touch(s, r)
        for k in s.each(Cluster):
            s.done[k] = s.done[k] & ~((e < k) & _copies(s, r, k))
        s.upto[r] = e + 1
        s.pc[r] = "copy-enter"

    @system.action("copy.end", r=Request, source=source)
    def end(s: State, r: Expr) -> None:
        """Has copied the extent: leaves the in-flight list and looks again."""
        come_to(s, r, "copied")
        _touch(s, r)
        _unlist(s, r)
        s.pc[r] = "copy-loop"

    @system.action("copy.return", r=Request, source=source)
    def done(s: State, r: Expr) -> None:
        """Finds nothing dirty and no copy in flight."""
        come_to(s, r, "copy-loop")
        s.require(~_dirty(s, r), "nothing is dirty")
        s.wait_while(
            Request,
            lambda q: (q != r) & s.copying[q] & exists(Cluster, lambda k: _copies(s, q, k) & _own(s, r, k)),
            on=_LIST,
            held=_HELD,
        )
        s.pc[r] = returns


def end_of_filter(system: System, *, frees_first: bool) -> None:
    """Add the end of the job: the filter is removed inside a drained section.

    In 4.2 block-copy's state was freed before that (503ca1262b repaired it in 5.0).
    Source: block/backup-top.c bdrv_backup_top_drop; block/backup.c backup_clean.
    """
    source = "block/backup.c backup_clean, " + ("4.2" if frees_first else "5.0 (503ca1262b)")

    if frees_first:

        @system.action("stop.free", r=Request, source=source)
        def free(s: State, r: Expr) -> None:
            """Frees block-copy's state."""
            come_to(s, r, "idle")
            s.require(is_kind(s, r, "stop"), "is a stop", location=True)
            s.job = "ended"
            s.pc[r] = "stopped"

    @system.action("stop.remove", r=Request, source=source)
    def remove(s: State, r: Expr) -> None:
        """Removes the filter in a drained section."""
        come_to(s, r, "stopped" if frees_first else "idle")
        s.require(is_kind(s, r, "stop"), "is a stop", location=True)
        s.wait_while(
            Request, lambda q: in_flight(s, q), on="requests in flight (drain)", held="its place in flight"
        )
        s.job = "freed"
        s.pc[r] = "done"


def asserts(s: State) -> Expr:
    """Return that what is dirty is being copied by nobody: extents in flight never meet.

    Source: block/block-copy.c block_copy_inflight_req_begin (5.0).
    """

    def both(r: Expr, q: Expr) -> Expr:
        meet = exists(Cluster, lambda k: _copies(s, r, k) & _copies(s, q, k))
        return (r != q) & s.copying[r] & s.copying[q] & meet

    return ~exists(Request, lambda r: exists(Request, lambda q: both(r, q)))


def _take(s: State, r: Expr, k: Expr, e: Expr) -> None:
    """Require that [k, e] is r's next longest run of dirty clusters; clear its bits."""
    before = forall(Cluster, lambda j: ((s.at[r] <= j) & (j < k)).implies(s.done[j]))
    dirty = forall(Cluster, lambda j: ((k <= j) & (j <= e)).implies(~s.done[j]))
    longest = forall(Cluster, lambda j: ((e + 1 == j) & (j < s.end[r])).implies(s.done[j]))
    s.require((s.at[r] <= k) & (k <= e) & (e < s.end[r]) & before & longest, "next run", location=True)
    s.require(dirty, "the run is dirty")
    _touch(s, r)
    for j in s.each(Cluster):
        s.done[j] = s.done[j] | ((k <= j) & (j <= e))
    s.at[r] = k
    s.upto[r] = e + 1


def _touch(s: State, r: Expr) -> None:
    touch_job(s, r, (s.job == "ended") | (s.job == "freed"))


def _unlist(s: State, r: Expr) -> None:
    s.copying[r] = False
    s.at[r] = s.first[r]
    s.upto[r] = s.end[r]


def _own(s: State, r: Expr, k: Expr) -> Expr:
    return (s.first[r] <= k) & (k < s.end[r])


def _copies(s: State, r: Expr, k: Expr) -> Expr:
    """Cluster k is in the extent that r is copying."""
    return (s.at[r] <= k) & (k < s.upto[r])


def _dirty(s: State, r: Expr) -> Expr:
    return exists(Cluster, lambda k: (s.at[r] <= k) & (k < s.end[r]) & ~s.done[k])
