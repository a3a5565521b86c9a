"""What stacks are put together from: options, disks, images; nodes and exports, as QMP commands."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, fields
from typing import Any

from cowpath.conformance.qemu.qcow2 import Image

UNIT = 1 << 16
"""Bytes; QEMU copies no less at a time before a write."""
LONG = 64 << 30
"""Bytes of the disks whose windows the runs have."""


@dataclass(frozen=True)
class Options:
    """What a user can choose. Sizes in bytes.

    `target`: the format of the disk that copies go to, raw or qcow2; `cluster`: the unit of copying, which is
    the target's cluster. `filters`: above the source, from below. `structured`: the reader asks for
    structured replies, then QEMU reads by block status; `status`: the disks tell theirs; `discards`: they
    take discards.
    `no_snapshot`: the reader is given the source itself, or a mirror is told to copy nothing of what is
    there, which every oracle must refuse.
    `request_alignment` is that of the source's own node, `protocol_alignment` that of the one below.

    Of a mirror: the disk's `size`; the job's `granularity`, `sync` (empty: as what is `dirty` demands),
    `copy_mode` (empty: the scenario's) and, if they are few, `buffers`, in chunks; what the target has for a
    `backing` ("none", "open", "name-only"). `at_start`: requests may come while the job starts.
    """

    target: str = "raw"
    cluster: int = UNIT
    filters: tuple[str, ...] = ()
    structured: bool = False
    status: bool = False
    discards: bool = False
    iothread: bool = False
    on_cbw_error: str = "break-guest-write"
    cbw_timeout: int = 0
    no_snapshot: bool = False
    request_alignment: int = 1
    protocol_alignment: int = 1
    size: int | None = None
    granularity: int = UNIT
    dirty: tuple[tuple[int, int], ...] = ()
    sync: str = ""
    copy_mode: str = ""
    backing: str = "none"
    buffers: int | None = None
    at_start: bool = False

    def other_than(self, names: Iterable[str]) -> list[str]:
        """Return the names of the options that were chosen, but are none of these."""
        plain = Options()
        return [
            each.name
            for each in fields(self)
            if each.name not in names and getattr(self, each.name) != getattr(plain, each.name)
        ]

    def __str__(self) -> str:
        """Return what a user chose otherwise than by default, in words; empty for nothing."""
        chosen = [f"{each} filter" for each in self.filters]
        chosen += [f"{self.target} target"] * (self.target != "raw")
        chosen += [f"clusters of {self.cluster >> 10} KiB"] * (self.cluster != UNIT)
        for name in ("structured", "status", "discards", "iothread"):
            chosen += [name] * getattr(self, name)
        chosen += [f"granularity {self.granularity >> 10} KiB"] * (self.granularity != UNIT)
        chosen += [f"sync={self.sync}"] * bool(self.sync)
        chosen += [f"copy-mode={self.copy_mode}"] * bool(self.copy_mode)
        chosen += [f"backing {self.backing}"] * (self.backing != "none")
        return ", ".join(chosen + [f"cbw-timeout {self.cbw_timeout}"] * bool(self.cbw_timeout))


@dataclass(frozen=True)
class QmpCommand:
    """A QMP command."""

    name: str
    arguments: Mapping[str, Any] = field(hash=False)


@dataclass(frozen=True)
class Disk:
    """A disk on the gate: `fill` everywhere at first, but other bytes in `parts`, (start, end, byte) each.

    `image`: it holds a qcow2 image's mapping instead, which no model knows of. `source`: it is as coarse as
    the options' alignments say.
    """

    name: str
    fill: int = 0
    parts: tuple[tuple[int, int, int], ...] = ()
    image: Image | None = None
    source: bool = False

    def content(self, size: int) -> bytes:
        """Return the bytes that it has at first."""
        data = bytearray([self.fill]) * size
        for start, end, byte in self.parts:
            data[start:end] = bytes([byte]) * (end - start)
        return bytes(data)


@dataclass(frozen=True)
class Graph:
    """What to give to a QEMU: images, in files; commands; disks, on the gate.

    `size`: the disks' in bytes; None for long ones, of which each run has a window of its own. `job`: what
    a run starts on it, so that it serves for one. `behind`: the disk that is read where an image of a job has
    nothing, by the image's name.
    """

    images: Mapping[str, Image]
    commands: tuple[QmpCommand, ...]
    disks: tuple[Disk, ...]
    size: int | None = None
    job: QmpCommand | None = None
    behind: Mapping[str, Disk] = field(default_factory=dict, hash=False)


def add(driver: str, name: str, **more: Any) -> QmpCommand:
    """Return the command that makes a node; of the options' names, `_` stands for `-`."""
    told = {key.replace("_", "-"): value for key, value in more.items()}
    return QmpCommand("blockdev-add", {"driver": driver, "node-name": name, **told})


def disk(name: str, node: str = "") -> list[QmpCommand]:
    """Return what makes the node of a disk on the gate, `name`-nbd unless it is named."""
    server = {"type": "unix", "path": "{folder}/gate"}
    return [add("nbd", node or f"{name}-nbd", server=server, export=name)]


def overlay(name: str, **more: Any) -> list[QmpCommand]:
    """Return what makes a qcow2 node of a file's mapping and the data of the disk of that name."""
    return [
        add("file", f"{name}-mapping", filename=f"{{folder}}/{name}.qcow2"),
        add("qcow2", name, file=f"{name}-mapping", data_file=f"{name}-nbd", **more),
    ]


def closing(images: Iterable[str]) -> list[QmpCommand]:
    """Return what closes the images of a job that has ended."""
    nodes = [QmpCommand("blockdev-del", {"node-name": name}) for name in sorted(images)]
    return [QmpCommand("block-export-del", {"id": "guest", "mode": "hard"}), *nodes]


def secondary(options: Options) -> tuple[str, list[QmpCommand]]:
    """Return the name of the topmost node of the secondary, and what makes it and those below."""
    top, below = options.request_alignment, options.protocol_alignment
    if below == 1 and top > 1:  # the NBD node itself is as coarse as the gate says
        nodes = disk("secondary", "secondary")
    elif top == 1:
        nodes = [*disk("secondary"), add("raw", "secondary", file="secondary-nbd")]
    else:
        nodes = [*disk("secondary"), add("blkdebug", "secondary", image="secondary-nbd", align=top)]
    name = "secondary"
    for number, driver in enumerate(options.filters):
        above = f"filter{number}"
        more: dict[str, Any] = {}
        if driver == "throttle":
            nodes.append(QmpCommand("object-add", {"qom-type": "throttle-group", "id": f"{above}-group"}))
            more = {"throttle-group": f"{above}-group"}
        nodes.append(add(driver, above, file=name, **more))
        name = above
    return name, nodes


def exports(options: Options, nodes: Mapping[str, tuple[str, bool]]) -> list[QmpCommand]:
    """Return what exports the nodes, under the names given, and says whether they may be written to."""
    address = {"type": "unix", "data": {"path": "{folder}/nbd"}}
    commands = [QmpCommand("nbd-server-start", {"addr": address, "max-connections": 0})]
    more: dict[str, Any] = {}
    if options.iothread:
        commands.insert(0, QmpCommand("object-add", {"qom-type": "iothread", "id": "iothread0"}))
        more = {"iothread": "iothread0"}
    for name, (node, writable) in nodes.items():
        export = {"type": "nbd", "id": name, "node-name": node, "name": name, "writable": writable}
        commands.append(QmpCommand("block-export-add", export | more))
    return commands
