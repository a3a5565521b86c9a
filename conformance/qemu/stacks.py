"""The stacks as data: which nodes QEMU is given, by which QMP commands, and whose model judges them.

In each the disks are nodes of QEMU's NBD client, connected to the gate. Where a disk has to be an overlay it
is qcow2 whose data are on the gate and whose mapping is in a file: host offset is guest offset, so the gate
sees the model's own transfers. A text `{folder}` in a command stands for the run's folder.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace
from typing import Any

from cowpath.conformance.qemu import mirror
from cowpath.conformance.qemu.binaries import DAEMON, SYSTEM
from cowpath.conformance.qemu.nodes import (
    LONG,
    UNIT,
    Disk,
    Graph,
    Options,
    QmpCommand,
    add,
    disk,
    exports,
    overlay,
    secondary,
)
from cowpath.conformance.qemu.qcow2 import Image
from cowpath.conformance.runs.log import ORIGINAL
from cowpath.model.designs.release import Version, find_role
from cowpath.model.designs.releases import ROLES

_FINER = {"replication-5.1": "replication-5.1-tasks"}
"""What judges in a design's place: it leaves out less of what the disks see."""
FILTERS = ("throttle", "copy-on-read", "raw")
"""Nodes that can be put between the source and what copies, as management software does."""


@dataclass(frozen=True)
class Stack:
    """One way of putting QEMU's block layer together. `program` is what must be run for it.

    `role`: what it does, to the table of releases, which says whose model judges it in which. `since`: the
    first release that has it. `kinds`: requests that it takes. `targets`: formats that the target can have,
    the default first. `canary`: a scenario on which it must be refused where there is no snapshot, or nothing
    is copied. `black_only`: why grey sight cannot judge it, empty if it can.
    """

    name: str
    says: str
    program: str
    role: str
    since: Version
    kinds: tuple[str, ...]
    targets: tuple[str, ...]
    canary: str = "race"
    black_only: str = ""

    def judged_by(self, release: Version) -> str:
        """Return the design whose model judges it in this release. Raises NoSuchRelease."""
        design = find_role(self.role, ROLES).era(release).design
        return _FINER.get(design, design)

    @property
    def newest(self) -> Version:
        """The newest release whose design is known."""
        return find_role(self.role, ROLES).until

    def lacks(self, options: Options) -> list[str]:
        """Return the names of the options that were chosen and make no difference to it."""
        if self.name == "mirror":
            return options.other_than((*_ALWAYS, *_OF_MIRROR))
        return options.other_than({each.name for each in fields(Options)} - {*_OF_MIRROR})

    def target(self, options: Options) -> str:
        """Return the target's format: as is wished, if the stack has it."""
        return options.target if options.target in self.targets else self.targets[0]

    def graph(self, options: Options, release: Version) -> Graph:
        """Return what builds it."""
        graph = _BUILDERS[self.name](options, release)
        return replace(graph, commands=_discarding(options, graph.commands))


VARIANTS = (
    Options(filters=("throttle",)),
    Options(target="qcow2"),
    Options(structured=True, status=True),
    Options(iothread=True),
    Options(target="qcow2", cluster=2 * UNIT, backing="name-only"),
)
"""What users do otherwise than by default, each worth a look at any QEMU that it makes a difference to."""
_ALWAYS = ("target", "cluster", "iothread", "discards", "no_snapshot")
_OF_MIRROR = ("granularity", "copy_mode", "sync", "backing", "size", "dirty", "buffers", "at_start")
WRITES = ("nbd-write", "nbd-zero")
FAULTS = ("cbw-write", "data-write", "cbw-read")
"""What may strike a write: the gate tells these transfers, and whose they are, by disk and extent."""
STACKS: Mapping[str, Stack] = {
    stack.name: stack
    for stack in (
        Stack(
            "cbw",
            "copy-before-write over the source, read through snapshot-access",
            DAEMON,
            "snapshot-access",
            (7, 0),
            (*WRITES, "guest-read", "client-discard"),
            ("raw", "qcow2"),
        ),
        Stack(
            "fleecing",
            "blockdev-backup sync=none into an overlay of the source, read from the overlay",
            DAEMON,
            "fleecing",
            (5, 0),
            (*WRITES, "guest-read", "stop"),
            ("qcow2",),
        ),
        Stack(
            "replication",
            "a COLO secondary: the replication driver over active, hidden and secondary disk",
            SYSTEM,
            "replication",
            (5, 0),
            (*WRITES, "guest-read", "guest-write", "checkpoint", "stop"),
            ("qcow2",),
        ),
        Stack(
            "mirror",
            "blockdev-mirror from a source that a guest writes to, to a target",
            DAEMON,
            "mirror",
            (5, 0),
            ("guest-write", "guest-zero", "pause", "resume", "complete", "change-mode"),
            ("raw", "qcow2"),
            "job-alone",
            "grey sight does not judge a mirror: QEMU's NBD client may sit on a reply, and nobody else reads "
            "the target, which would wake it",
        ),
    )
}
"""By name."""


def _discarding(options: Options, commands: Sequence[QmpCommand]) -> tuple[QmpCommand, ...]:
    """Return the commands; with discards, nodes that pass them on: by default they are dropped."""
    if not options.discards:
        return tuple(commands)
    return tuple(
        QmpCommand(c.name, {**c.arguments, "discard": "unmap"}) if c.name == "blockdev-add" else c
        for c in commands
    )


def _cbw(options: Options, release: Version) -> Graph:
    hidden: Sequence[QmpCommand]
    if options.target == "qcow2":
        images, hidden = {"hidden": Image(LONG, options.cluster)}, overlay("hidden")
    else:
        images, hidden = {}, [add("raw", "hidden", file="hidden-nbd")]
    more: dict[str, Any] = {}
    if options.on_cbw_error != "break-guest-write":
        more["on-cbw-error"] = options.on_cbw_error
    if options.cbw_timeout:
        more["cbw-timeout"] = options.cbw_timeout
    top, source = secondary(options)
    nodes = [
        *source,
        *disk("hidden"),
        *hidden,
        add("copy-before-write", "cbw", file=top, target="hidden", **more),
        add("snapshot-access", "snapshot", file="cbw"),
    ]
    ends = _ends(options, ("cbw", True), ("snapshot", options.discards), top)
    return Graph(images, (*nodes, *ends), (_SECONDARY, Disk("hidden")))


def _fleecing(options: Options, release: Version) -> Graph:
    top, source = secondary(options)
    job = {"job-id": "job", "device": top, "target": "hidden", "sync": "none", "filter-node-name": "cbw"}
    nodes = [
        *source,
        *disk("hidden"),
        *overlay("hidden", backing="secondary"),
        QmpCommand("blockdev-backup", job),
    ]
    ends = _ends(options, ("cbw", True), ("hidden", False), top)
    images = {"hidden": Image(LONG, options.cluster)}
    return Graph(images, (*nodes, *ends), (_SECONDARY, Disk("hidden")))


def _replication(options: Options, release: Version) -> Graph:
    top, source = secondary(options)
    nodes = [
        *source,
        *disk("hidden"),
        *disk("active"),
        *overlay("hidden", backing=top),
        *overlay("active", backing="hidden"),
        add("replication", "replication", mode="secondary", file="active", top_id="replication"),
    ]
    ends = _ends(options, (top, True), ("replication", True), top)
    start = QmpCommand("xen-set-replication", {"enable": True, "primary": False})
    images = {name: Image(LONG, options.cluster) for name in ("hidden", "active")}
    return Graph(images, (*nodes, *ends, start), (_SECONDARY, Disk("hidden"), Disk("active")))


_BUILDERS = {"cbw": _cbw, "fleecing": _fleecing, "replication": _replication, "mirror": mirror.graph}
_SECONDARY = Disk("secondary", ORIGINAL, source=True)


def _ends(options: Options, writer: tuple[str, bool], guest: tuple[str, bool], top: str) -> list[QmpCommand]:
    """Return what exports the nodes that the writer and the guest are connected to."""
    return exports(options, {"writer": writer, "guest": (top, guest[1]) if options.no_snapshot else guest})
