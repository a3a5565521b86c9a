"""Faults of waiting and notifying: wake-ups that nobody sends, waits that look once, drains that do not."""

from __future__ import annotations

from typing import Any

from cowpath.conformance.mutants.mutant import SIGHTS, Faults
from cowpath.impl.copy_timeout import TimedCopies
from cowpath.impl.design import Design
from cowpath.impl.pool import Pool
from cowpath.impl.reqlist import Entry, ReqList
from cowpath.impl.tracked import TrackedRequest, TrackedRequests

WAITING = Faults("wait and notify")


@WAITING.stack(Entry, "wake", "rfc-2016", "race")
def nobody_is_woken(wake: Any) -> Any:
    """Who leaves a list, or shrinks, wakes nobody."""
    return lambda entry: None


@WAITING.stack(Entry, "wait", "rfc-2016", "two-readers")
def only_the_last_waiter_is_woken(wait: Any) -> Any:
    """Each waiter makes a wait queue of its own, and forgets the one with the others."""

    def waits(entry: Entry, *arguments: Any) -> None:
        entry.wait_queue = None
        wait(entry, *arguments)

    return waits


@WAITING.stack(
    ReqList,
    "remove",
    "rfc-2016",
    "two-readers",
    survives=SIGHTS,
    why="nobody runs between the two: both are in one step",
)
def woken_before_it_leaves(remove: Any) -> Any:
    """Who leaves a list wakes its waiters first, and leaves then."""

    def removes(requests: ReqList, entry: Entry) -> None:
        entry.wake()
        remove(requests, entry)

    return removes


@WAITING.stack(Pool, "wait", "block-copy-5.1", "copied-in-part")
def nobody_waits_for_its_tasks(wait: Any) -> Any:
    """A request goes on while its tasks are still in flight."""

    def waits(pool: Pool) -> None:
        if pool.error is not None:
            raise pool.error

    return waits


@WAITING.stack(ReqList, "wait_all", "rfc-2016", "two-readers")
def a_list_is_looked_at_once(wait_all: Any) -> Any:
    """Who has waited for an entry of a list does not look again: an if for a while."""

    def waits(requests: ReqList, waiter: Any, extent: Any, *excludes: Any) -> None:
        if (entry := requests.find_conflict(extent, *excludes)) is not None:
            requests.wait_one(waiter, entry, extent)

    return waits


@WAITING.stack(TrackedRequests, "wait", "rfc-repaired", "three-in-a-block")
def a_node_is_looked_at_once(wait: Any) -> Any:
    """Who has waited for a tracked request does not look again: an if for a while."""

    def waits(node: TrackedRequests, entry: TrackedRequest, label: str) -> bool:
        other = node.find_conflict(entry)
        if other is not None:
            entry.waiting_for = other
            node.context.trace(f"{label}.park", entry.owner, waits_for=other.owner.name)
            other.wait(node.context, entry.owner, node.called)
            entry.waiting_for = None
        return other is not None

    return waits


@WAITING.stack(TrackedRequests, "end", "rfc-repaired", "aligned-meets-unaligned")
def a_node_is_left_silently(end: Any) -> Any:
    """Who leaves a node wakes nobody."""

    def ends(node: TrackedRequests, entry: TrackedRequest) -> None:
        node.entries.remove(entry)
        entry.listed = False

    return ends


@WAITING.stack(ReqList, "shrink", "block-copy-5.0", "staggered")
def shrinking_wakes_nobody(shrink: Any) -> Any:
    """A copy that shrinks does not wake those who wait for what it gave up."""

    def shrinks(requests: ReqList, entry: Entry, extent: Any) -> None:
        entry.extent = extent

    return shrinks


@WAITING.stack(ReqList, "shrink", "block-copy-5.0", "staggered")
def nothing_shrinks(shrink: Any) -> Any:
    """A copy that gives up its tail stays on the list with it."""
    return lambda requests, entry, extent: None


@WAITING.stack(ReqList, "wait_all", "copy-before-write-9.2", "race")
def frozen_reads_are_not_waited_for(wait_all: Any) -> Any:
    """A write that has copied its clusters does not wait for those who still read them."""
    return _but_on("the frozen reads", wait_all)


@WAITING.stack(ReqList, "wait_all", "rfc-2016", "guest-writes-meet")
def allocations_are_not_waited_for(wait_all: Any) -> Any:
    """A guest write does not wait for who is allocating the same cluster of the active disk."""
    return _but_on("the active disk's in-flight allocations", wait_all)


@WAITING.stack(ReqList, "wait_all", "merged-2.8", "stop-undrained")
def the_flush_lock_is_not_waited_for(wait_all: Any) -> Any:
    """The end of the job does not wait for copies under way."""
    return _but_on("the job's flush_rwlock", wait_all)


@WAITING.stack(Design, "_wait_for", "rfc-repaired", "failover")
def a_drain_looks_once(wait_for: Any) -> Any:
    """Who waits for two lists to be empty looks at each once, not at both at once."""

    def waits(design: Design, request: Any, *lists: ReqList) -> None:
        for requests in lists:
            requests.wait_all(request, design.whole)

    return waits


@WAITING.stack(Design, "_wait_for", "rfc-2016", "checkpoint")
def a_checkpoint_does_not_wait(wait_for: Any) -> Any:
    """A checkpoint does not wait until nothing is in flight."""
    return lambda design, request, *lists: None


@WAITING.stack(
    TimedCopies,
    "is_wanted",
    "copy-before-write-9.2",
    "timed-wide-write",
    survives=("grey", "black"),
    why="what it takes it may have taken before: that is no transfer",
)
def a_cancelled_call_goes_on(is_wanted: Any) -> Any:
    """A call whose write waits no more copies on as if it did."""
    return lambda engine, request: True


def _but_on(called: str, wait_all: Any) -> Any:
    def waits(requests: ReqList, waiter: Any, extent: Any, *excludes: Any) -> None:
        if requests.called != called:
            wait_all(requests, waiter, extent, *excludes)

    return waits
