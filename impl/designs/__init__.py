"""The designs that run, by name, in the order in which they came; or one that a file defines."""

from __future__ import annotations

import inspect
import runpy
from pathlib import Path

from cowpath.impl.design import Design
from cowpath.impl.designs.block_copy_4_2 import BlockCopy42Design
from cowpath.impl.designs.block_copy_5_0 import BlockCopy50
from cowpath.impl.designs.block_copy_5_1 import BlockCopy51
from cowpath.impl.designs.block_copy_5_1_scarce import BlockCopy51Scarce
from cowpath.impl.designs.block_copy_10_1 import BlockCopy101
from cowpath.impl.designs.copy_before_write_7_0 import CopyBeforeWrite70
from cowpath.impl.designs.copy_before_write_7_1 import CopyBeforeWrite71
from cowpath.impl.designs.copy_before_write_7_2_15 import CopyBeforeWrite7215
from cowpath.impl.designs.copy_before_write_9_1 import CopyBeforeWrite91
from cowpath.impl.designs.copy_before_write_9_2 import CopyBeforeWrite92
from cowpath.impl.designs.drain_4_1 import Drain41
from cowpath.impl.designs.drain_4_2 import Drain42
from cowpath.impl.designs.drain_5_0 import Drain50
from cowpath.impl.designs.drain_5_1 import Drain51
from cowpath.impl.designs.drain_10_2 import Drain102
from cowpath.impl.designs.fleecing_4_0 import Fleecing40
from cowpath.impl.designs.fleecing_4_1 import Fleecing41
from cowpath.impl.designs.merged_2_8 import Merged28
from cowpath.impl.designs.merged_2_10 import Merged210
from cowpath.impl.designs.merged_3_0 import Merged30
from cowpath.impl.designs.mirrors import (
    Mirror30,
    Mirror42,
    Mirror50,
    Mirror61,
    Mirror62,
    Mirror72,
    Mirror80,
    Mirror82,
    Mirror101,
    Mirror101Repaired,
    Mirror110,
    MirrorRepaired,
)
from cowpath.impl.designs.replication_4_1 import Replication41
from cowpath.impl.designs.replication_4_2 import Replication42
from cowpath.impl.designs.replication_5_0 import Replication50
from cowpath.impl.designs.replication_5_1 import Replication51
from cowpath.impl.designs.rfc_2016 import Rfc2016
from cowpath.impl.designs.rfc_repaired import RfcRepaired
from cowpath.impl.designs.source_discards import Rfc26, Rfc27, Unserialised26, Unserialised27
from cowpath.impl.designs.unserialised import Unserialised
from cowpath.impl.mirror.mirror import Mirror

DESIGNS: dict[str, type[Design]] = {
    design.name: design
    for design in (
        Unserialised,
        Rfc2016,
        Merged28,
        Fleecing40,
        BlockCopy42Design,
        BlockCopy50,
        BlockCopy51,
        CopyBeforeWrite92,
        RfcRepaired,
    )
}
VARIANTS: dict[str, type[Design]] = {
    design.name: design
    for design in (
        Unserialised26,
        Unserialised27,
        Rfc26,
        Rfc27,
        Merged210,
        Merged30,
        Fleecing41,
        BlockCopy101,
        CopyBeforeWrite70,
        CopyBeforeWrite71,
        CopyBeforeWrite7215,
        CopyBeforeWrite91,
    )
}
"""What single releases made of one of these."""
EXTENDED: dict[str, type[Design]] = {
    design.name: design
    for design in (
        Replication41,
        Replication42,
        Replication50,
        Replication51,
        Drain41,
        Drain42,
        Drain50,
        Drain51,
        Drain102,
        BlockCopy51Scarce,
    )
}
"""One of these with a part of QEMU around it."""
MIRRORS: dict[str, type[Mirror]] = {
    design.name: design
    for design in (
        Mirror30,
        Mirror42,
        Mirror50,
        Mirror61,
        Mirror62,
        Mirror72,
        Mirror80,
        Mirror82,
        Mirror101,
        Mirror110,
        MirrorRepaired,
        Mirror101Repaired,
    )
}
"""Of another kind of machine."""
ALL = DESIGNS | VARIANTS | EXTENDED
"""All but the mirrors."""


def find(name: str) -> type[Design]:
    """Return the design of that name, or the class that a .py file defines as THREADS.

    Raises ValueError, in one line, if there is neither, or if it is a mirror.
    """
    found = find_any(name)
    if issubclass(found, Design):
        return found
    raise ValueError(f"{name} is a mirror; accepted: {', '.join(ALL)}, or a .py file with such THREADS")


def find_mirror(name: str) -> type[Mirror]:
    """Return the mirror of that name, or of that file. Raises ValueError as `find` does."""
    found = find_any(name)
    if issubclass(found, Mirror):
        return found
    raise ValueError(f"{name} is no mirror; accepted: {', '.join(MIRRORS)}, or a .py file with such THREADS")


def find_any(name: str) -> type[Design] | type[Mirror]:
    """Return the design or mirror of that name, or of that file. Raises ValueError, in one line."""
    if name in ALL:
        return ALL[name]
    if name in MIRRORS:
        return MIRRORS[name]
    if not name.endswith(".py"):
        accepted = ", ".join((*ALL, *MIRRORS))
        raise ValueError(f"unknown design '{name}'; accepted: {accepted}, or a .py file with THREADS")
    if not Path(name).is_file():
        raise ValueError(f"{name}: no such file")
    try:
        own: type[object] | None = runpy.run_path(name).get("THREADS")
    except Exception as error:
        raise ValueError(f"{name}: {type(error).__name__}: {error}") from error
    if inspect.isclass(own) and issubclass(own, (Design, Mirror)):
        return own
    raise ValueError(
        f"{name}: defines no THREADS; accepted: a subclass of cowpath.impl.design.Design or "
        "cowpath.impl.mirror.mirror.Mirror"
    )
