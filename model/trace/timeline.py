"""A trace as a timeline: lanes of requests and disks, who touches which disk, and who waits how long."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

from model.trace.trace import Trace, TraceStep, WaitEdge

Disks = Mapping[str, tuple[str, ...]]
"""The variables that are on each disk, by the disk's name."""


@dataclass(frozen=True)
class Access:
    """What a step does with a disk; `writes` is false where it only reads or looks up."""

    disk: str
    writes: bool


@dataclass(frozen=True)
class Waiting:
    """A wait from after step `since` (0: from the start) up to step `until`; None: to the end."""

    edge: WaitEdge
    since: int
    until: int | None


@dataclass(frozen=True)
class Timeline:
    """A trace with the disks it is about."""

    trace: Trace
    on_disk: Disks

    @cached_property
    def requests(self) -> tuple[str, ...]:
        """Who moves, waits or is waited for, in the scenario's order."""
        busy = {step.owner for step in self.trace.steps}
        busy |= {who for wait in self.waits for who in (wait.edge.waiter, wait.edge.holder)}
        return tuple(name for names in self.trace.elements.values() for name in names if name in busy)

    @cached_property
    def disks(self) -> tuple[str, ...]:
        """The disks that are touched, from the guest downwards."""
        touched = {access.disk for step in self.trace.steps for access in self.accesses(step)}
        return tuple(disk for disk in self.on_disk if disk in touched)

    def accesses(self, step: TraceStep) -> list[Access]:
        """Return what the step does with each disk that it touches."""
        seen = {each.of for each in step.seen}
        touched = {
            disk: not seen.intersection(variables)
            for disk, variables in self.on_disk.items()
            if not seen.union(step.assigns).isdisjoint(variables)
        }
        return [Access(disk, writes) for disk, writes in touched.items()]

    def contents(self, disk: str, number: int) -> list[str | None]:
        """Return whose data each sector of the disk has after the step; None where it is not mapped there."""
        data, *mapped = self.on_disk[disk]
        values, cluster = self.trace.states[number].values, self.trace.setting["cluster_of"]
        there = [not mapped or values[mapped[0]][cluster[sector],] == "yes" for sector in values[data]]
        return [value if here else None for value, here in zip(values[data].values(), there, strict=True)]

    @cached_property
    def waits(self) -> tuple[Waiting, ...]:
        """All waits, in the order in which they begin."""
        found: list[Waiting] = []
        open_: dict[WaitEdge, int] = {}
        for number, state in enumerate(self.trace.states):
            for edge in [edge for edge in open_ if edge not in state.waits]:
                found.append(Waiting(edge, open_.pop(edge), number))
            open_ |= {edge: number for edge in state.waits if edge not in open_}
        found += [Waiting(edge, since, None) for edge, since in open_.items()]
        return tuple(sorted(found, key=lambda wait: wait.since))

    def ends(self, waiting: Waiting) -> bool:
        """Tell whether the wait is one of those that decide the trace: of its cycle, or of all."""
        return waiting.until is None and waiting.edge in (self.trace.cycle or self.trace.stuck)
