"""Facts of a workload in words: of one request, and of two that are not the same.

They speak the model's language: what a request reads and writes, blocks (of the request alignment) and
clusters. A fact is true or false of types of requests, so it costs nothing to ask it of many workloads.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial

from cowpath.model.bench.workloads import Bound, Type
from cowpath.model.scenarios.sizes import SECTOR
from cowpath.model.scenarios.vocabulary import NBD_WRITES

Extent = tuple[int, int]
NOUN = {
    "nbd-write": "NBD write",
    "nbd-zero": "NBD write of zeroes",
    "guest-read": "guest read",
    "guest-write": "guest write",
    "client-discard": "client's discard",
    "source-discard": "discard on the source",
    "status-query": "block-status query",
    "checkpoint": "checkpoint",
    "stop": "stop",
    "exit": "exit",
    "failover": "failover",
    "drain": "drained section",
    "job-read": "read of the job's",
    "guest-discard": "guest's discard",
    "guest-zero": "guest's write of zeroes",
    "pause": "pause",
    "resume": "resumption",
    "complete": "completion",
    "change-mode": "change of mode",
}


@dataclass(frozen=True)
class Fact:
    """`holds` is given the disk and one or two types of requests. `words` has {r}, and {q} if it is of two.

    `denial` says the opposite; a `symmetric` fact says the same with both swapped.
    A fact with `noun` says what kind of request r is; one with `adjective` and `opposite` is said before it.
    """

    words: str
    holds: Callable[..., bool]
    two: bool
    denial: str = ""
    symmetric: bool = False
    noun: str = ""
    adjective: str = ""
    opposite: str = ""


def facts(bound: Bound) -> Iterator[Fact]:
    """Yield the facts of requests of the bound's kinds, the plainer first."""
    kinds = tuple(dict.fromkeys(bound.kinds))
    for kind in kinds:
        yield Fact("", partial(_is_one_of, kinds=(kind,)), two=False, noun=NOUN[kind])
    if bound.job is not None:
        yield from _BESIDE_A_MIRROR
        return
    writes = [kind for kind in kinds if kind in NBD_WRITES]
    if 1 < len(writes) < len(kinds):
        yield Fact("", partial(_is_one_of, kinds=NBD_WRITES), two=False, noun="NBD write or zero")
    yield from _OF_ONE
    yield from _OF_TWO


def _is_one_of(bound: Bound, r: Type, kinds: Sequence[str]) -> bool:
    return r.kind in kinds


def _own(r: Type) -> Extent:
    return r.at, r.end


def _blocks(bound: Bound, r: Type) -> Extent:
    return _wide(bound, r, bound.alignment)


def _clusters(bound: Bound, r: Type) -> Extent:
    return _wide(bound, r, bound.cluster)


def _wide(bound: Bound, r: Type, unit: int) -> Extent:
    if not r.length:
        return 0, 0
    return r.at - r.at % unit, min(r.end + -r.end % unit, bound.sectors)


def _meet(one: Extent, other: Extent) -> bool:
    return max(one[0], other[0]) < min(one[1], other[1])


def _inside(one: Extent, other: Extent) -> bool:
    return other[0] <= one[0] and one[1] <= other[1]


def _reads(bound: Bound, q: Type, extent: Extent) -> bool:
    """Tell whether a request reads there: a guest write reads the rest of clusters that it covers in part."""
    parts: tuple[Extent, ...] = ()
    if q.kind == "guest-read":
        parts = (_own(q),)
    elif q.kind == "guest-write":
        start, end = _clusters(bound, q)
        parts = (start, q.at), (q.end, end)
    return any(_meet(part, extent) for part in parts)


def _one(adjective: str, opposite: str, holds: Callable[[Bound, Type], bool]) -> Fact:
    return Fact("", holds, two=False, adjective=adjective, opposite=opposite)


def _said(words: str, denial: str, holds: Callable[[Bound, Type], bool]) -> Fact:
    return Fact(words, holds, two=False, denial=denial)


def _two(
    words: str, denial: str, holds: Callable[[Bound, Type, Type], bool], symmetric: bool = False
) -> Fact:
    return Fact(words, holds, two=True, denial=denial, symmetric=symmetric)


_OF_ONE = (
    _one("aligned", "unaligned", lambda b, r: _blocks(b, r) == _own(r)),
    _one("cluster-aligned", "part-cluster", lambda b, r: _clusters(b, r) == _own(r)),
    _said(
        "{r} lies in one block",
        "{r} takes several blocks",
        lambda b, r: r.end - _blocks(b, r)[0] <= b.alignment,
    ),
    _said(
        "{r} lies in one cluster",
        "{r} takes several clusters",
        lambda b, r: r.end - _clusters(b, r)[0] <= b.cluster,
    ),
    _said(
        "{r} begins in the disk's first cluster",
        "{r} begins past the disk's first cluster",
        lambda b, r: r.at < b.cluster,
    ),
)
_OF_TWO = (
    _two(
        "{q} reads of {r}'s blocks",
        "{q} reads nothing of {r}'s blocks",
        lambda b, r, q: _reads(b, q, _blocks(b, r)),
    ),
    _two(
        "{q} reads what {r} covers",
        "{q} reads nothing that {r} covers",
        lambda b, r, q: _reads(b, q, _own(r)),
    ),
    _two(
        "{q} reads in {r}'s clusters",
        "{q} reads nothing in {r}'s clusters",
        lambda b, r, q: _reads(b, q, _clusters(b, r)),
    ),
    _two("{r} and {q} overlap", "{r} and {q} do not overlap", lambda b, r, q: _meet(_own(r), _own(q)), True),
    _two(
        "{r} and {q} share a block",
        "{r} and {q} share no block",
        lambda b, r, q: _meet(_blocks(b, r), _blocks(b, q)),
        True,
    ),
    _two(
        "{r} and {q} share a cluster",
        "{r} and {q} share no cluster",
        lambda b, r, q: _meet(_clusters(b, r), _clusters(b, q)),
        True,
    ),
    _two(
        "{r} meets {q}'s blocks",
        "{r} meets none of {q}'s blocks",
        lambda b, r, q: _meet(_own(r), _blocks(b, q)),
    ),
    _two(
        "{r} lies within {q}",
        "{r} does not lie within {q}",
        lambda b, r, q: _inside(_own(r), _own(q)),
    ),
    _two(
        "{r}'s blocks lie within {q}",
        "{r}'s blocks do not lie within {q}",
        lambda b, r, q: _inside(_blocks(b, r), _own(q)),
    ),
    _two(
        "{r} begins in an earlier cluster than {q}",
        "{r} begins in no earlier cluster than {q}",
        lambda b, r, q: _clusters(b, r)[0] < _clusters(b, q)[0],
    ),
)


def _chunks(bound: Bound, r: Type) -> Iterator[tuple[bool, bool]]:
    """Yield of each chunk that the request meets whether the job has it to copy, and whether r covers it."""
    assert bound.job is not None
    start, end = _clusters(bound, r)
    for at in range(start, end, bound.cluster):
        chunk = at, min(at + bound.cluster, bound.sectors)
        in_bytes = chunk[0] * SECTOR, chunk[1] * SECTOR
        yield any(_meet(in_bytes, dirty) for dirty in bound.job.dirty), _inside(chunk, _own(r))


def _target(bound: Bound, r: Type) -> Extent:
    """Return the clusters of the target that the request meets."""
    assert bound.job is not None
    return _wide(bound, r, max(bound.job.target_cluster // SECTOR, bound.cluster))


_BESIDE_A_MIRROR = (
    _one("chunk-aligned", "part-chunk", lambda b, r: _clusters(b, r) == _own(r)),
    _one("target-aligned", "part-cluster", lambda b, r: _target(b, r) == _own(r)),
    _said(
        "{r} meets a dirty chunk",
        "{r} meets no dirty chunk",
        lambda b, r: any(dirty for dirty, _ in _chunks(b, r)),
    ),
    _said(
        "{r} meets a clean chunk",
        "{r} meets no clean chunk",
        lambda b, r: any(not dirty for dirty, _ in _chunks(b, r)),
    ),
    _said(
        "{r} covers a dirty chunk",
        "{r} covers no dirty chunk",
        lambda b, r: any(dirty and whole for dirty, whole in _chunks(b, r)),
    ),
    _said(
        "{r} covers a part of a clean chunk",
        "{r} covers clean chunks as a whole",
        lambda b, r: any(not dirty and not whole for dirty, whole in _chunks(b, r)),
    ),
    _said(
        "{r} lies in one chunk",
        "{r} takes several chunks",
        lambda b, r: r.end - _clusters(b, r)[0] <= b.cluster,
    ),
    _two("{r} and {q} overlap", "{r} and {q} do not overlap", lambda b, r, q: _meet(_own(r), _own(q)), True),
    _two(
        "{r} and {q} share a chunk",
        "{r} and {q} share no chunk",
        lambda b, r, q: _meet(_clusters(b, r), _clusters(b, q)),
        True,
    ),
    _two("{r} lies within {q}", "{r} does not lie within {q}", lambda b, r, q: _inside(_own(r), _own(q))),
    _two(
        "{r} begins in an earlier chunk than {q}",
        "{r} begins in no earlier chunk than {q}",
        lambda b, r, q: _clusters(b, r)[0] < _clusters(b, q)[0],
    ),
)
