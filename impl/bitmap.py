"""A set of a disk's clusters: a bitmap of what is done, or the map of what an overlay has allocated."""

from __future__ import annotations

from collections.abc import Callable

from cowpath.impl.context import AioContext
from cowpath.impl.extent import Extent


class Bitmap:
    """One bit a cluster; extents stand for all clusters that they touch. `those_set` has their numbers.

    `alive` is asked at every use whether the bitmap's memory is still there, and raises if it is not.
    """

    def __init__(
        self, context: AioContext, called: str, cluster: int, alive: Callable[[], None] = lambda: None
    ) -> None:
        self.context = context
        self.called = called
        self.cluster = cluster
        self.alive = alive
        self.those_set: set[int] = set()

    def set(self, extent: Extent) -> None:
        """Set the extent's bits."""
        clusters = extent.units(self.cluster)
        self.alive()
        self.context.touch(self.called, (clusters.start, clusters.stop), True)
        self.those_set.update(clusters)

    def reset(self, extent: Extent) -> None:
        """Clear the extent's bits."""
        clusters = extent.units(self.cluster)
        self.alive()
        self.context.touch(self.called, (clusters.start, clusters.stop), True)
        self.those_set.difference_update(clusters)

    def clear(self) -> None:
        """Clear all bits."""
        self.alive()
        self.context.touch(self.called, None, True)
        self.those_set.clear()

    @property
    def empty(self) -> bool:
        """Whether no bit is set."""
        self.alive()
        self.context.touch(self.called, None, False)
        return not self.those_set

    def within(self, extent: Extent) -> list[int]:
        """Return which of the extent's clusters have their bit set, by number and in order."""
        clusters = extent.units(self.cluster)
        self.alive()
        self.context.touch(self.called, (clusters.start, clusters.stop), False)
        return [k for k in clusters if k in self.those_set] if self.those_set else []

    def run(self, extent: Extent) -> tuple[bool, Extent]:
        """Return the first bit of the extent, and the beginning of the extent where it stays the same."""
        clusters = extent.units(self.cluster)
        self.alive()
        self.context.touch(self.called, (clusters.start, clusters.stop), False)
        bit = clusters.start in self.those_set
        for k in clusters[1:]:
            if (k in self.those_set) != bit:
                return bit, Extent(extent.start, k * self.cluster)
        return bit, extent

    def next_clear(self, extent: Extent) -> Extent | None:
        """Return the first longest run of clear bits in the extent, None if all are set."""
        while extent.start < extent.end:
            bit, run = self.run(extent)
            if not bit:
                return run
            extent = Extent(run.end, extent.end)
        return None
