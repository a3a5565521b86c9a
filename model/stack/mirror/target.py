"""What a write of the target does beside: allocate its clusters there, and have the rest of them filled.

Where the target has only the name of what is behind it (drive-mirror opens it so, and opens the rest when
the job ends), a new cluster that is written in part is filled with zeroes: what was to be seen of the base
is lost.
Source: blockdev.c qmp_drive_mirror (BDRV_O_NO_BACKING); block/qcow2.c perform_cow.
"""

from __future__ import annotations

from collections.abc import Callable

from cowpath.model.language.expression import Expr, exists
from cowpath.model.language.system import State
from cowpath.model.stack.mirror.world import Chunk, Sector


def fill(s: State, writes: Callable[[Expr], Expr]) -> None:
    """Note what becomes of the target's other sectors by a write of those where `writes` holds."""

    def new(c: Expr) -> Expr:
        """Tell whether the write allocates the cluster of chunk c."""
        same = exists(Sector, lambda y: writes(y) & (s.lowest[s.chunk_of[y]] == s.lowest[c]))
        return s.fills & ~s.in_target[c] & same

    for x in s.each(Sector):
        s.stale[x] = ~writes(x) & (s.stale[x] | new(s.chunk_of[x]))
    for c in s.each(Chunk):
        s.in_target[c] = s.in_target[c] | new(c)
