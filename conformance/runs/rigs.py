"""What a design runs on: its disks, as files that live in memory, and its requests as calls of it."""

from __future__ import annotations

import os
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from typing import Any

from cowpath.conformance.pairs import Pair, method_of
from cowpath.conformance.runs.log import Event, written_by
from cowpath.conformance.runs.original import original
from cowpath.conformance.runs.recorder import Recorder, TappedDisk
from cowpath.conformance.strategies.simple import ZEROES
from cowpath.impl.context import AioContext, Request
from cowpath.impl.design import Disks, Geometry
from cowpath.impl.extent import Extent
from cowpath.impl.mirror.job import MirrorDisks, MirrorGeometry
from cowpath.impl.mirror.mirror import Mirror
from cowpath.model.designs import Case
from cowpath.model.scenarios.geometry import in_bitmap
from cowpath.model.scenarios.scenario import Request as Submitted

Bodies = list[tuple[str, Callable[[], None]]]
"""Requests by name, and what makes each."""
SHORTLY = 0.001
"""Seconds of a timeout, of threads that run freely; where they are scheduled the time is up at any moment."""
BLOCK_STATUS = "block status"
"""The label of the choice of how far an extent of one block status goes."""


class Rig(ABC):
    """The disks of a case's design; `make` gives them to a new one, as they were before all runs.

    `jobs` has what runs beside the requests, `idle` the names of those who need not have ended when a run is
    over: jobs, and requests that wait until they are accepted.
    """

    disks: Sequence[str] = ()
    jobs: Sequence[str] = ()

    def __init__(self, pair: Pair, case: Case) -> None:
        self.pair = pair
        self.scenario = case.scenario
        self.reduced = case.geometry
        self.idle = frozenset(self.jobs)
        self.files = [os.memfd_create(disk) for disk in self.disks]
        self.written: Sequence[tuple[int, Extent]] = ()  # by the last run
        self._before: dict[tuple[int, Extent], bytes] = {}
        for disk, file in zip(self.disks, self.files, strict=True):
            os.ftruncate(file, self.scenario.size)
            for start, end in self.reduced.clusters:
                if (data := self.initial(disk, start, end)).strip(b"\0"):
                    os.pwrite(file, data, start)

    def close(self) -> None:
        """Give the files back."""
        for file in self.files:
            os.close(file)

    def make(self, context: AioContext, recorder: Recorder) -> Any:
        """Return a design on fresh disks, told to the recorder."""
        names = dict(zip(self.files, self.disks, strict=True))
        for file, extent in set(self.written):
            if (file, extent) not in self._before:
                self._before[file, extent] = self.initial(names[file], *extent)
            os.pwrite(file, self._before[file, extent], extent.start)
        self.written = recorder.written
        return self.design(context, recorder)

    def call(self, submitted: Submitted, number: int) -> tuple[Request, str, dict[str, bool]]:
        """Return a request as the design takes it, the name of its method there, and what is said beside."""
        offset, length = submitted.offset or 0, submitted.length or 0
        writes = submitted.kind in ("nbd-write", "guest-write")
        data = bytes([written_by(self.scenario, number)]) * length if writes else None
        reads = submitted.kind == "guest-read"
        request = Request(submitted.label, Extent(offset, offset + length), data, reads)
        return request, method_of(submitted.kind), self.options(submitted.kind)

    def beside(self, design: Any) -> Bodies:
        """Return the jobs."""
        return []

    def contents(self, design: Any, log: Sequence[Event]) -> list[Event]:
        """Return what the disks hold when all is over, as far as the model says what that is."""
        return []

    @abstractmethod
    def initial(self, disk: str, start: int, end: int) -> bytes:
        """Return what a disk holds before a run."""

    @abstractmethod
    def design(self, context: AioContext, recorder: Recorder) -> Any:
        """Return a new design on the disks as they are."""

    @abstractmethod
    def options(self, kind: str) -> dict[str, bool]:
        """Return what is said beside of requests of a kind."""


class SecondaryRig(Rig):
    """The three disks of a secondary."""

    disks = ("secondary", "hidden", "active")

    def initial(self, disk: str, start: int, end: int) -> bytes:
        """Return data that tell where they belong; of the overlays, nothing."""
        return self._nobodys(start, end) if disk == "secondary" else bytes(end - start)

    def _nobodys(self, start: int, end: int) -> bytes:
        return bytes(end - start) if self.scenario.option("zeroes") else original(start, end)

    def design(self, context: AioContext, recorder: Recorder) -> Any:
        """Return a new design on the disks as they are."""
        scenario, (secondary, hidden, active) = self.scenario, self.files
        size, cluster = scenario.size, scenario.cluster
        emptied = [(start, self._nobodys(start, end)) for start, end in self.reduced.clusters]
        disks = Disks(
            _FickleDisk(context, secondary, size, recorder, cluster, zeroes=scenario.option("zeroes")),
            TappedDisk(context, "hidden", hidden, size, recorder, emptied),
            TappedDisk(context, "active", active, size, recorder, emptied),
        )
        geometry = Geometry(
            size,
            cluster,
            scenario.request_alignment,
            # The model leaves the protocol node out where no request is unaligned there.
            scenario.protocol_alignment if any(self.reduced.proto_unaligned) else 1,
            scenario.copy_on_read,
            scenario.option("on_cbw_error"),
            scenario.option("job_requests_queue"),
            scenario.option("copy_offload"),
            scenario.option("source_outside_chain"),
            SHORTLY if scenario.option("cbw_timeout") else 0.0,
            scenario.option("discard_source"),
            [Extent(*each) for each in self.reduced.clusters if not in_bitmap(scenario, each)],
        )
        made: Callable[..., Any] = self.pair.threads
        return made(context, disks, geometry)

    def options(self, kind: str) -> dict[str, bool]:
        """Return what a checkpoint and a stop do first."""
        if kind == "checkpoint":
            return {"quiesced": self.scenario.option("quiesced_checkpoint")}
        return {"drained": self.scenario.option("drain_on_stop")} if kind == "stop" else {}

    def contents(self, design: Any, log: Sequence[Event]) -> list[Event]:
        """Return what the overlays have; what is in there was told when it was written."""
        numbers = [start // self.scenario.cluster for start, _ in self.reduced.clusters]
        return [
            Event("map", facts=(("disk", disk), ("clusters", tuple(int(k in there) for k in numbers))))
            for disk in self.pair.model.machine.maps
            for there in [getattr(design, disk).allocated.those_set]
        ]


class MirrorRig(Rig):
    """A mirror's source and target, and its background."""

    disks = ("source", "target")
    jobs = ("background",)

    def __init__(self, pair: Pair, case: Case) -> None:
        assert case.scenario.mirror is not None
        self.job, unit = case.scenario.mirror, case.scenario.cluster
        self.dirty = [Extent(*dirty).widened(unit, case.scenario.size) for dirty in self.job.dirty]
        super().__init__(pair, case)
        self.idle |= {request.label for request in self.scenario.requests if not request.length}

    def initial(self, disk: str, start: int, end: int) -> bytes:
        """Return data that tell where they belong; of the target, nothing where one is to copy."""
        data = bytearray(original(start, end))
        for dirty in self.dirty if disk == "target" else ():
            low, high = Extent(start, end).common(dirty)
            if low < high:
                data[low - start : high - start] = bytes(high - low)
        return bytes(data)

    def design(self, context: AioContext, recorder: Recorder) -> Mirror:
        """Return a new mirror on the disks as they are."""
        job, scenario, (source, target) = self.job, self.scenario, self.files
        disks = MirrorDisks(
            TappedDisk(context, "source", source, scenario.size, recorder),
            _Mirrored(context, "target", target, scenario.size, recorder),
        )
        geometry = MirrorGeometry(
            scenario.size,
            scenario.cluster,
            blocking=job.copy_mode == "write-blocking",
            dirty=tuple(Extent(*dirty) for dirty in job.dirty),
            buffers=job.buffers,
            target_cluster=job.target_cluster,
            backing=job.backing,
            requests_at_start=scenario.option("requests_at_start"),
            areas=tuple(Extent(*chunk) for chunk in self.reduced.clusters),
        )
        made: Callable[..., Any] = self.pair.threads
        mirror = made(context, disks, geometry)
        assert isinstance(mirror, Mirror)
        return mirror

    def options(self, kind: str) -> dict[str, bool]:
        """Return that the user waits until a command is accepted."""
        return {"patient": True} if kind in ("pause", "resume", "complete", "change-mode") else {}

    def beside(self, design: Mirror) -> Bodies:
        """Return the background."""
        return [(self.jobs[0], design.run)]

    def contents(self, design: Mirror, log: Sequence[Event]) -> list[Event]:
        """Return what the job tells, and what both disks hold.

        Of the target without what a guest has written when that was its disk already.
        """
        job = design.job
        told = {"ready": job.ready, "over": job.state == "over", "actively_synced": job.synced}
        events = [Event("shows", facts=tuple((name, int(value)) for name, value in told.items()))]
        late = {event.request for event in log if event.label == "write.after"}
        after = [n for n, request in enumerate(self.scenario.requests) if request.label in late]
        for disk, file in zip(self.disks, self.files, strict=True):
            pieces = []
            for number, cell in enumerate(self.reduced.cells):
                if disk == "source" or not any(self.reduced.covers[n][number] for n in after):
                    found = [Extent(*span) for span in cell.ranges]
                    pieces += [(span, os.pread(file, span.length, span.start)) for span in found]
            events.append(Event("content", facts=(("disk", disk), ("data", tuple(pieces)))))
        return events


def rig_of(pair: Pair, case: Case) -> Rig:
    """Return what the design of a case runs on."""
    return MirrorRig(pair, case) if case.scenario.mirror is not None else SecondaryRig(pair, case)


class _FickleDisk(TappedDisk):
    """The secondary disk; its block status is chosen: by default all of it is the same, and data.

    Else it changes inside a cluster, of which that extent then is no more; and what is `zeroes` may be said
    to be, up to the first byte that somebody has written, be it a zero.
    """

    def __init__(
        self,
        context: AioContext,
        file: int,
        size: int,
        recorder: Recorder,
        cluster: int,
        *,
        zeroes: bool,
    ) -> None:
        super().__init__(context, "secondary", file, size, recorder)
        self.cluster = cluster
        self.zeroes = zeroes

    def same_status(self, extent: Extent) -> tuple[Extent, bool]:
        """Return the beginning of the extent, with a part of one of its clusters or all of it."""
        clusters = extent.units(self.cluster)
        less = self.context.choose(len(clusters), BLOCK_STATUS)
        inside = self.cluster // 2 if less else 0
        status = Extent(extent.start, min((clusters.stop - less) * self.cluster + inside, extent.end))
        if self.zeroes:
            self.context.touch(self.called, status, False)
            written = [
                max(extent.start, status.start)
                for file, extent in self.recorder.written
                if file == self.file and extent.overlaps(status)
            ]
            end = min((*written, status.end))
            if end > status.start and self.context.choose(2, f"{ZEROES}{clusters.start}"):
                return Extent(status.start, end), True
        return status, False


class _Mirrored(TappedDisk):
    """A mirror's target. The model ends with the mirror: what is written there after it is not told."""

    def write(self, label: str, request: Request, extent: Extent, data: bytes) -> None:
        """Write the extent, and tell."""
        super().write(label, request, extent, data)
        if label == "write.after":
            del self.recorder.transfers[request.name]
