"""A mirror job: its source is a guest's disk, its target another; QEMU ends it on command, once it is ready.

How the source is made says what is dirty, that is, what the job has to copy. If all is, it is a raw disk
(sync=full); else what is dirty is allocated in an overlay (sync=top). Where requests are to meet the job's
start, all that is asked then must be on the gate: so the overlay lies over another whose mapping is there,
and the job, which copies both (sync=full), asks for it, having made the target read as zeroes.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

from cowpath.conformance.qemu.nodes import Disk, Graph, Options, QmpCommand, add, disk, exports, overlay
from cowpath.conformance.qemu.qcow2 import Image
from cowpath.conformance.runs.log import ORIGINAL

JOB = "job"
_SOURCE = Disk("source", ORIGINAL, source=True)
STALE = 0x7F
"""What the target holds at first where it has to be copied to."""
_Made = tuple[list[QmpCommand], list[Disk], dict[str, Image]]


def graph(options: Options, release: tuple[int, ...]) -> Graph:
    """Return what builds it, and the command that starts the job."""
    options = replace(options, size=options.size or options.granularity)
    sync = options.sync or ("full" if options.at_start or options.dirty == ((0, options.size),) else "top")
    source, disks, images = _source(options, sync)
    target, more, mapped = _target(options)
    base = _base(options)
    if options.backing == "open" and base not in disks:
        source, disks = [*disk("base"), *source], [base, *disks]
    behind = {name: base for name, image in mapped.items() if image.backing}
    behind |= {name: Disk("nothing") for name in mapped.keys() - behind.keys()}
    behind |= {name: next(d for d in disks if d.name in ("base", "below")) for name in images}
    job: dict[str, Any] = {
        "job-id": JOB,
        "device": "source",
        "target": "target",
        "sync": "none" if options.no_snapshot else sync,
        "granularity": options.granularity,
        "copy-mode": options.copy_mode or "write-blocking",
        "on-target-error": "ignore",  # a write that fails there is made again
        "filter-node-name": "mirror",
    }
    if options.buffers is not None:
        job["buf-size"] = options.buffers * options.granularity
    commands = [*source, *target, *exports(options, {"guest": ("source", True)})]
    start = QmpCommand("blockdev-mirror", job)
    return Graph(images | mapped, tuple(commands), (*disks, *more), options.size, start, behind)


def _source(options: Options, sync: str) -> _Made:
    """Return what makes the source: it has allocated what the job is to copy."""
    size, unit = options.size, options.granularity
    assert size is not None
    there = _whole(options.dirty, unit)
    if options.at_start:
        data = tuple((start, end, ORIGINAL) for start, end in there)
        nodes = [
            *(each for name in ("mapping", "below", "source") for each in disk(name)),
            add("qcow2", "below", file="mapping-nbd", data_file="below-nbd"),
            *overlay("source", backing="below"),
        ]
        mapping = Disk("mapping", image=Image(size, unit, there, tables=True))
        return nodes, [mapping, Disk("below", 0, data), Disk("source")], {"source": Image(size, unit)}
    if sync != "top":
        return [*disk("source"), add("raw", "source", file="source-nbd")], [_SOURCE], {}
    nodes = [*disk("base"), *disk("source"), *overlay("source", backing="base-nbd")]
    return nodes, [_base(options), _SOURCE], {"source": Image(size, unit, there)}


def _target(options: Options) -> tuple[list[QmpCommand], list[Disk], dict[str, Image]]:
    size = options.size
    assert size is not None
    stale = _base(options).parts
    disks = [Disk("target", 0 if options.at_start else ORIGINAL, stale)]
    if options.target == "raw":
        node = add("raw", "target", file="target-nbd")
        return [*disk("target"), node], disks, {}
    # A backing of None is QEMU's word for a name that is not followed.
    behind: dict[str, Any] = {"backing": "base-nbd" if options.backing == "open" else None}
    name, there = "base", list[tuple[int, int]]()
    if options.backing == "none":  # then what is not to be copied is in the image itself
        dirty = sorted(_whole(options.dirty, options.granularity))
        edges = [0, *(edge for part in dirty for edge in part), size]
        clean = [(start, end) for start, end in zip(edges[::2], edges[1::2], strict=True) if start < end]
        name, there = "", list(_whole(clean, options.cluster))
    return (
        [*disk("target"), *overlay("target", **behind)],
        disks,
        {"target": Image(size, options.cluster, tuple(there), name)},
    )


def _base(options: Options) -> Disk:
    """Return what is behind source and target: what is to be copied is not the same there."""
    dirty = _whole(options.dirty, options.granularity)
    return Disk("base", ORIGINAL, tuple((start, end, STALE) for start, end in dirty))


def _whole(ranges: Iterable[tuple[int, int]], unit: int) -> tuple[tuple[int, int], ...]:
    """Return the ranges in whole units."""
    return tuple((start - start % unit, end + -end % unit) for start, end in ranges)
