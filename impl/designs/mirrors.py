"""The mirrors of QEMU 3.0 to 10.1, each the one before with what its release changed; and two never shipped.

Source: block/mirror.c; the commits are d06107ade0 (3.0), dbdf699cad and 994b44ab20 (4.2), ce8cabbd17 (5.0),
d44dae1a7c (6.1), 66fed30c9c (6.2), d69a879bdf and da93d5c84e (7.2), 32125b1460 (8.0), 058cfca564 and
c45d0e1af0 (8.2), 7e277545b9 (10.1).
"""

from __future__ import annotations

from dataclasses import replace

from cowpath.impl.mirror.mirror import Mirror


class Mirror30(Mirror):
    """The mirror with active writes, as it came."""

    name = "mirror-3.0"


class Mirror42(Mirror30):
    """A write leaves dirty what it has written in part only."""

    name = "mirror-4.2"
    has = replace(Mirror30.has, resets_outward=False, marks="mode")


class Mirror50(Mirror42):
    """Who lacks a slot or buffers waits for an operation that has begun."""

    name = "mirror-5.0"
    has = replace(Mirror42.has, first_of_list=False)


class Mirror61(Mirror50):
    """An operation that is parked is in nobody's way; the background takes itself for one."""

    name = "mirror-6.1"
    has = replace(Mirror50.has, in_order=False, skips_parked=True, needs_self=True)


class Mirror62(Mirror61):
    """The background, which is no operation, notes nothing in one."""

    name = "mirror-6.2"
    has = replace(Mirror61.has, needs_self=False)


class Mirror72(Mirror62):
    """The background copies beside active writes."""

    name = "mirror-7.2"
    has = replace(Mirror62.has, waits_for_writes=False, checks=True)


class Mirror80(Mirror72):
    """The filter sees a job only when that has its lists."""

    name = "mirror-8.0"
    has = replace(Mirror72.has, late=True)


class Mirror82(Mirror80):
    """The filter marks what it does not copy, and the mode may change."""

    name = "mirror-8.2"
    has = replace(Mirror80.has, marks="filter", syncs_again=True, changes_mode=True)


class Mirror101(Mirror82):
    """The job knows where the target is zero."""

    name = "mirror-10.1"
    has = replace(Mirror82.has, knows_zeroes=True)


class Mirror110(Mirror101):
    """Zeroes within a chunk pass, and who comes before the lists are there is noted."""

    name = "mirror-11.0"
    has = replace(Mirror101.has, checks_range=True, marks_until_seen=True)


class MirrorRepaired(Mirror82):
    """The smallest changes to 8.2 with which all but convergence holds."""

    name = "mirror-repaired"
    has = replace(
        Mirror82.has,
        looks_again=True,
        claims_clusters=True,
        rounds_each_end=True,
        cleans_first=True,
        marks_until_seen=True,
        spares_new_clusters=True,
        looks_after_flush=True,
    )


class Mirror101Repaired(MirrorRepaired):
    """The same changes to 10.1, and two more."""

    name = "mirror-10.1-repaired"
    has = replace(MirrorRepaired.has, knows_zeroes=True, checks_range=True, heeds_backing=True)
