"""A workload: the requests of a scenario, each a task, on a stack of a design that is made for every run."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from conformance.scheduler.kernel import Access, Failure, Kernel, Strategy
from conformance.scheduler.sync import ScheduledSync
from impl.context import AioContext, Request
from impl.design import Design, Files, Geometry
from impl.designs import DESIGNS
from impl.extent import Extent
from model.scenarios import Scenario
from model.scenarios.geometry import reduce
from model.scenarios.scenario import Request as Submitted

ORIGINAL = 0xFF
"""What every byte of the secondary disk is at the start; a request writes its number, a zero-write 0."""


@dataclass(frozen=True)
class Event:
    """A step that has taken effect."""

    label: str
    request: str
    facts: dict[str, Any]


class Workload:
    """A design and a scenario's requests, on three files that live in memory.

    The requests are submitted at once, and arrive as the scheduler lets them. A scenario's fault is that of its
    request's step.
    """

    def __init__(self, design: str, scenario: Scenario) -> None:
        self.design = DESIGNS[design]
        self.scenario = scenario
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
        self.files = Files(*(os.memfd_create(disk) for disk in ("secondary", "hidden", "active")))
        self._baseline = [(start, bytes([ORIGINAL]) * (end - start)) for start, end in reduced.clusters]
        self._faults = {r.label: r.fault for r in scenario.requests if r.fault != "none"}
        self.events: list[Event] = []

    def run(self, kernel: Kernel, strategy: Strategy) -> Failure | None:
        """Run all requests once; `events` then has the steps that were made."""
        self.events = []; self.kernel=kernel
        for start, data in self._baseline:
            os.pwrite(self.files.secondary, data, start)
        context = AioContext(ScheduledSync(kernel))
        context.trace_hook = self._trace(strategy)
        if self._faults:
            context.fault_hook = self._fault
        if strategy.footprints:
            context.touch_hook = touching(kernel)
        design = self.design(context, self.files, self.geometry)
        design.active.disk.empty()
        design.hidden.disk.empty()
        return kernel.run([(r.label, self._body(design, r, i)) for i, r in enumerate(self.scenario.requests)], strategy)

    def _trace(self, strategy):
        events = self.events
        kernel = self.kernel
        def trace(label, request, facts):
            if not kernel.ending: events.append((label, request.name, facts)); strategy.labelled(label, request.name)
        return trace

    def _body(self, design: Design, request: Submitted, number: int) -> Callable[[], None]:
        """Return what the request does; an I/O error is its result, not the run's."""
        extent = Extent(request.offset or 0, (request.offset or 0) + (request.length or 0))
        data = bytes([number + 1]) * extent.length
        calls: dict[str, Callable[[], object]] = {
            "nbd-write": lambda: design.nbd_write(Request(request.label, extent, data)),
            "nbd-zero": lambda: design.nbd_write(Request(request.label, extent)),
            "guest-read": lambda: design.guest_read(Request(request.label, extent)),
            "guest-write": lambda: design.guest_write(Request(request.label, extent, data)),
            "checkpoint": lambda: design.checkpoint(
                Request(request.label), quiesced=self.scenario.quiesced_checkpoint
            ),
            "stop": lambda: design.stop(Request(request.label), drained=self.scenario.drain_on_stop),
        }
        call = calls[request.kind]
        def body():
            try:
                call()
            except OSError:
                pass
        return body

    _STEPS = {"cow.read": "cbw-read", "cow.write": "cbw-write", "write.data": "data-write"}
    def _fault(self, label: str, request: Request) -> None:
        if label in self._STEPS and self._faults.get(request.name) == self._STEPS[label]:
            raise OSError(5, "injected")
def touching(kernel): 
    def touch(what, extent, write): kernel.accesses.append((what, extent, write))
    return touch
