"""A qcow2 image whose data are elsewhere: only the mapping is in it, and no host offset differs.

Source: QEMU's docs/interop/qcow2.txt, version 3, incompatible feature bit 2 (external data file).
"""

from __future__ import annotations

import struct
from dataclasses import dataclass

_MAGIC = b"QFI\xfb"
_EXTERNAL_DATA = 1 << 2
_DATA_FILE_NAME = 0x44415441
_REFCOUNT_ORDER = 4  # 16 bits
_HEADER = 104  # bytes
_COPIED = 1 << 63


@dataclass(frozen=True)
class Image:
    """An image of a disk of `size` bytes. `cluster` is a power of two.

    `allocated`: the ranges that it has, in whole clusters; `tables`: it has its mapping's tables, though what
    is in them may be empty. `backing`: the name that its header gives to what is behind it, empty for none.
    """

    size: int
    cluster: int
    allocated: tuple[tuple[int, int], ...] = ()
    backing: str = ""
    tables: bool = False

    def to_bytes(self) -> bytes:
        """Return the file's content."""
        cluster, entries = self.cluster, self.cluster // 8
        there = sorted({at // cluster for start, end in self.allocated for at in range(start, end, cluster)})
        l1_length = -(-self.size // (cluster * entries))
        l1_clusters = -(-l1_length * 8 // cluster)
        first = 3 + l1_clusters
        tables = range(l1_length) if self.tables else sorted({k // entries for k in there})
        l2_at = {table: first + i for i, table in enumerate(tables)}
        name = self.backing.encode()
        extensions = struct.pack(">II16sII", _DATA_FILE_NAME, 13, b"given on open\0\0\0", 0, 0)
        header = struct.pack(
            ">4sIQIIQIIQQIIQQQQII",
            _MAGIC, 3, (_HEADER + len(extensions)) * bool(name), len(name), cluster.bit_length() - 1,
            self.size, 0, l1_length, 3 * cluster, cluster, 1, 0, 0, _EXTERNAL_DATA, 0, 0, _REFCOUNT_ORDER,
            _HEADER,
        )  # fmt: skip
        refcounts = struct.pack(">H", 1) * (first + len(l2_at))
        l1 = b"".join(_entry(l2_at.get(table), cluster) for table in range(l1_length))
        l2s = [
            b"".join(
                _entry(k if k in there else None, cluster) for k in range(t * entries, (t + 1) * entries)
            )
            for t in l2_at
        ]
        parts = (header + extensions + name, struct.pack(">Q", 2 * cluster), refcounts)
        return b"".join(
            [*(part.ljust(cluster, b"\0") for part in parts), l1.ljust(l1_clusters * cluster, b"\0"), *l2s]
        )


def _entry(number: int | None, cluster: int) -> bytes:
    """Return the entry of a table that points to a cluster of the file, or to nothing."""
    return struct.pack(">Q", 0 if number is None else number * cluster | _COPIED)
