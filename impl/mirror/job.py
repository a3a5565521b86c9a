"""What the filter, the background and its operations share.

Source: block/mirror.c MirrorBlockJob, MirrorBDSOpaque.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from cowpath.impl.bitmap import Bitmap
from cowpath.impl.context import AioContext, Request
from cowpath.impl.disk import Disk
from cowpath.impl.extent import Extent
from cowpath.impl.mirror.operations import Operations
from cowpath.impl.mirror.target import Target
from cowpath.impl.reqlist import ReqList

WHOLE = Extent(0, sys.maxsize)


@dataclass(frozen=True)
class MirrorGeometry:
    """Sizes in bytes, and how the job is started.

    `blocking`: writes are copied to the target before they return. `dirty`: what the job has still to copy,
    or, with `requests_at_start`, what it finds allocated; None: all. `buffers`: chunks of buffer in all, None
    for as many as are asked for. `target_cluster`: in what the target is allocated, 0: in chunks; `backing`
    is none, open or name-only. `areas`: parts of the disk that the job may tell apart when it asks what is
    allocated, when it chooses what to copy next, and as extents of one block status; none: it is all one.
    """

    size: int
    granularity: int
    blocking: bool = True
    dirty: tuple[Extent, ...] | None = None
    buffers: int | None = None
    target_cluster: int = 0
    backing: str = "none"
    requests_at_start: bool = False
    areas: tuple[Extent, ...] = ()

    def check(self) -> None:
        """Raise ValueError for sizes that no disk has."""
        for name in ("size", "granularity"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} is {getattr(self, name)}; accepted: 1 byte or more")

    @property
    def cluster(self) -> int:
        """In what the target is allocated."""
        return self.target_cluster or self.granularity

    @property
    def rounds(self) -> bool:
        """Whether the background writes whole clusters of the target (cow_bitmap)."""
        return self.backing == "name-only" and self.cluster > self.granularity


@dataclass(frozen=True)
class MirrorDisks:
    """The two disks of a mirror."""

    source: Disk
    target: Disk


class Job:
    """A mirror job. `state`: unborn, created (without its lists), running, draining, over.

    `dirty`: chunks that are to be copied. `busy`: the in-flight bitmap, one bit a chunk however many are at
    work there. `written`: chunks that the background has written, so that their clusters are not new.
    `zero`: chunks of the target that are known to be zero; `zeroes`: chunks of the source that the guest has
    filled with zeroes. `writes`: how many writes are being copied. `synced`: source and target are taken for
    the same (actively_synced).
    """

    def __init__(
        self, context: AioContext, disks: MirrorDisks, geometry: MirrorGeometry, *, in_order: bool
    ) -> None:
        self.context = context
        self.geometry = geometry
        self.source = disks.source
        fills = geometry.backing == "name-only"
        self.target = Target(context, disks.target, geometry.cluster, fills=fills)
        granularity = geometry.granularity
        self.dirty = Bitmap(context, "the dirty bitmap", granularity)
        self.busy = Bitmap(context, "the in-flight bitmap", granularity)
        self.written = Bitmap(context, "what is written of the target", granularity)
        self.allocated = Bitmap(context, "the source's map", granularity)
        self.zero = Bitmap(context, "what is zero in the target", granularity)
        self.zeroes = Bitmap(context, "the source's zeroes", granularity)
        self.operations = Operations(context, in_order=in_order)
        self.inside = ReqList(context, "requests inside the filter (drain)", "its write under way")
        self.areas = geometry.areas or (Extent(0, geometry.size),)
        self.state = "unborn" if geometry.requests_at_start else "running"
        self.blocking = geometry.blocking
        self.free = geometry.buffers
        self.writes = 0
        self.ready = self.synced = self.to_complete = self.to_pause = False
        self._sleepers: list[_Sleeper] = []
        for extent in self.areas if geometry.dirty is None else geometry.dirty:
            self.allocated.set(extent)
            if not geometry.requests_at_start:
                self.dirty.set(extent)

    def zeroed(self, bitmap: Bitmap, extent: Extent, *, zeroes: bool) -> None:
        """Note in a bitmap of zeroes what a write makes of it: zeroes fill whole chunks, data touch any."""
        if not zeroes:
            bitmap.reset(extent)
        elif (whole := extent.narrowed(self.geometry.granularity)).length > 0:
            bitmap.set(whole)

    # -- what is asked of it

    def chunks(self, extent: Extent) -> Extent:
        """Return the whole chunks that the extent touches."""
        return extent.widened(self.geometry.granularity, self.geometry.size)

    def chunk(self, number: int) -> Extent:
        """Return a chunk by its number."""
        start = number * self.geometry.granularity
        return Extent(start, min(start + self.geometry.granularity, self.geometry.size))

    def is_dirty(self, extent: Extent | None = None) -> bool:
        """Tell whether a chunk of the extent is dirty; None: any."""
        return not self.dirty.empty if extent is None else bool(self.dirty.within(extent))

    def in_flight(self) -> bool:
        """Tell whether an operation of the background is in flight."""
        return any(operation.in_flight for operation in self.operations.entries)

    def lacks(self, needed: int) -> bool:
        """Tell whether fewer buffers are free than are needed."""
        return self.free is not None and needed > self.free

    def take(self, needed: int) -> None:
        """Take so many buffers, or give them back if it is negative."""
        if self.free is not None:
            self.free -= needed

    # -- how its steps end

    def step(self, label: str, request: Request, **facts: Any) -> None:
        """Say that a step has taken effect, wake whoever waited for what it has changed, and yield."""
        self.changed()
        self.context.step(label, request, **facts)

    def trace(self, label: str, request: Request, **facts: Any) -> None:
        """Say that a step has taken effect; it is the request's last, or a wait follows."""
        self.changed()
        self.context.trace(label, request, **facts)

    def until(self, holds: Callable[[], bool]) -> None:
        """Wait until it holds; who makes it so says that by the end of a step."""
        if not holds():
            sleeper = _Sleeper(self.context, holds)
            self._sleepers.append(sleeper)
            sleeper.wait()
            self._sleepers.remove(sleeper)

    def changed(self) -> None:
        """Wake whoever waited for what has changed."""
        self.context.touch("the mirror job", None, True)
        for sleeper in self._sleepers:
            sleeper.look()


class _Sleeper:
    """Somebody who waits for the job to be as he wants it, and is woken only then."""

    def __init__(self, context: AioContext, holds: Callable[[], bool]) -> None:
        self.holds = holds
        self.condition = context.condition()

    def wait(self) -> None:
        self.condition.wait_for(self.holds)

    def look(self) -> None:
        if self.holds():
            self.condition.notify_all()
