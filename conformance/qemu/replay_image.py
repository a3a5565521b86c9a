"""What is read of a qcow2 image whose data are in another file; for us, and copied into each reproducer."""

from __future__ import annotations

import struct

_OFFSET = 0x00FF_FFFF_FFFF_FE00
_COPIED, _ZERO = 1 << 63, 1


def read_image(mapping: bytes, data: bytes, behind: bytes) -> bytes:
    """Return what the image reads as: `mapping` is its own file, `data` the other, `behind` its backing's.

    A cluster is zero by its flag, or has its data at the same offset, or is read from behind. Raises
    ValueError if data lie elsewhere. Source: QEMU's docs/interop/qcow2.txt, the entries of an L2 table.
    """
    bits, size, length, l1 = *struct.unpack_from(">IQ", mapping, 20), *struct.unpack_from(">IQ", mapping, 36)
    cluster, found = 1 << bits, bytearray(behind)
    for table in range(length):
        (l2,) = struct.unpack_from(">Q", mapping, l1 + 8 * table)
        if not l2 & _OFFSET:
            continue
        for number, (entry,) in enumerate(struct.iter_unpack(">Q", mapping[l2 & _OFFSET :][:cluster])):
            start = (table * (cluster // 8) + number) * cluster
            end = min(start + cluster, size)
            if start >= size:
                break
            if entry & _ZERO:
                found[start:end] = bytes(end - start)
            elif entry & (_OFFSET | _COPIED):  # offset 0 is an offset, too, in a file of data alone
                if entry & _OFFSET != start:
                    raise ValueError(f"the data of {start} are at {entry & _OFFSET}")
                found[start:end] = data[start:end]
    return bytes(found)
