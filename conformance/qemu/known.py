"""Where a refusal is the model's doing: what QEMU does at the same time, or in finer steps, by its source.

Each was observed on QEMU 5.2 to 11.1, and some design here simplifies it away. The monitor refuses such a run
all the same; it is only listed apart, with its letter, from what nobody has accounted for.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from cowpath.conformance.monitor.monitor import Refusal
from cowpath.conformance.monitor.oracle import Oracle, Transfer
from cowpath.conformance.runs.log import Event, Sight
from cowpath.model.scenarios.scenario import Request
from cowpath.model.scenarios.vocabulary import NBD_WRITES


@dataclass(frozen=True)
class Known:
    """A simplification of the models: its letter, what QEMU does, and where in QEMU that is."""

    letter: str
    says: str
    source: str

    def __str__(self) -> str:
        return f"{self.letter}: {self.says} ({self.source})"


D6 = Known(
    "D6",
    "a guest write takes mapped and new clusters together where they follow one another in the file, and its "
    "runs at the same time, as tasks; in the model one run comes after the other",
    "block/qcow2-cluster.c qcow2_alloc_host_offset, block/qcow2.c qcow2_co_pwritev_part",
)
Z1 = Known(
    "Z1",
    "a write that is ragged at both ends reads the two blocks one after the other, and zeroes are written in "
    "up to three pieces; in the model each is one step",
    "block/io.c bdrv_padding_rmw_read, bdrv_co_do_zero_pwritev",
)
ALL = (D6, Z1)


def recognise(oracle: Oracle, log: Sequence[Event], refusal: Refusal) -> Known | None:
    """Return what is to blame for the refusal, None if that is not known.

    Who sees transfers sees them differ, at a rest or a step; what comes back to a client must be right.
    """
    if oracle.sight is Sight.BLACK:
        return None
    case = _Case(oracle, log[: refusal.position], refusal)
    if refusal.event.kind not in ("rest", "step"):
        return None
    return next((found for found, fits in _SIGNS if fits(case)), None)


class _Case:
    """The run up to what was refused: who is under way, what is held, and what has been transferred."""

    def __init__(self, oracle: Oracle, before: Sequence[Event], refusal: Refusal) -> None:
        self.event = refusal.event
        self.cluster = oracle.scenario.cluster
        self.block = max(oracle.scenario.request_alignment, oracle.scenario.protocol_alignment)
        self.before = before
        requests = {request.label: request for request in oracle.scenario.requests}
        self.begun = [requests[event.request] for event in before if event.kind == "invoke"]
        under_way: dict[str, Request] = {}
        for event in before:
            if event.kind == "invoke":
                under_way[event.request] = requests[event.request]
            elif event.kind == "return":
                under_way.pop(event.request, None)
        self.under_way = list(under_way.values())
        self.seen = self._transfers()

    def of_kind(self, *kinds: str) -> Iterator[Request]:
        """Yield the requests of these kinds that are under way."""
        yield from (request for request in self.under_way if request.kind in kinds)

    def wide(self, request: Request) -> bool:
        """Tell whether the request lies in several clusters."""
        return len(self.clusters(request)) > 1

    def clusters(self, request: Request) -> range:
        """Return the numbers of the clusters that the request touches."""
        start, length = request.offset or 0, request.length or 1
        return range(start // self.cluster, (start + length - 1) // self.cluster + 1)

    def within_blocks(self, request: Request, first: int, last: int) -> bool:
        """Tell whether the bytes lie within the blocks of the request."""
        start, end = request.offset or 0, (request.offset or 0) + (request.length or 0)
        return start // self.block * self.block <= first < last <= -(-end // self.block) * self.block

    def _transfers(self) -> list[Transfer]:
        """Return what was held when the run was refused; or what was refused itself."""
        if self.event.kind == "rest":
            return list(self.event.fact("held"))
        transfer = self.event.fact("transfer")
        held = [e for e in self.before if e.kind == "rest"]
        last = list(held[-1].fact("held")) if held else []
        return last if transfer is None or transfer in last else [*last, transfer]

    def within(self, transfer: Transfer, request: Request) -> bool:
        """Tell whether the transfer lies within the clusters of the request."""
        own = self.clusters(request)
        first, last = own.start * self.cluster, own.stop * self.cluster
        return all(first <= start and end <= last for (start, end), _ in transfer[2])


def _several_runs(case: _Case) -> bool:
    """A guest write is under way in several clusters, of which others have written some, or do."""
    guests = [request for request in case.begun if request.kind == "guest-write"]

    def meets(one: Request, other: Request) -> bool:
        return one is not other and any(c in case.clusters(other) for c in case.clusters(one))

    wide = [w for w in case.of_kind("guest-write") if case.wide(w) and any(meets(w, g) for g in guests)]
    return any(case.within(t, w) for w in wide for t in case.seen)


def _ragged(case: _Case) -> bool:
    """Blocks of the source are read or written for an NBD write that is ragged there, in part."""
    ragged = [
        r
        for r in case.of_kind(*NBD_WRITES)
        if (r.offset or 0) % case.block or ((r.offset or 0) + (r.length or 0)) % case.block
    ]
    on_source = [e for disk, _, pieces in case.seen if disk == "secondary" for e, _ in pieces]
    return any(
        case.within_blocks(r, start, end)
        and (start > (r.offset or 0) or end < (r.offset or 0) + (r.length or 0))
        for r in ragged
        for start, end in on_source
    )


_SIGNS: Sequence[tuple[Known, Callable[[_Case], bool]]] = (
    (D6, _several_runs),
    (Z1, _ragged),
)
