"""The overlays: a map that says which clusters are allocated, and a file with their data.

A look-up and the use of its answer are separate steps: nobody holds the map meanwhile, as nobody holds
qcow2's lock while data are transferred. One extent is a longest run of clusters with the same answer.
Source: block/qcow2.c qcow2_co_preadv, qcow2_co_pwritev; qcow2-cluster.c handle_dependencies, perform_cow
(2.8, 2.10).
"""

from __future__ import annotations

from collections.abc import Callable

from cowpath.impl.bitmap import Bitmap
from cowpath.impl.context import AioContext, Request
from cowpath.impl.disk import Disk
from cowpath.impl.extent import Extent
from cowpath.impl.reqlist import ReqList
from cowpath.impl.secondary import Secondary
from cowpath.impl.tracked import TrackedRequests

_FEW = 16 << 10
"""Bytes of data at most that are read with what lies before and behind them, to fill the clusters."""


class Overlay:
    """A disk of which only some clusters are there."""

    def __init__(self, context: AioContext, disk: Disk, cluster: int) -> None:
        self.context = context
        self.disk = disk
        self.size = disk.size
        self.cluster = cluster
        self.allocated = Bitmap(context, f"{disk.called}'s map", cluster)

    def empty(self) -> None:
        """Throw everything away (qcow2_make_empty)."""
        self.allocated.clear()
        self.disk.empty()


class Hidden(Overlay):
    """The hidden disk, the backup job's target; the secondary disk is behind it.

    `tracked`: its list, where the job's writes to it are serialising (3.0 on); None where they are not.
    `copies_serialise`: QEMU finds the job's source in this disk's chain, so that they need be.
    """

    def __init__(
        self,
        context: AioContext,
        disk: Disk,
        cluster: int,
        backing: Secondary,
        *,
        serialises: bool,
        reads_wait: bool,
        copies_serialise: bool = True,
    ) -> None:
        super().__init__(context, disk, cluster)
        self.backing = backing
        self.copies_serialise = copies_serialise
        self.tracked = TrackedRequests(context, "the hidden disk") if serialises else None
        self.reads_wait = reads_wait

    def read(self, request: Request, extent: Extent) -> bytes:
        """Read the extent from here or from the secondary disk, run by run. Raises OSError."""
        rest, here, found = extent, False, []
        entry = self.tracked.begin(request, extent) if self.tracked else None
        try:
            if self.tracked and entry:
                self.tracked.wait(entry, "read.enter-hidden")
                self.context.step("read.enter-hidden", request)
            while rest.start < rest.end:
                here, run = self.allocated.run(rest)
                self.context.step("read.lookup-hidden", request, extent=run, mapped=here)
                if here:
                    data = self.disk.read("read.hidden", request, run)
                else:
                    data = self.backing.read(
                        request,
                        run,
                        enter="read.enter-secondary",
                        transfer="read.secondary",
                        serialises=self.reads_wait,
                    )
                found.append(data)
                rest = Extent(run.end, rest.end)
                if self.tracked and entry and rest.start == rest.end:
                    self.tracked.end(entry)
                self.context.step(_transfer(here), request)
            return b"".join(found)
        except OSError:
            if self.tracked and entry and entry.listed:
                self.tracked.end(entry)
            self.context.step(f"{_transfer(here)}-fails", request)
            raise

    def write(self, request: Request, extent: Extent, data: bytes) -> None:
        """Write whole clusters of a copy; the transfer belongs to the step "cow.write". Raises OSError."""
        if self.tracked is None:
            self.disk.write("cow.write", request, extent, data)
        else:
            entry = self.tracked.begin(request, extent, serialising=self.copies_serialise)
            try:
                self.tracked.wait(entry, "cow.serialise")
                self.context.step("cow.serialise", request)
                self.disk.write("cow.write", request, extent, data)
            finally:
                self.tracked.end(entry)
        self.allocated.set(extent)


class Active(Overlay):
    """The active disk: what the guest has written since the checkpoint; the hidden disk is behind it.

    `merges`: what a write leaves of its first and its last cluster may be read at once (2.10 on).
    """

    def __init__(
        self, context: AioContext, disk: Disk, cluster: int, backing: Hidden, *, merges: bool
    ) -> None:
        super().__init__(context, disk, cluster)
        self.backing = backing
        self.merges = merges
        self.hears: Callable[[Extent], None] = lambda cluster: None  # told of a write, in the same step
        self.in_flight = ReqList(
            context, "the active disk's in-flight allocations", "an allocation in the active disk"
        )

    def read(self, request: Request) -> bytes:
        """Read the request's extent from here or from below, run by run. Raises OSError."""
        rest, found = request.extent, []
        while rest.start < rest.end:
            here, run = self.allocated.run(rest)
            if here:
                try:
                    data = self.disk.read("read.lookup-active", request, run)
                except OSError:
                    self.context.step("read.active-fails", request)
                    raise
                self.context.step("read.lookup-active", request, extent=run, mapped=True)
                found.append(data)
            else:
                self.context.step("read.lookup-active", request, extent=run, mapped=False)
                found.append(self.backing.read(request, run))
            rest = Extent(run.end, rest.end)
        return b"".join(found)

    def write(self, request: Request, data: bytes) -> None:
        """Write the request's data, run by run. Raises OSError.

        A run ends where the map's answer changes, and where another has an allocation in flight. Who writes
        to clusters that are not here reads what it leaves of them from below, by the same look-up and
        transfer as a read, and links them when all is written.
        """
        rest = request.extent
        while rest.start < rest.end:
            first = rest.common(Extent(rest.start, rest.start + 1).widened(self.cluster, self.size))
            self.in_flight.wait_all(request, first)
            here, run = self.allocated.run(rest)
            run = Extent(run.start, min(run.end, self.in_flight.next_start(run)))
            rest = Extent(run.end, rest.end)
            clusters = run.widened(self.cluster, self.size)
            allocation = None if here else self.in_flight.add(request, clusters)
            self.context.step("guest.allocate", request, extent=clusters)
            part = data[run.start - request.extent.start : run.end - request.extent.start]
            try:
                if here:
                    self._write(request, run, part)
                    self.hears(clusters)
                else:
                    self._write(request, clusters, self._filled(request, run, part))
                    self.context.step("guest.write", request)
                    self.allocated.set(clusters)
                    self.hears(clusters)
            finally:
                if allocation is not None:
                    self.in_flight.remove(allocation)
            self.context.step("guest.write" if here else "guest.link", request)

    def _filled(self, request: Request, run: Extent, data: bytes) -> bytes:
        """Return the data of all clusters of the run, of which the request writes this much (perform_cow)."""
        clusters = run.widened(self.cluster, self.size)
        head, tail = Extent(clusters.start, run.start), Extent(run.end, clusters.end)
        if self.merges and run.start % self.cluster and run.end % self.cluster and run.length <= _FEW:
            old = self.backing.read(request, clusters)
            return old[: head.length] + data + old[head.length + run.length :]
        before, behind = (self.backing.read(request, end) if end.length else b"" for end in (head, tail))
        return before + data + behind

    def _write(self, request: Request, extent: Extent, data: bytes) -> None:
        try:
            self.disk.write("guest.write", request, extent, data)
        except OSError:
            self.context.step("guest.write-fails", request)
            raise


def _transfer(here: bool) -> str:
    return "read.hidden" if here else "read.secondary"
