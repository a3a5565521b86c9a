"""Which steps commute: those that access nothing in common, or only read it."""

from __future__ import annotations

from collections.abc import Sequence

from cowpath.conformance.scheduler.kernel import Access


def independent(one: Sequence[Access], other: Sequence[Access]) -> bool:
    """Tell whether two steps with these accesses may be exchanged without anybody's noticing."""
    for what, extent, writes in one:
        for also, elsewhere, overwrites in other:
            if what == also and (writes or overwrites):
                if extent is None or elsewhere is None:
                    return False
                if extent[0] < elsewhere[1] and elsewhere[0] < extent[1]:
                    return False
    return True
