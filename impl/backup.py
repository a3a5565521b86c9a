"""The backup job, sync=none: its before-write notifier copies what is about to be overwritten.

Source: block/backup.c wait_for_overlapping_requests, cow_request_begin, cow_request_end, backup_do_cow,
backup_before_write_notify, backup_run (2.8).
"""

from __future__ import annotations

from cowpath.impl.bitmap import Bitmap
from cowpath.impl.context import AioContext, Request
from cowpath.impl.errors import AssertionFailed, LifetimeError
from cowpath.impl.extent import Extent
from cowpath.impl.overlay import Hidden
from cowpath.impl.reqlist import Entry, ReqList
from cowpath.impl.secondary import Secondary

SECTOR = 512


class Job:
    """What is common to the block job in all its forms: its state, and the words about its end.

    "running" -> "ending" (takes no more writes) -> "ended" (bitmap freed) -> "freed".
    """

    def __init__(self, context: AioContext, source: Secondary, target: Hidden, cluster: int) -> None:
        self.context = context
        self.source = source
        self.target = target
        self.cluster = cluster
        # The bitmap goes first, with the end of the job, and the job's memory after it.
        self.done = Bitmap(
            context, "the done bitmap", cluster, lambda: self.alive("the done bitmap", "ended", "freed")
        )
        self._state = "running"

    @property
    def state(self) -> str:
        """How far the job has come to its end."""
        self.context.touch("the job", None, False)
        return self._state

    def become(self, state: str) -> None:
        """Come a step nearer to the end."""
        self.context.touch("the job", None, True)
        self._state = state

    def clusters(self, request: Request) -> Extent:
        """Return the clusters that cover the request."""
        return request.extent.widened(self.cluster, self.source.size)

    def alive(self, what: str, *gone: str) -> None:
        """Check that the job's memory is still there. Raises LifetimeError."""
        if self.state in (gone or ("freed",)):
            raise LifetimeError(f"{what} of a job that is {self.state}")

    def copy(
        self, request: Request, extent: Extent, *, enter: str, serialises: bool, zeroes: bool = False
    ) -> None:
        """Copy whole clusters to the target. Raises OSError.

        Without `serialises` the read of the source carries BDRV_REQ_NO_SERIALISING. What is `zeroes` is not
        read.
        Source: block/backup.c backup_do_cow (2.8); block/block-copy.c block_copy_do_copy (5.0).
        """
        transfer = "cow.read"
        try:
            if zeroes:
                data = bytes(extent.length)
                self.context.step("cow.zeroes", request)
            else:
                data = self.source.read(
                    request, extent, enter=enter, transfer=transfer, serialises=serialises
                )
                self.context.step(transfer, request)
            transfer = "cow.write"
            self.target.write(request, extent, data)
            self.context.step(transfer, request, extent=extent)
        except OSError:
            self.context.step(f"{transfer}-fails", request)
            raise


class BackupJob(Job):
    """The job whose notifier runs inside each write to its source.

    Whoever copies (or, in the RFC, reads) takes a CowRequest over the covering clusters; two that overlap
    exclude each other, whatever they are for. `offloads`: what is copied at once, from the first cluster
    not done on: "" for that one alone, "rest" for all of the write (3.0), "run" for those not done (4.1).
    """

    offloads = ""

    def __init__(self, context: AioContext, source: Secondary, target: Hidden, cluster: int) -> None:
        super().__init__(context, source, target, cluster)
        self.requests = ReqList(context, "the job's CowRequest list", "CowRequest {}")
        self.copies = ReqList(context, "the job's flush_rwlock", "the flush_rwlock for reading")

    def wait_for_overlapping_requests(self, request: Request, extent: Extent, label: str) -> None:
        """Wait until no overlapping CowRequest is in the list; `label` says so if it has to."""

        def excludes(entry: Entry) -> bool:
            return self.excludes(request, entry.owner)

        if self.requests.find_conflict(extent, excludes) is not None:
            self.context.trace(label, request)
            self.requests.wait_all(request, extent, excludes)

    def excludes(self, request: Request, other: Request) -> bool:
        """Tell whether the CowRequests of the two exclude each other where they overlap: all do."""
        return True

    def cow_request_begin(self, request: Request, extent: Extent) -> Entry:
        """Enter the list; the caller has looked for conflicts in the same step."""
        return self.requests.add(request, extent)

    def cow_request_end(self, cow_request: Entry) -> None:
        """Leave the list and wake all waiters. Raises LifetimeError if there is no list any more."""
        self.alive(f"the CowRequest of {cow_request.owner}")
        self.requests.remove(cow_request)

    def before_write_notify(self, request: Request) -> None:
        """Copy the clusters of a write that are not done yet (backup_do_cow). Raises OSError."""
        if self.state != "running":
            self.context.step("cow.skip", request)
            return
        if request.extent.start % SECTOR or request.extent.end % SECTOR:
            raise AssertionFailed(f"the notifier is given {request.extent}, which is not in whole sectors")
        whole = self.clusters(request)
        reading = self.copies.add(request, Extent(0, self.source.size))
        self.wait_for_overlapping_requests(request, whole, "cow.wait")
        if self.done.next_clear(whole) is None:  # nothing to copy, and nothing yields
            self.alive("the CowRequest list")
            self.copies.remove(reading)
            self.context.step("cow.pass", request)
            return
        cow_request = self.cow_request_begin(request, whole)
        self.context.step("cow.begin", request)
        try:
            rest = whole
            while (run := self.done.next_clear(rest)) is not None:
                extent = self._at_once(run, whole)
                enter = "cow.copy-range" if self.offloads else "cow.copy"
                self.copy(request, extent, enter=enter, serialises=False)
                self.done.set(extent)
                self.context.step("cow.set-done", request, extent=extent)
                rest = Extent(extent.end, whole.end)
        except OSError:
            self.cow_request_end(cow_request)
            self.copies.remove(reading)
            raise  # "cow.fail" is the write's own step
        self.cow_request_end(cow_request)
        self.copies.remove(reading)
        self.context.step("cow.end", request)

    def _at_once(self, run: Extent, whole: Extent) -> Extent:
        """Return what is copied next, of a run of clusters not done (backup_cow_with_offload)."""
        if self.offloads == "rest":
            return Extent(run.start, whole.end)
        return run if self.offloads else Extent(run.start, min(run.start + self.cluster, run.end))
