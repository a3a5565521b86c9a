"""Every workload up to a bound: all multisets of so many requests of some kinds, at every extent."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

from cowpath.model.designs import Case, Design
from cowpath.model.finite.instance import fit
from cowpath.model.finite.instances import ByType
from cowpath.model.language.errors import InputError
from cowpath.model.scenarios import Request, Scenario
from cowpath.model.scenarios.geometry import unreduced
from cowpath.model.scenarios.mirror import Mirror
from cowpath.model.scenarios.sizes import SECTOR, show_extent
from cowpath.model.scenarios.vocabulary import IO_KINDS, KINDS, MIRROR_KINDS, MIRROR_WRITES
from cowpath.model.stack.binding import bind
from cowpath.model.stack.machine import SECONDARY
from cowpath.model.stack.mirror.machine import MIRROR
from cowpath.model.stack.world import Request as RequestSort

Workload = tuple[int, ...]
"""The types of its requests, by number, ascending."""


class BoundError(InputError):
    """There is no such set of workloads; the message is one line."""


@dataclass(frozen=True)
class Type:
    """What a request can be: its kind and extent, first sector and number of sectors (0, 0 without one)."""

    kind: str
    at: int
    length: int

    @property
    def end(self) -> int:
        """The first sector behind it."""
        return self.at + self.length

    def within(self, other: Type) -> bool:
        """Tell whether the other is such a request with the same or a longer extent."""
        return self.kind == other.kind and other.at <= self.at and self.end <= other.end

    def __str__(self) -> str:
        return (
            f"{self.kind} {show_extent(self.at * SECTOR, self.end * SECTOR, False)}"
            if self.length
            else self.kind
        )


@dataclass(frozen=True)
class Bound:
    """Sizes are in sectors; `alignment` is the secondary node's request alignment.

    With a `job` the workloads are a mirror's, each beside this job; `cluster` is its granularity.
    Raises `BoundError` if there is no such disk or kind.
    """

    sectors: int
    cluster: int
    alignment: int
    requests: int
    kinds: tuple[str, ...]
    job: Mirror | None = None

    def __post_init__(self) -> None:
        for name, value in (
            ("sectors", self.sectors),
            ("cluster", self.cluster),
            ("requests", self.requests),
        ):
            if value < 1:
                raise BoundError(f"--{name} {value}: accepted: a whole number from 1")
        if self.alignment < 1 or self.alignment.bit_count() != 1:
            raise BoundError(f"--alignment {self.alignment}: accepted: 1, 2, 4, 8 ... sectors")
        known = KINDS if self.job is None else MIRROR_KINDS
        for kind in self.kinds:
            if kind not in known:
                raise BoundError(f"--kinds {kind}: accepted: {', '.join(known)}")
        if not self.kinds:
            raise BoundError(f"--kinds names none; accepted: {', '.join(known)}")

    @cached_property
    def types(self) -> tuple[Type, ...]:
        """What a request can be: each kind in turn, at every extent."""
        extents = [(a, b - a) for a in range(self.sectors) for b in range(a + 1, self.sectors + 1)]
        return tuple(
            Type(kind, at, length)
            for kind in self.kinds
            for at, length in (extents if kind in (*IO_KINDS, *MIRROR_WRITES) else [(0, 0)])
        )

    def count(self, requests: int) -> int:
        """Return how many workloads of so many requests there are, also those that give a command twice."""
        return math.comb(len(self.types) + requests - 1, requests)

    def workloads(self, requests: int) -> Iterator[Workload]:
        """Yield every multiset of so many types; a stop or a command to a mirror comes once at most."""
        once = ("stop",) if self.job is None else MIRROR_KINDS
        numbers = [n for n, type_ in enumerate(self.types) if type_.kind in once and not type_.length]
        for workload in itertools.combinations_with_replacement(range(len(self.types)), requests):
            if all(workload.count(number) < 2 for number in numbers):
                yield workload

    def named(self, workload: Workload) -> str:
        """Return the workload in words."""
        return " + ".join(str(self.types[number]) for number in workload)

    def scenario(self, workload: Workload) -> Scenario:
        """Return the workload as a scenario."""
        requests = tuple(self._request(number, place) for place, number in enumerate(workload))
        return replace(self._disk, name=self.named(workload), requests=requests)

    @cached_property
    def _disk(self) -> Scenario:
        size = self.sectors * SECTOR
        alignment, cluster = self.alignment * SECTOR, self.cluster * SECTOR
        disk = Scenario(name="", size=size, cluster=cluster, request_alignment=alignment, requests=())
        return replace(disk, mirror=self.job)

    def _request(self, number: int, place: int) -> Request:
        type_ = self.types[number]
        at, length = (type_.at * SECTOR, type_.length * SECTOR) if type_.length else (None, None)
        return Request(type_.kind, at, length, False, "none", f"{type_.kind} {place}", place)

    def is_cut(self, design: Design, workload: Workload) -> bool:
        """Tell whether it has a shape of its own: parts of a request, or a mirror's operations, in flight."""
        return self.job is not None or any(
            self.types[number].kind in design.splits
            and self.types[number].at // self.cluster != (self.types[number].end - 1) // self.cluster
            for number in workload
        )

    def check(self, design: Design) -> None:
        """Raise `BoundError` if the design has no such workloads."""
        machine = SECONDARY if self.job is None else MIRROR
        if not design.has_disks or design.machine is not machine:
            raise BoundError(
                f"{design.name} is not of a {machine.name}'s block stack, so it has no such workloads; "
                "accepted: designs that are"
            )
        missing = [kind for kind in self.kinds if kind not in design.kinds]
        if missing:
            accepted = ", ".join(kinds_of(design, machine.kinds))
            raise BoundError(f"--kinds {missing[0]}: {design.name} has no such request; accepted: {accepted}")

    def types_of(self, design: Design) -> ByType:
        """Return what each type of request means to the design, on the plain disk, sector by sector.

        No piece of a request is among them: for workloads that are not cut.
        Raises `BoundError` if a table depends on the workload as a whole, or the disk is too long.
        """
        self.check(design)
        scenario = self.scenario(tuple(range(len(self.types))))
        whole = fit(design.system, bind(scenario, unreduced(scenario, SECTOR), design.vocabulary))
        for number in range(len(self.types)):
            one = self.scenario((number,))
            alone = bind(one, unreduced(one, SECTOR), design.vocabulary)
            for name, parameter in design.system.parameters.items():
                of_requests = RequestSort in parameter.indices
                if not of_requests and alone.tables[name] != whole.tables[name]:
                    raise BoundError(
                        f"'{name}' depends on the workload as a whole: no survey of such is possible"
                    )
        return ByType(design.system, RequestSort.name, whole)


def kinds_of(design: Design, among: Sequence[str]) -> tuple[str, ...]:
    """Return those of the kinds that the design has."""
    return tuple(kind for kind in among if kind in design.kinds)


def case(design: Design, bound: Bound, workload: Workload) -> Case:
    """Return the design on the workload."""
    return Case(design, bound.scenario(workload))
