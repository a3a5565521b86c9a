"""Faults of locking: a check and an act that others come between, the wrong entry, the first entry only."""

from __future__ import annotations

from typing import Any

from cowpath.conformance.mutants.mutant import SIGHTS, Faults
from cowpath.impl.backup import BackupJob
from cowpath.impl.bitmap import Bitmap
from cowpath.impl.block_copy import BlockCopy
from cowpath.impl.context import AioContext
from cowpath.impl.reqlist import Entry, ReqList
from cowpath.impl.tracked import TrackedRequest, TrackedRequests

LOCKING = Faults("locking")


@LOCKING.stack(BackupJob, "cow_request_begin", "rfc-2016", "race")
def the_lock_is_dropped_before_a_request(begin: Any) -> Any:
    """Between the look for overlapping CowRequests and the entry into the list others may run."""

    def begins(job: BackupJob, *arguments: Any) -> Entry:
        _yield(job.context)
        entry: Entry = begin(job, *arguments)
        return entry

    return begins


@LOCKING.stack(BlockCopy, "_take", "block-copy-5.0", "second-cluster")
def the_lock_is_dropped_before_a_copy(take: Any) -> Any:
    """Between finding a dirty extent and taking it others may run."""

    def takes(engine: BlockCopy, *arguments: Any) -> Entry:
        _yield(engine.context)
        entry: Entry = take(engine, *arguments)
        return entry

    return takes


@LOCKING.stack(Bitmap, "next_clear", "block-copy-5.0", "failing-copies")
def the_last_look_is_two(next_clear: Any) -> Any:
    """Between finding nothing dirty and finding no copy in flight others may run (up to 6.0)."""

    def looks(bitmap: Bitmap, extent: Any) -> Any:
        found = next_clear(bitmap, extent)
        if found is None and bitmap.called == "the done bitmap":
            _yield(bitmap.context)
        return found

    return looks


@LOCKING.stack(
    TrackedRequests,
    "wait",
    "rfc-repaired",
    "aligned-meets-unaligned",
    survives=("grey", "black"),
    why="it is on the list from before its last look on, so whoever comes meanwhile waits for it",
)
def the_lock_is_dropped_after_the_last_look(wait: Any) -> Any:
    """Between the last look for conflicts and going on in the node others may run."""

    def waits(node: TrackedRequests, *arguments: Any) -> bool:
        waited: bool = wait(node, *arguments)
        _yield(node.context)
        return waited

    return waits


@LOCKING.stack(ReqList, "remove", "rfc-2016", "apart")
def the_newest_leaves_the_list(remove: Any) -> Any:
    """Who leaves a list takes its newest entry off, whose ever that is."""

    return lambda requests, entry: remove(requests, requests.entries[0])


@LOCKING.stack(TrackedRequests, "end", "rfc-repaired", "read-back")
def the_newest_leaves_the_node(end: Any) -> Any:
    """Who leaves a node takes its newest entry off, whose ever that is."""

    return lambda node, entry: end(node, node.entries[0])


@LOCKING.stack(ReqList, "find_conflict", "rfc-2016", "apart")
def only_the_newest_is_looked_at(find_conflict: Any) -> Any:
    """Of a list only the newest entry is compared."""

    def finds(requests: ReqList, extent: Any, *excludes: Any) -> Entry | None:
        entries, requests.entries = requests.entries, requests.entries[:1]
        try:
            found: Entry | None = find_conflict(requests, extent, *excludes)
        finally:
            requests.entries = entries
        return found

    return finds


@LOCKING.stack(TrackedRequests, "find_conflict", "rfc-repaired", "neighbouring-blocks")
def only_the_newest_in_the_node_is_looked_at(find_conflict: Any) -> Any:
    """Of a node's list only the newest other entry is compared."""

    def finds(node: TrackedRequests, entry: TrackedRequest) -> Any:
        entries = node.entries
        node.entries = [other for other in entries if other is not entry][:1]
        try:
            return find_conflict(node, entry)
        finally:
            node.entries = entries

    return finds


@LOCKING.stack(
    ReqList,
    "find_conflict",
    "rfc-2016",
    "two-readers",
    survives=SIGHTS,
    why="who waits for all conflicts may take them in any order",
)
def the_oldest_is_waited_for(find_conflict: Any) -> Any:
    """A list is searched from its oldest entry on."""

    def finds(requests: ReqList, extent: Any, *excludes: Any) -> Entry | None:
        requests.entries.reverse()
        try:
            found: Entry | None = find_conflict(requests, extent, *excludes)
        finally:
            requests.entries.reverse()
        return found

    return finds


@LOCKING.stack(
    TrackedRequests,
    "find_conflict",
    "rfc-repaired",
    "three-in-a-block",
    survives=SIGHTS,
    why="who waits for all conflicts may take them in any order",
)
def the_oldest_in_the_node_is_waited_for(find_conflict: Any) -> Any:
    """A node's list is searched from its oldest entry on."""

    def finds(node: TrackedRequests, entry: TrackedRequest) -> Any:
        entries = node.entries
        node.entries = entries[::-1]
        try:
            return find_conflict(node, entry)
        finally:
            node.entries = entries

    return finds


@LOCKING.stack(TrackedRequest, "waiting_for", "rfc-repaired", "three-in-a-block")
def who_waits_is_waited_for(slot: Any) -> Any:
    """A tracked request that waits itself counts as a conflict all the same."""
    return property(lambda entry: None, lambda entry, other: None)


@LOCKING.stack(TrackedRequest, "waiting_for", "rfc-repaired", "three-in-a-block")
def who_has_waited_is_never_waited_for(slot: Any) -> Any:
    """A tracked request that has waited counts as waiting for ever."""

    def sets(entry: TrackedRequest, other: Any) -> None:
        try:
            waits = slot.__get__(entry) is not None
        except AttributeError:  # it is being made
            waits = False
        if not waits:
            slot.__set__(entry, other)

    return property(slot.__get__, sets)


def _yield(context: AioContext) -> None:
    context.sync.pause(context.lock)
