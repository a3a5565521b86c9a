"""The target's node: an image whose clusters are allocated when they are first written.

Where the image has only the name of what is behind it, as with drive-mirror until the job ends, a cluster
that is new and written in part is filled with zeroes.
Source: blockdev.c qmp_drive_mirror (BDRV_O_NO_BACKING); block/qcow2.c perform_cow.
"""

from __future__ import annotations

from cowpath.impl.bitmap import Bitmap
from cowpath.impl.context import AioContext, Request
from cowpath.impl.disk import Disk
from cowpath.impl.extent import Extent


class Target:
    """The node. `fills`: what a write leaves of a new cluster is filled, for want of what is behind it.

    It does so until the job ends.
    """

    def __init__(self, context: AioContext, disk: Disk, cluster: int, *, fills: bool) -> None:
        self.disk = disk
        self.cluster = cluster
        self.fills = fills
        self.allocated = Bitmap(context, "the target's map", cluster)

    def write(self, label: str, request: Request, extent: Extent, data: bytes) -> None:
        """Write the extent as part of the step `label`. Raises OSError, and has allocated nothing then."""
        self.disk.write(label, request, extent, data)
        whole = extent.widened(self.cluster, self.disk.size)
        if self.fills:
            head, tail = Extent(whole.start, extent.start), Extent(extent.end, whole.end)
            pieces = [piece for piece in (head, tail) if piece.length and self.is_new(piece)]
            self.disk.zero(label, request, pieces)
        self.allocated.set(whole)

    def is_new(self, extent: Extent) -> bool:
        """Tell whether a cluster of the extent is not allocated yet."""
        return self.allocated.next_clear(extent) is not None
