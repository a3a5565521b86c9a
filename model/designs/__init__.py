"""The designs, by name, in the order in which they came; each is loaded when it is asked for.

`DESIGNS` have a protocol of their own each. `VARIANTS` are what single releases made of one of these: an
assertion, an option or a fault more, or two protocols at once. `releases.py` says which release is which.
`EXTENDED` have a part of QEMU around one of these which all releases have, and most questions need not.
`JUDGES` leave out less of what disks see than those they are named after; by them a real QEMU is judged. They
have no threads.
`MIRRORS` are of another kind of machine, with scenarios of their own.
"""

from __future__ import annotations

import importlib
from collections.abc import Iterator, Mapping

from cowpath.model.designs.case import Case
from cowpath.model.designs.design import Design

__all__ = ["ALL", "DESIGNS", "EXTENDED", "JUDGES", "MIRRORS", "VARIANTS", "Case", "Design"]


class _Designs(Mapping[str, Design]):
    """Looks a design up in the module of this folder that defines it as `DESIGN`."""

    def __init__(self, modules: Mapping[str, str]) -> None:
        self._modules = modules

    def __getitem__(self, name: str) -> Design:
        design = importlib.import_module(f"{__name__}.{self._modules[name]}").DESIGN
        assert isinstance(design, Design)
        assert design.name == name
        return design

    def __iter__(self) -> Iterator[str]:
        return iter(self._modules)

    def __len__(self) -> int:
        return len(self._modules)


_OWN = {
    "unserialised": "unserialised",
    "rfc-2016": "rfc_2016",
    "merged-2.8": "merged_2_8",
    "fleecing-4.0": "fleecing_4_0",
    "block-copy-4.2": "block_copy_4_2",
    "block-copy-5.0": "block_copy_5_0",
    "block-copy-5.1": "block_copy_5_1",
    "copy-before-write-9.2": "copy_before_write_9_2",
    "rfc-repaired": "rfc_repaired",
}
_VARIANTS = {
    "unserialised-2.6": "unserialised_2_6",
    "unserialised-2.7": "unserialised_2_7",
    "rfc-2016-2.6": "rfc_2016_2_6",
    "rfc-2016-2.7": "rfc_2016_2_7",
    "merged-2.10": "merged_2_10",
    "merged-3.0": "merged_3_0",
    "fleecing-4.1": "fleecing_4_1",
    "block-copy-10.1": "block_copy_10_1",
    "copy-before-write-7.0": "copy_before_write_7_0",
    "copy-before-write-7.1": "copy_before_write_7_1",
    "copy-before-write-7.2.15": "copy_before_write_7_2_15",
    "copy-before-write-9.1": "copy_before_write_9_1",
}
_EXTENDED = {
    "replication-4.1": "replication_4_1",
    "replication-4.2": "replication_4_2",
    "replication-5.0": "replication_5_0",
    "replication-5.1": "replication_5_1",
    "drain-4.1": "drain_4_1",
    "drain-4.2": "drain_4_2",
    "drain-5.0": "drain_5_0",
    "drain-5.1": "drain_5_1",
    "drain-10.2": "drain_10_2",
    "block-copy-5.1-scarce": "block_copy_5_1_scarce",
}
_JUDGES = {"replication-5.1-tasks": "replication_5_1_tasks"}
_MIRRORS = {
    "mirror-3.0": "mirror_3_0",
    "mirror-4.2": "mirror_4_2",
    "mirror-5.0": "mirror_5_0",
    "mirror-6.1": "mirror_6_1",
    "mirror-6.2": "mirror_6_2",
    "mirror-7.2": "mirror_7_2",
    "mirror-8.0": "mirror_8_0",
    "mirror-8.2": "mirror_8_2",
    "mirror-10.1": "mirror_10_1",
    "mirror-11.0": "mirror_11_0",
    "mirror-repaired": "mirror_repaired",
    "mirror-10.1-repaired": "mirror_10_1_repaired",
}
DESIGNS: Mapping[str, Design] = _Designs(_OWN)
VARIANTS: Mapping[str, Design] = _Designs(_VARIANTS)
EXTENDED: Mapping[str, Design] = _Designs(_EXTENDED)
JUDGES: Mapping[str, Design] = _Designs(_JUDGES)
MIRRORS: Mapping[str, Design] = _Designs(_MIRRORS)
ALL: Mapping[str, Design] = _Designs(_OWN | _VARIANTS | _EXTENDED | _JUDGES | _MIRRORS)
"""All of them, for whoever is given a name."""
