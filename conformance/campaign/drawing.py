"""Workloads beyond the bundled scenarios, drawn by chance: the same seed draws the same."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from cowpath.model.scenarios import Scenario, ScenarioError
from cowpath.model.scenarios.scenario import from_document
from cowpath.model.scenarios.vocabulary import FAULTS, NBD_WRITES, OPTIONS

_WITHOUT_EXTENT = ("checkpoint", "stop")
_TRIES = 100
_SECTOR = 512
_CALLED = "drawn "


@dataclass(frozen=True)
class Bounds:
    """Of what is drawn: kinds of request, how many requests, how long the disk is (sectors), its clusters.

    `faults` are those that an NBD write may have, in half of the workloads with just one; `alignments` are
    those of the secondary's node. At most one checkpoint or stop is drawn for a workload. Of ten workloads
    so many have extents that begin and end inside sectors (`bytes_`), extents that all begin in one cluster
    (`crowded`), and a checkpoint or stop for certain (`ends`).
    """

    kinds: Sequence[str]
    requests: tuple[int, int] = (2, 4)
    sectors: tuple[int, int] = (2, 6)
    clusters: Sequence[int] = (2,)
    alignments: Sequence[int] = (1, 1, 2)
    protocol_alignments: Sequence[int] = (1, 1, 1, 2)
    faults: Sequence[str] = ()
    policies: Sequence[str] = ("break-guest-write",)
    bytes_: int = 0
    crowded: int = 0
    ends: int = 0


def wide(kinds: Sequence[str]) -> Bounds:
    """Return bounds that come to what the bundled scenarios leave out.

    Lists with several entries, extents over three clusters and such as are stale when they are used, a fault
    that meets an alignment, parts of a sector, guest writes with a head and a tail, a disk that ends inside
    a cluster.
    """
    return Bounds(
        kinds,
        requests=(2, 4),
        sectors=(3, 7),
        clusters=(2, 2, 3, 4),
        alignments=(1, 1, 2, 4),
        protocol_alignments=(1, 1, 1, 2, 4),
        faults=tuple(fault for fault in FAULTS if fault != "none"),
        policies=("break-guest-write", "break-snapshot"),
        bytes_=2,
        crowded=5,
        ends=4,
    )


def draw(chance: random.Random, bounds: Bounds, name: str) -> Scenario:
    """Return a workload of that name, by what the chance gives.

    What no model takes (zeroes that are ragged at a coarser node below) is drawn anew. Raises ScenarioError
    if the bounds hold nothing else.
    """
    for _ in range(_TRIES):
        document = _document(chance, bounds, name)
        try:
            return from_document(document, name)
        except ScenarioError as error:
            refused = error
    raise refused


def workloads(seed: int, bounds: Bounds, count: int, fits: Callable[[Scenario], bool]) -> Iterator[Scenario]:
    """Yield so many drawn workloads that fit, or fewer where there are hardly any; `drawn 0` is the first."""
    for number in range(count):
        chance = random.Random(f"{seed} {number}")
        for _ in range(_TRIES):
            scenario = draw(chance, bounds, f"{_CALLED}{number}")
            if fits(scenario):
                yield scenario
                break


def is_drawn(scenario: Scenario) -> bool:
    """Tell whether it is one of the drawn `workloads`."""
    return scenario.name.startswith(_CALLED)


def _document(chance: random.Random, bounds: Bounds, name: str) -> dict[str, object]:
    sectors = chance.randint(*bounds.sectors)
    requests: list[dict[str, object]] = []
    control = False
    inside, crowded, ends = (
        bool(tenths) and chance.randrange(10) < tenths
        for tenths in (bounds.bytes_, bounds.crowded, bounds.ends)
    )
    near = min(bounds.clusters)
    first = chance.randrange(0, sectors, near) if crowded else 0
    ending = [kind for kind in bounds.kinds if kind in _WITHOUT_EXTENT]
    if ends and ending:
        control = True
        requests.append({"kind": chance.choice(ending)})
    for _ in range(chance.randint(*bounds.requests) - len(requests)):
        kind = chance.choice([k for k in bounds.kinds if not (control and k in _WITHOUT_EXTENT)])
        if kind in _WITHOUT_EXTENT:
            control = True
            requests.append({"kind": kind})
            continue
        start = chance.randrange(first, min(first + near, sectors)) if crowded else chance.randrange(sectors)
        length = chance.randint(1, sectors - start)
        at: list[object] = [start, length]
        if inside:
            less, more = chance.randrange(1, _SECTOR // 2), chance.randrange(1, _SECTOR // 2)
            at = [f"{start * _SECTOR + less}B", f"{length * _SECTOR - less - more}B"]
        requests.append({"kind": kind, "at": at})
    writes = [each for each in requests if each["kind"] in NBD_WRITES]
    if bounds.faults and len(writes) == 1 and chance.random() < 0.5:
        writes[0]["fault"] = chance.choice(bounds.faults)
    policy = chance.choice(bounds.policies)
    return {
        "name": name,
        "unit": "sectors",
        "sectors": sectors,
        "cluster": chance.choice(bounds.clusters),
        "secondary": {
            "request_alignment": chance.choice(bounds.alignments),
            "protocol_alignment": chance.choice(bounds.protocol_alignments),
        },
        "options": {} if policy == OPTIONS["on_cbw_error"].default else {"on_cbw_error": policy},
        "request": requests,
    }
