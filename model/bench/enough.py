"""When a disk is large enough for *every* workload of so many requests within one cluster of any size.

What the rules see of the sectors of a cluster is the set of combinations of marks that occur there (see
`classes`); for NBD writes of data, guest reads and guest writes the marks follow from which sectors a request
covers, and which an unaligned write is widened to. Both change only at the requests' ends and at the edges of
their blocks. Let there be n requests, so 2n ends.

*Blocks of 2n + 1 sectors are long enough.* At most 2n ends lie inside a block, so they cut it into at most
2n + 1 stretches of sectors with equal marks; in a longer block some stretch has two sectors, and without one
of them the set is the same. A shorter block, such as one that the disk's end cuts short, has the same set as
a longer one in which a sector is repeated.

*4n + 1 blocks are enough.* A block with no end inside has one combination of marks throughout, and only ends,
inside blocks or at their edges, part such blocks from each other: at most 2n parts, so at most 2n + 1 runs of
blocks that are alike, of each of which one will do; with the at most 2n blocks that have an end inside that
makes 4n + 1.

So a disk of (2n + 1)(4n + 1) sectors in one cluster shows every class there is, of any cluster and any block
size (blocks not longer than the cluster). Another disk is enough if it shows as many, and that is counted.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator

import numpy as np

from cowpath.model.bench.workloads import Bound

KINDS = ("nbd-write", "guest-read", "guest-write")
"""The kinds of request that the argument is about."""
MOST = 2
"""Requests for which the classes are counted; for more there are too many on the disk of the argument."""


def is_enough(bound: Bound) -> bool:
    """Tell whether the bound's workloads stand for all of as many requests within one cluster of any size."""
    if bound.requests > MOST or bound.cluster < bound.sectors or bound.sectors % bound.alignment:
        return False
    if not set(bound.kinds) <= set(KINDS):
        return False
    n = bound.requests
    block = 2 * n + 1
    return shown(block, block * (4 * n + 1), n) <= shown(bound.alignment, bound.sectors, n)


def shown(block: int, sectors: int, requests: int) -> frozenset[object]:
    """Return the sets of combinations of marks that requests have on a disk of one cluster, by what they are.

    A request is an unaligned NBD write, an aligned one, or of another kind, which has all extents.
    """
    masks: dict[str, list[tuple[int, ...]]] = {}
    for head, mask in _masks(block, sectors):
        masks.setdefault(head, []).append(mask)
    return frozenset(
        (heads, sets)
        for heads in itertools.combinations_with_replacement(("aligned", "other", "unaligned"), requests)
        for sets in _sets([masks.get(head, []) for head in heads])
    )


def _masks(block: int, sectors: int) -> Iterator[tuple[str, tuple[int, ...]]]:
    """Yield for each extent of each sort of request its sectors by their marks, as bits.

    The marks of an unaligned write are: nothing, widened to, covered; of any other request nothing, covered.
    """
    everything = (1 << sectors) - 1
    for start in range(sectors):
        for end in range(start + 1, sectors + 1):
            covered = (1 << end) - (1 << start)
            first, last = start - start % block, min(end + -end % block, sectors)
            wide = (1 << last) - (1 << first)
            yield "other", (everything & ~covered, covered)
            if wide == covered:
                yield "aligned", (everything & ~covered, covered)
            else:
                yield "unaligned", (everything & ~wide, wide & ~covered, covered)


def _sets(requests: list[list[tuple[int, ...]]]) -> frozenset[int]:
    """Return the sets of combinations that occur, each as bits over the product of the requests' marks."""
    tables = [np.array(masks, np.uint64) for masks in requests]
    if not all(len(table) for table in tables):
        return frozenset()
    found: set[int] = set()
    for one in tables[0]:
        told = [one[mark] for mark in range(tables[0].shape[1])]
        if len(tables) == 1:
            found.add(sum(1 << n for n, bits in enumerate(told) if bits))
            continue
        other = tables[1]
        sets = np.zeros(len(other), np.uint64)
        for n, (bits, mark) in enumerate(itertools.product(told, range(other.shape[1]))):
            sets |= ((other[:, mark] & bits) != 0).astype(np.uint64) << np.uint64(n)
        found.update(np.unique(sets).tolist())
    return frozenset(found)
