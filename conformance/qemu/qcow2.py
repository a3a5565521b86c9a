"""An empty qcow2 image whose data are elsewhere: only the mapping is in it, so no host offset differs.

Source: QEMU's docs/interop/qcow2.txt, version 3, incompatible feature bit 2 (external data file).
"""

from __future__ import annotations

import struct

_MAGIC = b"QFI\xfb"
_EXTERNAL_DATA = 1 << 2
_DATA_FILE_NAME = 0x44415441
_REFCOUNT_ORDER = 4  # 16 bits
_HEADER = 104  # bytes


def empty(size: int, cluster: int) -> bytes:
    """Return an image of a disk of so many bytes, nothing of it allocated. `cluster` is a power of two."""
    entries = -(-size // (cluster * (cluster // 8)))
    l1_clusters = -(-entries * 8 // cluster)
    header = struct.pack(
        ">4sIQIIQIIQQIIQQQQII",
        _MAGIC, 3, 0, 0, cluster.bit_length() - 1, size, 0, entries, 3 * cluster, cluster, 1, 0, 0,
        _EXTERNAL_DATA, 0, 0, _REFCOUNT_ORDER, _HEADER,
    )  # fmt: skip
    name = b"given on open\0\0\0"
    extensions = struct.pack(">II16sII", _DATA_FILE_NAME, 13, name, 0, 0)
    refcount_table = struct.pack(">Q", 2 * cluster)
    refcounts = struct.pack(">H", 1) * (3 + l1_clusters)
    parts = (header + extensions, refcount_table, refcounts)
    return b"".join(part.ljust(cluster, b"\0") for part in parts) + bytes(cluster * l1_clusters)
