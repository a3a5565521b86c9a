"""The overlays: a map that says which clusters are allocated, and a file with their data.

A look-up and the use of its answer are separate steps: nobody holds the map meanwhile, as nobody holds
qcow2's lock while data are transferred. One extent is a longest run of clusters with the same answer.
Source: block/qcow2.c qcow2_co_preadv, qcow2_co_pwritev; qcow2-cluster.c handle_dependencies, perform_cow
(2.8).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from cowpath.impl.bitmap import Bitmap
from cowpath.impl.context import AioContext, Request
from cowpath.impl.disk import Disk
from cowpath.impl.extent import Extent, inside
from cowpath.impl.reqlist import ReqList
from cowpath.impl.secondary import Secondary
from cowpath.impl.tracked import TrackedRequests


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

    def read(self, request: Request, pieces: Sequence[Extent]) -> list[bytes]:
        """Read the pieces from here or from the secondary disk, run by run. Raises OSError."""
        rest, here = Extent(pieces[0].start, pieces[-1].end), False
        entry = self.tracked.begin(request, pieces) if self.tracked else None
        try:
            if self.tracked and entry:
                self.tracked.wait(entry, "read.enter-hidden")
                self.context.step("read.enter-hidden", request)
            found = []
            while rest.start < rest.end:
                here, run = self.allocated.run(rest)
                self.context.step("read.lookup-hidden", request, extent=run, mapped=here)
                wanted = inside(pieces, run)
                if here:
                    data = self.disk.read("read.hidden", request, wanted)
                else:
                    data = self.backing.read(
                        request,
                        wanted,
                        enter="read.enter-secondary",
                        transfer="read.secondary",
                        serialises=self.reads_wait,
                    )
                found += data
                rest = Extent(run.end, rest.end)
                if self.tracked and entry and rest.start == rest.end:
                    self.tracked.end(entry)
                self.context.step(_transfer(here), request)
            return found
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
            entry = self.tracked.begin(request, [extent], serialising=self.copies_serialise)
            try:
                self.tracked.wait(entry, "cow.serialise")
                self.context.step("cow.serialise", request)
                self.disk.write("cow.write", request, extent, data)
            finally:
                self.tracked.end(entry)
        self.allocated.set(extent)


class Active(Overlay):
    """The active disk: what the guest has written since the checkpoint; the hidden disk is behind it."""

    def __init__(self, context: AioContext, disk: Disk, cluster: int, backing: Hidden) -> None:
        super().__init__(context, disk, cluster)
        self.backing = backing
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
                    (data,) = self.disk.read("read.lookup-active", request, [run])
                except OSError:
                    self.context.step("read.active-fails", request)
                    raise
                self.context.step("read.lookup-active", request, extent=run, mapped=True)
                found.append(data)
            else:
                self.context.step("read.lookup-active", request, extent=run, mapped=False)
                found += self.backing.read(request, [run])
            rest = Extent(run.end, rest.end)
        return b"".join(found)

    def write(self, request: Request, data: bytes) -> None:
        """Write the request's data, cluster by cluster. Raises OSError.

        Who writes part of a cluster that is not here reads the rest of it from below, by the same look-up
        and transfer as a read, and links the cluster when all is written.
        """
        whole = request.extent.widened(self.cluster, self.size)
        for start in range(whole.start, whole.end, self.cluster):
            cluster = Extent(start, min(start + self.cluster, self.size))
            extent = cluster.common(request.extent)
            part = data[extent.start - request.extent.start : extent.end - request.extent.start]
            self.in_flight.wait_all(request, cluster)
            new = not self.allocated.run(cluster)[0]
            allocation = self.in_flight.add(request, cluster) if new else None
            self.context.step("guest.allocate", request, extent=cluster)
            try:
                if new and extent != cluster:
                    around = [Extent(cluster.start, extent.start), Extent(extent.end, cluster.end)]
                    pieces = inside(around, cluster)
                    for piece, old in zip(pieces, self.backing.read(request, pieces), strict=True):
                        part = old + part if piece.end == extent.start else part + old
                    extent = cluster
                self._write(request, extent, part)
                self.allocated.set(cluster)
                self.hears(cluster)
            finally:
                if allocation is not None:
                    self.in_flight.remove(allocation)
            self.context.step("guest.write", request, extent=cluster)

    def _write(self, request: Request, extent: Extent, data: bytes) -> None:
        try:
            self.disk.write("guest.write", request, extent, data)
        except OSError:
            self.context.step("guest.write-fails", request)
            raise


def _transfer(here: bool) -> str:
    return "read.hidden" if here else "read.secondary"
