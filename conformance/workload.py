"""A workload: the requests of a scenario, each a task, on a stack of a design that is made for every run."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from typing import Any, NamedTuple

from conformance.scheduler.kernel import Failure, Kernel, Strategy, Task
from conformance.scheduler.schedule import Schedule
from conformance.scheduler.sync import ScheduledSync
from impl.context import AioContext, Request, Trace
from impl.design import Design, Disks, Geometry
from impl.designs import DESIGNS
from impl.disk import Disk
from impl.extent import Extent
from impl.reqlist import Wait
from model.designs import DESIGNS as MODELS
from model.scenarios import Scenario, ScenarioError
from model.scenarios.geometry import reduce, show_range
from model.scenarios.scenario import Request as Submitted
from model.trace.text import describe_cycle
from model.trace.trace import WaitEdge

ORIGINAL = 0xFF
"""What every byte of the secondary disk is at the start; a request writes its number + 1, a zero-write 0."""
_CALLS = {
    "nbd-write": "nbd_write",
    "nbd-zero": "nbd_write",
    "guest-read": "guest_read",
    "guest-write": "guest_write",
    "checkpoint": "checkpoint",
    "stop": "stop",
}
_FAULTS = {"cow.read": "cbw-read", "cow.write": "cbw-write", "write.data": "data-write"}


class Event(NamedTuple):
    """A step that has taken effect: its label, whose it was, and what the stack tells about it."""

    label: str
    request: str
    facts: Mapping[str, Any]


@dataclass(frozen=True)
class Run:
    """What happened: every step made, what each request returned, and how it ended if not well.

    `cycle` is that of a deadlock, in the scenario's own units. `values` and `seen` are the kernel's.
    """

    made: Sequence[tuple[str, str, Mapping[str, Any]]]
    results: Mapping[str, object]
    failure: Failure | None
    cycle: tuple[WaitEdge, ...]
    values: Sequence[int]
    seen: Sequence[tuple[str, Sequence[Task | int]]]

    @cached_property
    def events(self) -> list[Event]:
        """Every step, in order."""
        return [Event(*each) for each in self.made]

    @property
    def reason(self) -> str:
        """How it ended, in words; a deadlock in those of the model's traces."""
        if self.failure is None:
            return "all requests end"
        return "; ".join(describe_cycle(self.cycle)) if self.cycle else self.failure.reason

    @cached_property
    def schedule(self) -> Schedule:
        """The choices that replay it."""
        return Schedule.of(self.values, self.seen)


class Workload:
    """A design and a scenario's requests, on three files that live in memory.

    The requests are submitted at once, and arrive as the scheduler lets them; a fault fails its step. Raises
    ScenarioError if the scenario has what the design does not, or what threads do not run: what never ends,
    and a client's discard.
    """

    def __init__(self, design: str, scenario: Scenario, kernel: Kernel) -> None:
        self.design = DESIGNS[design]
        self.scenario = scenario
        self.kernel = kernel
        reduced = reduce(scenario)
        self.geometry = Geometry(
            scenario.size,
            scenario.cluster,
            scenario.request_alignment,
            # The model leaves the protocol node out where no request is unaligned there.
            scenario.protocol_alignment if any(reduced.proto_unaligned) else 1,
            scenario.copy_on_read,
            scenario.on_cbw_error == "break-snapshot",
        )
        if (missing := MODELS[design].misses(scenario)) is not None:
            raise ScenarioError(f"{design} has no {missing}: '{scenario.name}' does not fit it")
        if any(request.stream or request.kind not in _CALLS for request in scenario.requests):
            raise ScenarioError(
                f"'{scenario.name}' is for the model alone; threads run no streams and no client-discard"
            )
        self._files = [os.memfd_create(disk) for disk in ("secondary", "hidden", "active")]
        for file in self._files:
            os.ftruncate(file, scenario.size)
        self._baseline = [(start, bytes([ORIGINAL]) * (end - start)) for start, end in reduced.clusters]
        self._options = {
            "checkpoint": {"quiesced": scenario.quiesced_checkpoint},
            "stop": {"drained": scenario.drain_on_stop},
        }
        self._faults = {r.label: r.fault for r in scenario.requests if r.fault != "none"}

    def close(self) -> None:
        """Give the files back."""
        for file in self._files:
            os.close(file)

    def run(self, strategy: Strategy) -> Run:
        """Run all requests once, on fresh disks, under the strategy."""
        kernel = self.kernel
        for start, data in self._baseline:
            os.pwrite(self._files[0], data, start)
        made: list[tuple[str, str, Mapping[str, Any]]] = []
        results: dict[str, object] = {}
        context = AioContext(ScheduledSync(kernel))
        context.trace_hook = _recording(kernel, strategy, made)
        if self._faults:
            context.fault_hook = self._fail
        if strategy.footprints:
            context.touch_hook = lambda *access: kernel.accesses.append(access)
        secondary, hidden, active = self._files
        size = self.scenario.size
        disks = Disks(
            _FickleDisk(context, "the secondary disk", secondary, size, self.kernel, self.scenario.cluster),
            Disk(context, "the hidden disk", hidden, size),
            Disk(context, "the active disk", active, size),
        )
        design = self.design(context, disks, self.geometry)
        design.active.empty()
        design.hidden.empty()
        requests = self.scenario.requests
        names = [request.label for request in requests]
        bodies = [self._body(design, request, i, results) for i, request in enumerate(requests)]
        failure = kernel.run(zip(names, bodies, strict=True), strategy)
        edges = [self._edge(wait) for wait in failure.cycle] if failure else []
        first = min(range(len(edges)), key=lambda i: names.index(edges[i].waiter), default=0)
        cycle = tuple(edges[first:] + edges[:first])
        return Run(made, results, failure, cycle, kernel.values, kernel.seen)

    def _edge(self, wait: Wait) -> WaitEdge:
        entry = wait.entry
        held = entry.held.format(show_range(self.scenario, *entry.extent))
        return WaitEdge(wait.waiter.name, entry.owner.name, wait.on, held)

    def _body(
        self, design: Design, submitted: Submitted, number: int, results: dict[str, object]
    ) -> Callable[[], None]:
        """Return what the request does; an I/O error is its result, not the run's."""
        offset, length = submitted.offset or 0, submitted.length or 0
        data = bytes([number + 1]) * length if submitted.kind in ("nbd-write", "guest-write") else None
        request = Request(submitted.label, Extent(offset, offset + length), data)
        call = partial(
            getattr(design, _CALLS[submitted.kind]), request, **self._options.get(submitted.kind, {})
        )

        def body() -> None:
            try:
                results[submitted.label] = call()
            except OSError as error:
                results[submitted.label] = error

        return body

    def _fail(self, label: str, request: Request) -> None:
        if self._faults.get(request.name, "") == _FAULTS.get(label):
            raise OSError(errno.EIO, f"{label} of {request} is made to fail")


class _FickleDisk(Disk):
    """A disk whose block status is up to the scheduler: by default all of it is the same."""

    def __init__(
        self, context: AioContext, called: str, file: int, size: int, kernel: Kernel, cluster: int
    ) -> None:
        super().__init__(context, called, file, size)
        self.kernel = kernel
        self.cluster = cluster

    def same_status(self, extent: Extent) -> Extent:
        """Return the beginning of the extent, in whole clusters."""
        clusters = extent.units(self.cluster)
        less = self.kernel.choose(len(clusters), "block status") if len(clusters) > 1 else 0
        return Extent(extent.start, min((clusters.stop - less) * self.cluster, extent.end))


def _recording(kernel: Kernel, strategy: Strategy, made: list[tuple[str, str, Mapping[str, Any]]]) -> Trace:
    def trace(label: str, request: Request, facts: dict[str, Any]) -> None:
        if not kernel.ending:  # else it is unwinding
            made.append((label, request.name, facts))
            strategy.labelled(label, request.name)

    return trace
