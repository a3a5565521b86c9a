"""The designs, by name, in the order in which they came."""

from __future__ import annotations

from cowpath.model.designs import (
    block_copy_4_2,
    block_copy_5_0,
    copy_before_write_7_0,
    fleecing_4_0,
    merged_2_8,
    rfc_2016,
    rfc_repaired,
    unserialised,
)
from cowpath.model.designs.case import Case
from cowpath.model.designs.design import Design

__all__ = ["DESIGNS", "Case", "Design"]

DESIGNS: dict[str, Design] = {
    module.DESIGN.name: module.DESIGN
    for module in (
        unserialised,
        rfc_2016,
        merged_2_8,
        fleecing_4_0,
        block_copy_4_2,
        block_copy_5_0,
        copy_before_write_7_0,
        rfc_repaired,
    )
}
