"""Workloads beyond the bundled scenarios, drawn by chance: the same seed draws the same."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from cowpath.model.language.action import HANGS
from cowpath.model.scenarios import Scenario, ScenarioError
from cowpath.model.scenarios.scenario import from_document
from cowpath.model.scenarios.vocabulary import FAULTS, IO_KINDS, KINDS, OPTIONS, faults_of

_WITHOUT_EXTENT = tuple(kind for kind in KINDS if kind not in IO_KINDS)
_TRIES = 100
_SECTOR = 512
_FINE = ("1B", "2B", "64B")  # alignments of a node that takes parts of a sector
_CALLED = "drawn "
_NEEDED: Mapping[str, Sequence[str]] = {
    "quiesced_checkpoint": ("checkpoint", "nbd-write"),
    "drain_on_stop": ("stop",),
    "on_cbw_error": ("nbd-write",),
    "cbw_timeout": ("nbd-write",),
    "scarce_copies": ("nbd-write",) * 3,
    "copy_offload": ("nbd-write",),
    "bitmap": ("nbd-write", "guest-read"),
    "zeroes": ("nbd-write",),
    "discard_source": ("guest-read",),
    "job_requests_queue": ("job-read", "drain"),
}
"""Requests without which an option says nothing."""
_STRIKING: Mapping[str, Sequence[str]] = {
    "on_cbw_error": ("cbw-read", "cbw-write"),
    "cbw_timeout": ("cbw-read-hangs", "cbw-write-hangs"),
}
"""Faults without which an option says nothing, or little."""
_BROUGHT: Mapping[str, Sequence[str]] = {
    "failover": ("guest-write", "guest-write"),
    "active-read": ("guest-write",),
    "hidden-read": ("nbd-write",),
    "secondary-read": ("nbd-write",),
    "secondary-write": ("failover",),
}
"""Requests without which another one, or the transfer that is to fail, finds nothing to do, or
that come after it and would find what it has left; as many as there is room for."""
Strike = tuple[str, str]
"""A kind of request, and the fault that strikes it."""


@dataclass(frozen=True)
class Bounds:
    """Of what is drawn: kinds of request, how many requests, how long the disk is (sectors), its clusters.

    `alignments` are those of the secondary's node, which may copy on read (`copies_on_read`). Each of the
    `options` is set otherwise than by default in a third of the workloads, and brings the requests that it is
    about, and with `provoked` a fault. At most so many checkpoints, stops and their like are drawn for a
    workload as `endings` says. Of ten workloads so many have one of the `faults` strike a request that makes
    such a transfer (`struck`), extents of which an end is inside a sector (`bytes_`), extents that all begin
    in one cluster (`crowded`), and a checkpoint or stop for certain, or two of their like where three may
    meet (`ends`). Of ten requests with an extent so many come again and again (`streams`), which threads do
    not.
    """

    kinds: Sequence[str]
    requests: tuple[int, int] = (2, 4)
    sectors: tuple[int, int] = (2, 6)
    clusters: Sequence[int] = (2,)
    alignments: Sequence[int] = (1, 1, 2)
    protocol_alignments: Sequence[int] = (1, 1, 1, 2)
    faults: Sequence[str] = ()
    options: Sequence[str] = ()
    copies_on_read: bool = False
    provoked: bool = False
    endings: int = 1
    struck: int = 5
    bytes_: int = 0
    crowded: int = 0
    ends: int = 0
    streams: int = 0


def wide(kinds: Sequence[str], faults: Iterable[str] = FAULTS, options: Iterable[str] = ()) -> Bounds:
    """Return bounds that come to what the bundled scenarios leave out; `faults`, `options`: what is known.

    Lists with several entries, extents over three clusters and such as are stale when they are used, any
    transfer that fails or hangs, a fault that meets an alignment, parts of a sector, guest writes with a
    head and a tail, a disk that ends inside a cluster, a second stop, a checkpoint that waits for nobody.
    Where there is more to end it all than these two, three such requests may meet.
    """
    many = sum(kind in _WITHOUT_EXTENT for kind in kinds) > 2
    return Bounds(
        (*kinds, *(kind for kind in kinds if kind in IO_KINDS)),
        requests=(3, 4 + many),
        sectors=(3, 7),
        clusters=(2, 2, 3, 4),
        alignments=(1, 1, 2, 4),
        protocol_alignments=(1, 1, 1, 2, 4),
        faults=[fault for fault in faults if any(fault in faults_of(kind)[1:] for kind in kinds)],
        options=[option for option in OPTIONS if option in options],
        copies_on_read=True,
        provoked=True,
        endings=2 + many,
        bytes_=2,
        crowded=5,
        ends=8 if many else 4,
    )


def draw(chance: random.Random, bounds: Bounds, name: str, strike: Strike | None = None) -> Scenario:
    """Return a workload of that name, by what the chance gives; with `strike`, if there is one.

    What no model takes (zeroes that are ragged at a coarser node below) is drawn anew. Raises ScenarioError
    if the bounds hold nothing else.
    """
    for _ in range(_TRIES):
        try:
            return draw_once(chance, bounds, name, strike)
        except ScenarioError as error:
            refused = error
    raise refused


def draw_once(chance: random.Random, bounds: Bounds, name: str, strike: Strike | None = None) -> Scenario:
    """Return a workload of that name. Raises ScenarioError if it is one that no model takes."""
    return from_document(_document(chance, bounds, name, strike), name)


def workloads(
    seed: int | str, bounds: Bounds, count: int, fits: Callable[[Scenario], bool]
) -> Iterator[Scenario]:
    """Yield so many drawn workloads that fit, or fewer where there are hardly any; `drawn 0` is the first.

    Two of three are struck: each kind of request by each of its faults in turn, those that fail before those
    that hang; of the others only where an option is about faults.
    """
    kinds = dict.fromkeys(bounds.kinds)
    dealt = [(kind, fault) for fault in sorted(bounds.faults) for kind in kinds if fault in faults_of(kind)]
    random.Random(seed).shuffle(dealt)
    dealt.sort(key=lambda strike: strike[1].endswith(HANGS))
    for number in range(count):
        chance = random.Random(f"{seed} {number}")
        strike = dealt[(number - number // 3 - 1) % len(dealt)] if dealt and number % 3 else None
        for _ in range(_TRIES):
            scenario = draw(chance, replace(bounds, struck=0), f"{_CALLED}{number}", strike)
            if fits(scenario):
                yield scenario
                break


def is_drawn(scenario: Scenario) -> bool:
    """Tell whether it is one of the drawn `workloads`."""
    return scenario.name.startswith(_CALLED)


def _document(chance: random.Random, bounds: Bounds, name: str, strike: Strike | None) -> dict[str, object]:
    # The least that the chance may give, where it is Hypothesis that shrinks, is what is ordinary.
    sectors, cluster = chance.randint(*bounds.sectors), chance.choice(bounds.clusters)
    inside, crowded, ends, struck = (
        bool(tenths) and chance.randrange(10) >= 10 - tenths
        for tenths in (bounds.bytes_, bounds.crowded, bounds.ends, bounds.struck)
    )
    drawn = {o: _other(o, chance, sectors) for o in bounds.options if chance.randrange(3) == 2}
    if strike is None:
        meant = [fault for option in drawn if bounds.provoked for fault in _STRIKING.get(option, ())]
        if faults := [fault for fault in bounds.faults if struck or fault in meant]:
            fault = chance.choice(faults)
            strike = chance.choice([kind for kind in bounds.kinds if fault in faults_of(kind)]), fault
    kinds, at, options = _kinds(chance, bounds, strike, drawn, ends=ends)
    crowded = crowded or any(what in _BROUGHT for what in (*kinds, *_plain(strike)))
    first = chance.randrange(0, sectors, cluster) if crowded else 0

    def request(kind: str) -> dict[str, object]:
        if kind in _WITHOUT_EXTENT:
            return {"kind": kind}
        start = chance.randrange(first, min(first + cluster, sectors) if crowded else sectors)
        length = chance.randint(1, sectors - start)
        at: list[object] = [start, length]
        if inside:
            where = chance.choice(("start", "end", "both"))
            less, more = (chance.choice((chance.randrange(2, _SECTOR // 2), 1)) for _ in range(2))
            if where != "both":
                less, more = (chance.choice((less, _SECTOR - 1)), 0)[:: 1 if where == "start" else -1]
            at = [f"{start * _SECTOR + less}B", f"{length * _SECTOR - less - more}B"]
        return {"kind": kind, "at": at}

    requests = [request(kind) for kind in kinds]
    if strike is not None:
        requests[at]["fault"] = strike[1]
    for each in requests if bounds.streams else ():
        each["stream"] = "at" in each and chance.randrange(10) >= 10 - bounds.streams
    fine = inside and chance.randrange(2)  # both: in coarse blocks of one node the other's are never seen
    return {
        "name": name,
        "unit": "sectors",
        "sectors": sectors,
        "cluster": cluster,
        "secondary": {
            "request_alignment": chance.choice(_FINE if fine else bounds.alignments),
            "protocol_alignment": chance.choice(_FINE if fine else bounds.protocol_alignments),
            "copy_on_read": bounds.copies_on_read and chance.randrange(10) == 9,
        },
        "options": options,
        "request": requests,
    }


def _kinds(
    chance: random.Random,
    bounds: Bounds,
    strike: Strike | None,
    drawn: Mapping[str, object],
    *,
    ends: bool,
) -> tuple[list[str], int, dict[str, object]]:
    """Return the kinds of the requests, which of them is struck, and for which of the options there is room.

    What is struck comes first, with what it needs, and in every second workload with another of its kind
    after it, which meets what the one that failed has left.
    """
    kinds: list[str] = []
    fewest, most = bounds.requests
    ending = [kind for kind in bounds.kinds if kind in _WITHOUT_EXTENT]

    def room(*more: str) -> bool:
        endings = sum(kind in _WITHOUT_EXTENT for kind in (*kinds, *more))
        return len(kinds) + len(more) <= most and (endings <= bounds.endings or not {*more} & {*ending})

    def lacking(needed: Sequence[str]) -> list[str]:
        missing = Counter(needed) - Counter(kinds)
        return [kind for kind in missing.elements() if kind in bounds.kinds]

    def take(kind: str, *beside: str) -> None:
        for each in lacking([needed for what in (kind, *beside) for needed in _BROUGHT.get(what, ())]):
            if room(each, kind):
                take(each)
        kinds.append(kind)

    if strike is not None:
        take(*_plain(strike))
        at = len(kinds) - 1
        if chance.randrange(2) and room(strike[0]):
            kinds.append(strike[0])
    options = {}
    for option, setting in drawn.items():
        needed = lacking(_NEEDED.get(option, ()))
        if room(*needed):
            options[option] = setting
            kinds += needed
    others = [kind for kind in ending if kind not in kinds]
    wanted = max(1, bounds.endings - 1) - sum(kind in ending for kind in kinds)
    for _ in range(min(wanted, len(others)) if ends else 0):
        if room(each := others.pop(chance.randrange(len(others)))):
            take(each)
    count = chance.randint(fewest, most)
    while len(kinds) < count:
        take(chance.choice([kind for kind in bounds.kinds if room(kind)] or list(bounds.kinds)))
    return kinds, at if strike is not None else 0, options


def _plain(strike: Strike | None) -> tuple[str, ...]:
    """Return the kind that is struck, and the transfer that fails or hangs; nothing if there is none."""
    return (strike[0], strike[1].removesuffix(f"-{HANGS}")) if strike is not None else ()


def _other(name: str, chance: random.Random, sectors: int) -> object:
    """Return what an option is set to that is not as it is by default."""
    option = OPTIONS[name]
    if option.extents:
        start = chance.randrange(sectors)
        return [[start, chance.randint(1, sectors - start)]]
    return next(word for word in option.accepted or (True, False) if word != option.default)
