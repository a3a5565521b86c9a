"""What every design has: the chain of disks, the requests in flight, and what may be asked of it.

    guest -> replication node -> active disk -> hidden disk -> secondary disk -> protocol node
    NBD server ------------------------------------------------^
    backup job, sync=none: source the secondary disk, target the hidden disk

A design is a subclass: how a write is copied before it is made, how a guest's request is admitted, and how
the job ends.
"""

from __future__ import annotations

import errno
import itertools
import sys
from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from cowpath.impl.backup import Job
from cowpath.impl.context import AioContext, Request
from cowpath.impl.disk import Disk
from cowpath.impl.extent import Extent
from cowpath.impl.overlay import Active, Hidden
from cowpath.impl.protocol import Protocol
from cowpath.impl.read_pool import PooledActive, PooledHidden
from cowpath.impl.reqlist import Entry, ReqList
from cowpath.impl.secondary import Secondary


@dataclass(frozen=True)
class Geometry:
    """Sizes in bytes. An alignment of 1 is none; `cluster` is the job's copy unit and that of the overlays.

    `break_snapshot` is on-cbw-error of the designs that have it: a failed copy breaks the snapshot, not the
    write. `job_requests_queue`: in a drained section a job's own requests are queued as anybody's are.
    `copy_offload`: the job has a run of clusters copied at once, in the designs that do.
    `cbw_timeout`: seconds that a write waits for its copy at most, in the designs that do; 0 is for ever.
    `discard_source`: a reader discards what it has read, in the designs that know that.
    `source_outside_chain`: QEMU does not find the job's source in the chain of its target.
    `outside_bitmap`: whole clusters that the filter's bitmap lacks, in the designs that know a bitmap: they
    are not copied, and may not be read.
    """

    size: int
    cluster: int
    request_alignment: int = 1
    protocol_alignment: int = 1
    copy_on_read: bool = False
    break_snapshot: bool = False
    job_requests_queue: bool = False
    copy_offload: bool = False
    source_outside_chain: bool = False
    cbw_timeout: float = 0.0
    discard_source: bool = False
    outside_bitmap: Sequence[Extent] = ()

    def check(self) -> None:
        """Raise ValueError for sizes that no disk has."""
        for name in ("size", "cluster", "request_alignment", "protocol_alignment"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} is {getattr(self, name)}; accepted: 1 byte or more")


@dataclass(frozen=True)
class Disks:
    """The three disks of a chain."""

    secondary: Disk
    hidden: Disk
    active: Disk


class Design(ABC):
    """A secondary, from its NBD server to its guest. What fails raises OSError, what must not be `Crash`.

    `target_serialises`: the job's writes to the hidden disk are serialising. `reads_in_pieces`: what a
    guest's read has looked up is transferred while it looks up the rest. `guest_reads_wait`: if not, a
    guest's read of the secondary disk carries NO_SERIALISING. `merges_reads`: a guest's write may read all
    that it fills its clusters with at once. `lists_unserialised`: such reads, and the
    job's own, are on the tracked list for others to see. `stop_begins_drained`: nothing is done to the job
    before nothing is in flight. `breaks_snapshot`: it knows on-cbw-error, `times_out`: cbw-timeout.
    """

    name = ""
    target_serialises = False
    reads_in_pieces = False
    guest_reads_wait = True
    merges_reads = False
    lists_unserialised = True
    checkpoint_drains = False
    stop_begins_drained = False
    breaks_snapshot = False
    times_out = False

    def __init__(self, context: AioContext, disks: Disks, geometry: Geometry) -> None:
        self.context = context
        self.geometry = geometry
        file = disks.secondary
        self.secondary = Secondary(
            context,
            Protocol(context, file, geometry.protocol_alignment) if geometry.protocol_alignment > 1 else file,
            alignment=geometry.request_alignment,
            copy_on_read=geometry.copy_on_read,
            lists_unserialised=self.lists_unserialised,
        )
        hidden, active = (PooledHidden, PooledActive) if self.reads_in_pieces else (Hidden, Active)
        self.hidden = hidden(
            context,
            disks.hidden,
            geometry.cluster,
            self.secondary,
            serialises=self.target_serialises,
            reads_wait=self.guest_reads_wait,
            copies_serialise=not geometry.source_outside_chain,
        )
        self.active = active(context, disks.active, geometry.cluster, self.hidden, merges=self.merges_reads)
        self.whole = Extent(0, sys.maxsize)
        self.places = itertools.count()
        self.in_flight = ReqList(context, "requests in flight (drain)", "its place in flight")
        self.endings = ReqList(context, "the end of the job", "the job's end")
        self.replicating = True  # until a stop

    job: Job

    @property
    def freed(self) -> bool:
        """Whether the secondary disk has no job any more."""
        return self.job.state == "freed"

    # -- what may be asked of it

    def nbd_write(self, request: Request) -> None:
        """Write what the primary has written."""
        with Flight(self, request):
            self._write(request)

    def nbd_read(self, request: Request) -> bytes:
        """Read the secondary disk as it is now, as an NBD client of that node may."""
        with Flight(self, request):
            data = self.secondary.read(request, request.extent, enter="nbd.enter", transfer="nbd.read")
            self.context.trace("nbd.read", request)
            return data

    def guest_read(self, request: Request) -> bytes:
        """Read what the guest sees: what it wrote since the checkpoint, else the disk as of then."""
        with Flight(self, request):
            return self._guest_read(request)

    def guest_write(self, request: Request) -> None:
        """Write for the guest; it is all gone at the next checkpoint."""
        with Flight(self, request):
            self._guest_write(request, request.data or bytes(request.extent.length))

    def checkpoint(self, request: Request, *, quiesced: bool = True) -> None:
        """Make the secondary disk's content the snapshot, and empty both overlays.

        COLO quiesces first, nothing in QEMU's block layer checks it: with `quiesced` we wait until nothing is
        in flight. Raises OSError if there is no job.
        Source: block/replication.c secondary_do_checkpoint; block/backup.c backup_do_checkpoint (2.8).
        """
        with self.context:
            quiesced = quiesced or self.checkpoint_drains
            with self.drained(request, quiesced, stays=True):
                if self.freed:
                    self._checkpoint_without_job(request)
                    return
                self.job.done.clear()
                if not quiesced:
                    self.context.step("checkpoint.clear-done", request)
                self.active.empty()
                if not quiesced:
                    self.context.step("checkpoint.empty-active", request)
                self.hidden.empty()
                self.context.trace("checkpoint" if quiesced else "checkpoint.empty-hidden", request)

    def stop(self, request: Request, *, drained: bool = True) -> None:
        """End the job. `drained`: teardown drains before the job is freed.

        Raises OSError if there is no job.
        """
        with self.context:
            if self.job.state != "running":
                self._stop_again(request)
                return
            with self.drained(request, self.stop_begins_drained):
                if self.freed:  # by another stop meanwhile
                    self._stop_again(request)
                    return
                ending = self.endings.add(request, self.whole)
                try:
                    self.replicating = False
                    self._stop(request, drained)
                finally:
                    self.endings.remove(ending)

    @contextmanager
    def drained(self, request: Request, really: bool = True, *, stays: bool = False) -> Iterator[None]:
        """Wait until nothing is in flight, if `really`; what follows is then one step with that.

        It waits for the end of the job, too, if another has begun that. `stays`: it is a checkpoint's.
        """
        own = any(ending.owner is request for ending in self.endings.entries)
        self._wait_for(request, *([] if own else [self.endings]), *([self.in_flight] if really else []))
        yield

    # -- what a design says

    @abstractmethod
    def _write(self, request: Request) -> None: ...

    @abstractmethod
    def _stop(self, request: Request, drained: bool) -> None: ...

    def _stop_again(self, request: Request) -> None:
        """Stop though there is no job: an error. Raises OSError."""
        self.context.trace("stop.refused", request)
        raise OSError(errno.EINVAL, "there is no job")

    def _checkpoint_without_job(self, request: Request) -> None:
        """Make a checkpoint though there is no job: an error. Raises OSError."""
        self.context.trace("checkpoint.refused", request)
        raise OSError(errno.EINVAL, "there is no job")

    def arrive(self, request: Request) -> Entry:
        """Take the request in: a drain waits for the place that it is given."""
        place = next(self.places)
        return self.in_flight.add(request, Extent(place, place + 1))

    # -- what most have in common

    def _guest_read(self, request: Request) -> bytes:
        """Go straight into the active disk (block/replication.c replication_co_readv, 4.0)."""
        self.context.step("read.begin", request)
        with self._ending(request, "read"):
            return self.active.read(request)

    def _guest_write(self, request: Request, data: bytes) -> None:
        """Go straight into the active disk (block/replication.c replication_co_writev)."""
        self.context.step("guest.begin", request)
        with self._ending(request, "guest"):
            self.active.write(request, data)

    @contextmanager
    def _ending(self, request: Request, verb: str) -> Iterator[None]:
        """Say that a guest's request has come to its end, or has failed."""
        try:
            yield
        except OSError:
            self.context.trace(f"{verb}.fail", request)
            raise
        self.context.trace(f"{verb}.end", request)

    def _wait_for(self, request: Request, *lists: ReqList) -> None:
        """Wait until all the lists are empty at once."""
        while any(requests.entries for requests in lists):
            for requests in lists:
                requests.wait_all(request, self.whole)


class Flight:
    """A request in flight: it has the context's lock, but for its yields, and a drain waits for it."""

    __slots__ = ("design", "entry", "request")

    def __init__(self, design: Design, request: Request) -> None:
        self.design = design
        self.request = request

    def __enter__(self) -> None:
        self.design.context.lock.acquire()
        try:
            self.entry = self.design.arrive(self.request)
        except BaseException:  # it waited, and the run was over
            self.design.context.lock.release()
            raise

    def __exit__(self, *_: object) -> None:
        self.design.in_flight.remove(self.entry)
        self.design.context.lock.release()
