"""The designs that run, by name, in the order in which they came."""

from __future__ import annotations

from cowpath.impl.design import Design
from cowpath.impl.designs.block_copy_4_2 import BlockCopy42Design
from cowpath.impl.designs.block_copy_5_0 import BlockCopy50
from cowpath.impl.designs.copy_before_write_7_0 import CopyBeforeWrite70
from cowpath.impl.designs.fleecing_4_0 import Fleecing40
from cowpath.impl.designs.merged_2_8 import Merged28
from cowpath.impl.designs.rfc_2016 import Rfc2016
from cowpath.impl.designs.rfc_repaired import RfcRepaired
from cowpath.impl.designs.unserialised import Unserialised

DESIGNS: dict[str, type[Design]] = {
    design.name: design
    for design in (
        Unserialised,
        Rfc2016,
        Merged28,
        Fleecing40,
        BlockCopy42Design,
        BlockCopy50,
        CopyBeforeWrite70,
        RfcRepaired,
    )
}
