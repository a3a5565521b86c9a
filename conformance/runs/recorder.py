"""Writes down what a stack does: its steps by the trace hook, its transfers by the disks themselves."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from typing import Any

from cowpath.conformance.runs.log import Event, Fact
from cowpath.impl.context import AioContext, Request
from cowpath.impl.disk import Disk
from cowpath.impl.extent import Extent


class Recorder:
    """The log of one run, as it grows. A transfer is told with the step that it belongs to.

    `written`: (file, extent) of all that the run has written. `overlap`: transfers run beside others' steps,
    so it is told, too, from when on they may take effect.
    """

    def __init__(self, *, overlap: bool = False) -> None:
        self.log: list[Event] = []
        self.results: dict[str, object] = {}
        self.transfers: dict[str, Fact] = {}
        self.written: list[tuple[int, Extent]] = []
        self.overlap = overlap

    def call(self, request: Request, calls: Callable[[], object]) -> None:
        """Make the request; an I/O error is its result, not the run's."""
        self.log.append(Event("invoke", request.name))
        facts: tuple[Fact, ...] = ()
        try:
            result = calls()
            if isinstance(result, bytes):
                facts = (("data", ((request.extent, result),)),)
        except OSError as error:
            result = error
            facts = (("error", error.strerror),)
        self.results[request.name] = result
        self.log.append(Event("return", request.name, facts=facts))

    def step(self, label: str, request: Request, facts: dict[str, Any]) -> None:
        """Write a step down; it is a context's trace hook."""
        name = request.name
        told = tuple(facts.items())
        if name in self.transfers:
            told += (self.transfers.pop(name),)
        self.log.append(Event("step", name, label, told))

    def begin(self, request: Request) -> None:
        """Write down that a transfer begins, if it may overlap others' steps."""
        if self.overlap:
            self.log.append(Event("begin", request.name))


class TappedDisk(Disk):
    """A disk that tells a recorder what is read from it and written to it.

    `emptied`: what it holds when it is emptied under a reader who still has an old look-up; QEMU leaves that
    open, and the model says that it is nobody's data.
    """

    def __init__(
        self,
        context: AioContext,
        name: str,
        file: int,
        size: int,
        recorder: Recorder,
        emptied: Sequence[tuple[int, bytes]] = (),
    ) -> None:
        super().__init__(context, f"the {name} disk", file, size)
        self.name = name
        self.recorder = recorder
        self.emptied = emptied

    def empty(self) -> None:
        """Throw all data away.

        Raises AssertionError if the disk is shorter then, or has data left; where transfers run beside
        others' steps, one may have come between.
        """
        super().empty()
        left = os.fstat(self.file).st_size != self.size
        for start, data in self.emptied:
            if not self.recorder.overlap:
                left = left or any(os.pread(self.file, len(data), start))
            self._write(Extent(start, start + len(data)), data)
        if left:
            raise AssertionError(f"{self.called} has data left, or is shorter, when it has been emptied")

    def read(self, label: str, request: Request, extent: Extent) -> bytes:
        """Read the extent, and tell."""
        self.recorder.begin(request)
        data = super().read(label, request, extent)
        self.recorder.transfers[request.name] = ("transfer", (self.name, False, ((extent, data),)))
        return data

    def write(self, label: str, request: Request, extent: Extent, data: bytes) -> None:
        """Write the extent, and tell."""
        self.recorder.begin(request)
        super().write(label, request, extent, data)
        self.recorder.transfers[request.name] = ("transfer", (self.name, True, ((extent, data),)))

    def _write(self, extent: Extent, data: bytes) -> None:
        self.recorder.written.append((self.file, extent))
        super()._write(extent, data)
