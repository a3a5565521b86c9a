"""Faults of error paths: errors that get lost, and what a request that fails leaves behind."""

from __future__ import annotations

import sys
from contextlib import nullcontext, suppress
from typing import Any

from cowpath.conformance.mutants.mutant import Faults
from cowpath.impl.backup import BackupJob, Job
from cowpath.impl.bitmap import Bitmap
from cowpath.impl.commit import Commits
from cowpath.impl.copy_before_write import CopyBeforeWrite
from cowpath.impl.designs.unserialised import Unserialised
from cowpath.impl.disk import Disk
from cowpath.impl.pool import Pool
from cowpath.impl.reqlist import ReqList
from cowpath.impl.tracked import TrackedRequests

ERRORS = Faults("error paths")


@ERRORS.stack(Job, "copy", "rfc-2016", "failing-copies")
def a_failed_copy_goes_unnoticed(copy: Any) -> Any:
    """The error of a copy is dropped, and the copy taken for made."""

    def copies(*arguments: Any, **how: Any) -> None:
        with suppress(OSError):
            copy(*arguments, **how)

    return copies


@ERRORS.stack(Job, "copy", "rfc-2016", "failing-copies")
def a_failed_copy_counts_as_done(copy: Any) -> Any:
    """A cluster whose copy failed is marked done."""

    def copies(job: Job, request: Any, extent: Any, **how: Any) -> None:
        try:
            copy(job, request, extent, **how)
        except OSError:
            job.done.set(extent)
            raise

    return copies


@ERRORS.stack(Pool, "wait", "block-copy-5.1", "wide-failing-copy")
def a_failed_task_goes_unnoticed(wait: Any) -> Any:
    """The error of a task is dropped, and what it was to copy taken for copied."""

    def waits(pool: Pool) -> None:
        with suppress(OSError):
            wait(pool)

    return waits


@ERRORS.stack(Bitmap, "reset", "block-copy-5.0", "failing-copies")
def a_failed_copy_stays_clean(reset: Any) -> Any:
    """A cluster whose copy failed does not become dirty again."""
    return lambda bitmap, extent: None


@ERRORS.stack(BackupJob, "cow_request_end", "rfc-2016", "failing-copies")
def a_failed_copy_keeps_its_request(end: Any) -> Any:
    """Who fails to copy leaves its CowRequest on the list."""
    return lambda job, cow_request: None if sys.exception() else end(job, cow_request)


@ERRORS.stack(ReqList, "remove", "rfc-2016", "failing-and-stop")
def a_failed_copy_keeps_the_flush_lock(remove: Any) -> Any:
    """Who fails to copy keeps the job's flush_rwlock for reading."""

    def removes(requests: ReqList, entry: Any) -> None:
        if requests.called != "the job's flush_rwlock" or sys.exception() is None:
            remove(requests, entry)

    return removes


@ERRORS.stack(TrackedRequests, "end", "rfc-repaired", "failing-in-a-block")
def who_fails_stays_in_the_node(end: Any) -> Any:
    """Who fails is left on the node's tracked list."""
    return lambda node, entry: None if sys.exception() else end(node, entry)


@ERRORS.stack(Disk, "write", "rfc-2016", "failing-copies")
def a_failed_write_goes_unnoticed(write: Any) -> Any:
    """The error of a data write is dropped."""

    def writes(disk: Disk, label: str, *arguments: Any) -> None:
        with suppress(OSError) if label == "write.data" else nullcontext():
            write(disk, label, *arguments)

    return writes


@ERRORS.stack(Unserialised, "_write", "rfc-2016", "failing-copies")
def the_client_hears_of_no_error(write: Any) -> Any:
    """A write that failed is reported as made."""

    def writes(design: Unserialised, request: Any) -> None:
        with suppress(OSError):
            write(design, request)

    return writes


@ERRORS.stack(CopyBeforeWrite, "break_snapshot", "copy-before-write-9.2", "break-snapshot")
def the_write_breaks_always(flag: Any) -> Any:
    """on-cbw-error is not looked at: a failed copy breaks the write."""
    return property(lambda filter_: False, lambda filter_, value: None)


@ERRORS.stack(CopyBeforeWrite, "snapshot_error", "copy-before-write-9.2", "break-snapshot")
def a_broken_snapshot_is_forgotten(flag: Any) -> Any:
    """That the snapshot is broken is not noted."""
    return property(lambda filter_: False, lambda filter_, value: None)


@ERRORS.stack(CopyBeforeWrite, "block_copy", "copy-before-write-9.2", "break-snapshot")
def a_failed_copy_is_marked(block_copy: Any) -> Any:
    """The filter marks clusters copied whose copy failed."""

    def copies(filter_: CopyBeforeWrite, request: Any) -> None:
        try:
            block_copy(filter_, request)
        except OSError:
            filter_.transferred.set(request.extent)
            raise

    return copies


@ERRORS.stack(Commits, "_above", "replication-5.1", "failing-commit")
def a_failed_commit_forgets_the_hidden_disk(above: Any) -> Any:
    """After a commit that failed a guest's write goes past what is in the hidden disk."""

    def looks(stack: Commits, rest: Any) -> tuple[bool, Any]:
        return stack.active.allocated.run(rest)

    return looks


@ERRORS.stack(Commits, "commit_failed", "replication-5.1", "failing-commit")
def a_failed_commit_is_forgotten(flag: Any) -> Any:
    """That the commit has failed is not noted."""
    return property(lambda stack: False, lambda stack, value: None)


@ERRORS.stack(CopyBeforeWrite, "_is_refused", "copy-before-write-9.2", "bitmap")
def readers_do_not_ask_the_access_bitmap(is_refused: Any) -> Any:
    """A reader is refused only if the snapshot is broken, not where it may not read."""
    return lambda filter_, rest: filter_.snapshot_error
