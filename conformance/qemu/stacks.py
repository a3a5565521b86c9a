"""The stacks as data: which nodes QEMU is given, by which QMP commands, and whose model judges them.

In each the disks are nodes of QEMU's NBD client, connected to the gate. Where a disk has to be an overlay it
is qcow2 whose data are on the gate and whose mapping is in a file: host offset is guest offset, so the gate
sees the model's own transfers. A text `{folder}` in a command stands for the run's folder.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from cowpath.conformance.qemu.binaries import DAEMON, SYSTEM

UNIT = 1 << 16
"""Bytes; QEMU copies no less at a time."""
FILTERS = ("throttle", "copy-on-read", "raw")
"""Nodes that can be put between the source and what copies, as management software does."""


@dataclass(frozen=True)
class Options:
    """What a user can choose. Sizes in bytes.

    `target`: the format of the disk that copies go to, raw or qcow2; `cluster`: the unit of copying, which is
    the target's cluster. `filters`: above the source, from below. `structured`: the reader asks for
    structured replies, then QEMU reads by block status; `status`: the disks tell theirs; `discards`: they
    take discards.
    `no_snapshot`: the reader is given the source itself, which every oracle must refuse.
    `request_alignment` is that of the source's own node, `protocol_alignment` that of the one below.
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

    def __str__(self) -> str:
        """Return what a user chose otherwise than by default, in words; empty for nothing."""
        chosen = [f"{each} filter" for each in self.filters]
        chosen += [f"{self.target} target"] * (self.target != "raw")
        chosen += [f"clusters of {self.cluster >> 10} KiB"] * (self.cluster != UNIT)
        for name in ("structured", "status", "discards", "iothread"):
            chosen += [name] * getattr(self, name)
        return ", ".join(chosen + [f"cbw-timeout {self.cbw_timeout}"] * bool(self.cbw_timeout))


@dataclass(frozen=True)
class QmpCommand:
    """A QMP command."""

    name: str
    arguments: Mapping[str, Any] = field(hash=False)


@dataclass(frozen=True)
class Graph:
    """What to give to a QEMU: images, by name with their cluster size; commands. `disks`: on the gate."""

    images: Mapping[str, int]
    commands: tuple[QmpCommand, ...]
    disks: tuple[str, ...]


@dataclass(frozen=True)
class Stack:
    """One way of putting QEMU's block layer together. `program` is what must be run for it.

    `design`: whose model judges it. `since`: the first release that has it. `kinds`: requests that it takes.
    `targets`: formats that the target can have, the default first.
    """

    name: str
    says: str
    program: str
    design: str
    since: tuple[int, ...]
    kinds: tuple[str, ...]
    targets: tuple[str, ...]

    def target(self, options: Options) -> str:
        """Return the target's format: as is wished, if the stack has it."""
        return options.target if options.target in self.targets else self.targets[0]

    def graph(self, options: Options, release: tuple[int, ...]) -> Graph:
        """Return what builds it."""
        graph = _BUILDERS[self.name](options, release)
        return replace(graph, commands=_discarding(options, graph.commands))


VARIANTS = (
    Options(filters=("throttle",)),
    Options(target="qcow2"),
    Options(structured=True, status=True),
    Options(iothread=True),
)
"""What users do otherwise than by default, each worth a look at any QEMU."""
WRITES = ("nbd-write", "nbd-zero")
STACKS: Mapping[str, Stack] = {
    stack.name: stack
    for stack in (
        Stack(
            "cbw",
            "copy-before-write over the source, read through snapshot-access",
            DAEMON,
            "copy-before-write-9.2",
            (7, 0),
            (*WRITES, "guest-read", "client-discard"),
            ("raw", "qcow2"),
        ),
        Stack(
            "fleecing",
            "blockdev-backup sync=none into an overlay of the source, read from the overlay",
            DAEMON,
            "block-copy-5.0",
            (5, 0),
            (*WRITES, "guest-read", "stop"),
            ("qcow2",),
        ),
        Stack(
            "replication",
            "a COLO secondary: the replication driver over active, hidden and secondary disk",
            SYSTEM,
            "block-copy-5.0",
            (5, 0),
            (*WRITES, "guest-read", "guest-write", "checkpoint", "stop"),
            ("qcow2",),
        ),
    )
}
"""By name. An active mirror's would stand here, too."""


def _discarding(options: Options, commands: Sequence[QmpCommand]) -> tuple[QmpCommand, ...]:
    """Return the commands; with discards, nodes that pass them on: by default they are dropped."""
    if not options.discards:
        return tuple(commands)
    return tuple(
        QmpCommand(c.name, {**c.arguments, "discard": "unmap"}) if c.name == "blockdev-add" else c
        for c in commands
    )


def _cbw(options: Options, release: tuple[int, ...]) -> Graph:
    hidden: Sequence[QmpCommand]
    if options.target == "qcow2":
        images, hidden = {"hidden": options.cluster}, _overlay("hidden", None)
    else:
        images, hidden = {}, [_add("raw", "hidden", file="hidden-nbd")]
    more: dict[str, Any] = {}
    if options.on_cbw_error != "break-guest-write":
        more["on-cbw-error"] = options.on_cbw_error
    if options.cbw_timeout:
        more["cbw-timeout"] = options.cbw_timeout
    top, source = _source(options)
    nodes = [
        *source,
        *_disk("hidden"),
        *hidden,
        _add("copy-before-write", "cbw", file=top, target="hidden", **more),
        _add("snapshot-access", "snapshot", file="cbw"),
    ]
    exports = _exports(options, ("cbw", True), ("snapshot", options.discards), top)
    return Graph(images, (*nodes, *exports), ("secondary", "hidden"))


def _fleecing(options: Options, release: tuple[int, ...]) -> Graph:
    top, source = _source(options)
    job = {"job-id": "job", "device": top, "target": "hidden", "sync": "none", "filter-node-name": "cbw"}
    nodes = [
        *source,
        *_disk("hidden"),
        *_overlay("hidden", "secondary"),
        QmpCommand("blockdev-backup", job),
    ]
    exports = _exports(options, ("cbw", True), ("hidden", False), top)
    return Graph({"hidden": options.cluster}, (*nodes, *exports), ("secondary", "hidden"))


def _replication(options: Options, release: tuple[int, ...]) -> Graph:
    top, source = _source(options)
    nodes = [
        *source,
        *_disk("hidden"),
        *_disk("active"),
        *_overlay("hidden", top),
        *_overlay("active", "hidden"),
        _add("replication", "replication", mode="secondary", file="active", **{"top-id": "replication"}),
    ]
    exports = _exports(options, (top, True), ("replication", True), top)
    start = QmpCommand("xen-set-replication", {"enable": True, "primary": False})
    images = {"hidden": options.cluster, "active": options.cluster}
    return Graph(images, (*nodes, *exports, start), ("secondary", "hidden", "active"))


_BUILDERS = {"cbw": _cbw, "fleecing": _fleecing, "replication": _replication}


def _add(driver: str, name: str, **more: Any) -> QmpCommand:
    return QmpCommand("blockdev-add", {"driver": driver, "node-name": name, **more})


def _disk(name: str, node: str = "") -> list[QmpCommand]:
    server = {"type": "unix", "path": "{folder}/gate"}
    return [_add("nbd", node or f"{name}-nbd", server=server, export=name)]


def _overlay(name: str, backing: str | None) -> list[QmpCommand]:
    more = {} if backing is None else {"backing": backing}
    return [
        _add("file", f"{name}-mapping", filename=f"{{folder}}/{name}.qcow2"),
        _add("qcow2", name, file=f"{name}-mapping", **{"data-file": f"{name}-nbd"}, **more),
    ]


def _source(options: Options) -> tuple[str, list[QmpCommand]]:
    """Return the name of the topmost node of the source, and what makes it and those below."""
    top, below = options.request_alignment, options.protocol_alignment
    if below == 1 and top > 1:  # the NBD node itself is as coarse as the gate says
        nodes = _disk("secondary", "secondary")
    elif top == 1:
        nodes = [*_disk("secondary"), _add("raw", "secondary", file="secondary-nbd")]
    else:
        nodes = [*_disk("secondary"), _add("blkdebug", "secondary", image="secondary-nbd", align=top)]
    name = "secondary"
    for number, driver in enumerate(options.filters):
        above = f"filter{number}"
        more: dict[str, Any] = {}
        if driver == "throttle":
            nodes.append(QmpCommand("object-add", {"qom-type": "throttle-group", "id": f"{above}-group"}))
            more = {"throttle-group": f"{above}-group"}
        nodes.append(_add(driver, above, file=name, **more))
        name = above
    return name, nodes


def _exports(
    options: Options, writer: tuple[str, bool], guest: tuple[str, bool], source: str
) -> list[QmpCommand]:
    """Return what exports the two nodes, and says whether they may be written to."""
    exports = {"writer": writer, "guest": (source, guest[1]) if options.no_snapshot else guest}
    address = {"type": "unix", "data": {"path": "{folder}/nbd"}}
    commands = [QmpCommand("nbd-server-start", {"addr": address, "max-connections": 0})]
    more: dict[str, Any] = {}
    if options.iothread:
        commands.insert(0, QmpCommand("object-add", {"qom-type": "iothread", "id": "iothread0"}))
        more = {"iothread": "iothread0"}
    for name, (node, writable) in exports.items():
        export = {"type": "nbd", "id": name, "node-name": node, "name": name, "writable": writable}
        commands.append(QmpCommand("block-export-add", export | more))
    return commands
