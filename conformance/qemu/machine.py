"""A stack that runs: QEMU, the gate that is its disks, the clients. Made once, used for many runs.

Each run has a window of its own in a large sparse disk, so nothing has to be made up again between two. What
cannot be used any more (the job has ended, a snapshot is broken, QEMU hangs or is dead) is made anew.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from cowpath.conformance.qemu.binaries import Qemu
from cowpath.conformance.qemu.client import Call, Client
from cowpath.conformance.qemu.disk import SparseDisk
from cowpath.conformance.qemu.errors import Broken
from cowpath.conformance.qemu.gate import Gate, Transfer
from cowpath.conformance.qemu.loop import Loop
from cowpath.conformance.qemu.nbd import Command
from cowpath.conformance.qemu.nodes import LONG, Graph, Options, QmpCommand, closing
from cowpath.conformance.qemu.process import Process
from cowpath.conformance.qemu.replay_image import read_image
from cowpath.conformance.qemu.stacks import Stack
from cowpath.model.scenarios.sizes import SECTOR

_FOLDER = "cowpath-qemu-"
_MEGABYTE = 1 << 20
_PATIENCE = 30.0  # seconds: others may have the processor


class Machine:
    """Raises Broken, with QEMU's own words, if this QEMU does not build the stack. Close it."""

    def __init__(self, qemu: Qemu, stack: Stack, options: Options) -> None:
        self.qemu = qemu
        self.stack = stack
        self.options = options = replace(options, target=stack.target(options))
        self.spent = False
        """Whether the next run needs another one."""
        graph = stack.graph(options, qemu.release)
        self.commands = graph.commands
        self.job = graph.job
        self._size = graph.size or 0
        self._images = frozenset(graph.images)
        self._behind = graph.behind
        self.loop = Loop()
        sweep()
        self.folder = Path(tempfile.mkdtemp(prefix=f"{_FOLDER}{os.getpid()}-", dir=_memory()))
        self._window = 0
        self._windows = graph.size is None
        self._kicks = _kicks(options.cluster) if self._windows else {}
        self._answered: set[str] = set()
        self._unheard: set[str] = set()
        self._closing: list[Any] = []
        try:
            self.disks = disks_of(graph, options)
            for name, image in graph.images.items():
                (self.folder / f"{name}.qcow2").write_bytes(image.to_bytes())
            self.gate = Gate(self.loop, str(self.folder / "gate"), list(self.disks.values()))
            self.gate.passed = self._hear
            self._closing.append(self.gate)
            self.process = Process(qemu, stack.program, self.folder, self.loop)
            self._closing.append(self.process)
            for command in graph.commands:
                self.process.qmp.run(command.name, filled(command, self.folder))
            path = str(self.folder / "nbd")
            self.guest = Client(self.loop, path, "guest", structured=options.structured)
            self._closing.append(self.guest)
            if self._windows:
                self.writer, self._kicker = (Client(self.loop, path, name) for name in ("writer", "guest"))
                self._closing += [self.writer, self._kicker]
                self.settle()
        except BaseException as error:
            died = isinstance(error, Broken) and hasattr(self, "process") and self.process.dead
            why = self.process.death() if died else None
            self.close()
            if why is not None:
                raise why from error
            raise

    def take_window(self, length: int) -> int:
        """Return where the next run has its bytes, so many and a gap after them."""
        if not self._windows:
            self.spent = True
            return 0
        span = -(-length // _MEGABYTE) * _MEGABYTE + _MEGABYTE
        start = self._window
        self._window += span
        if self._window + span > LONG - 64 * _MEGABYTE:
            self.spent = True
        return start

    def rest(self) -> bool:
        """Wait until nobody in QEMU can move; tell whether that came to pass. Raises Died.

        QEMU's NBD client up to 10.0 sits on a reply that it has received while an older request has none yet;
        a small read elsewhere through the same connection makes it look again.
        """
        if not self.process.rest():
            return False
        held = {transfer.disk.name for transfer in self.gate.held}
        kicked = sorted(self._answered & held & self._kicks.keys())
        self._answered.clear()
        if not kicked:
            return True
        for name in kicked:  # its answer may be sat on itself, so nobody waits for that
            self._unheard.add(name)
            self._kicker.submit(Command.READ, self._kicks[name], 512)
        return self.process.rest()

    @property
    def sat_on(self) -> int:
        """On how many disks a reply may be sat on still: the read that is to wake the client has not come.

        In a drained section it is queued.
        """
        return len(self._unheard & {transfer.disk.name for transfer in self.gate.held})

    def _hear(self, transfer: Transfer) -> None:
        if transfer.command is Command.READ and transfer.offset == self._kicks.get(transfer.disk.name):
            self._unheard.discard(transfer.disk.name)

    def answer(self, transfer: Transfer) -> None:
        """Answer a transfer that has taken effect."""
        self._answered.add(transfer.disk.name)
        self.gate.answer(transfer)

    @property
    def job_ended(self) -> bool:
        """Whether the backup job has said that it ended; its cancelling is answered before."""
        return any(each["event"] == "BLOCK_JOB_CANCELLED" for each in self.process.qmp.events)

    def settle(self) -> None:
        """Prepare the far clusters that kicks read: one copied, one that the guest has written."""
        self.wait(*self.submit_settling())

    def submit_settling(self) -> list[Call]:
        """Begin to prepare them; a checkpoint has emptied what they were in."""
        calls = [self.writer.submit(Command.WRITE, self._kicks["hidden"], 512, bytes(512))]
        if "active" in self.disks:
            calls.append(self.guest.submit(Command.WRITE, self._kicks["active"], 512, bytes(512)))
        return calls

    def wait(self, *calls: Call) -> None:
        """Wait for calls that nothing holds. Raises Died, or Broken if QEMU does not answer."""
        ended = self.loop.until(lambda: all(c.done for c in calls) or self.process.dead, _PATIENCE)
        if self.process.dead:
            raise self.process.death()
        if not ended or any(call.lost for call in calls):
            raise Broken("QEMU does not answer, though nothing is held")
        for call in calls:
            if call.error:
                raise Broken(f"{call.command} at {call.offset}: error {call.error}")

    def forget(self, start: int, length: int) -> None:
        """Give back the memory of a window."""
        if not self._windows:
            return  # what the disks hold is still to be read
        for disk in self.disks.values():
            disk.discard(start, length)

    @property
    def maps(self) -> bool:
        """Whether some disk is an image, whose mapping QEMU has in memory until it closes it."""
        return bool(self._images)

    def close_images(self) -> None:
        """Have QEMU close its images, which nobody uses any more: it writes down what it has in memory.

        Raises Broken if it does not, or Died.
        """
        self.spent = True
        qmp = self.process.qmp
        for command in closing(self._images):
            qmp.run(command.name, dict(command.arguments))
            if not self.rest():
                raise Broken("QEMU does not come to rest")

    def content(self, name: str) -> bytes:
        """Return what a job's disk reads as, what is behind it opened, by the mapping that is written down.

        QEMU flushes a target before its job ends, so its mapping is known then; a source's when it is closed.
        Zeroes in an image are in its mapping only.
        """
        data = self.disks[name].read(0, self._size)
        if name not in self._images:
            return data
        mapping = (self.folder / f"{name}.qcow2").read_bytes()
        return read_image(mapping, data, self._behind[name].content(self._size))

    def close(self) -> None:
        """End QEMU, and leave nothing behind."""
        for each in reversed(self._closing):
            each.close()
        self._closing.clear()
        self.loop.__exit__()
        shutil.rmtree(self.folder, ignore_errors=True)


def disks_of(graph: Graph, options: Options) -> dict[str, SparseDisk]:
    """Return the disks that QEMU is given, by name."""
    block = max(options.request_alignment, options.protocol_alignment)
    disks = {}
    for each in graph.disks:
        if each.image is not None:
            content = each.image.to_bytes()
            room = len(content) + _MEGABYTE  # for what QEMU adds to it
            disks[each.name] = disk = SparseDisk(each.name, room, block=SECTOR, holds_data=False)
            disk.write(0, content)
            continue
        unit = graph.images[each.name].cluster if each.name in graph.images else 1
        size = graph.size or LONG
        disks[each.name] = disk = SparseDisk(
            each.name,
            size + -size % unit,  # an image fills whole clusters
            fill=each.fill,
            block=block if each.source else 1,
            tells_status=options.status,
            discards=options.discards,
        )
        for start, end, byte in each.parts:
            disk.write(start, bytes([byte]) * (end - start))
    return disks


def filled(command: QmpCommand, folder: Path) -> dict[str, Any]:
    """Return a command's arguments with the folder in its place."""

    def fill(value: Any) -> Any:
        if isinstance(value, Mapping):
            return {key: fill(each) for key, each in value.items()}
        return value.replace("{folder}", str(folder)) if isinstance(value, str) else value

    return {key: fill(value) for key, value in command.arguments.items()}


def _kicks(cluster: int) -> dict[str, int]:
    """Return where a guest read goes to each disk, once `settle` has prepared it."""
    far = max(cluster, _MEGABYTE)
    return {name: LONG - number * far for number, name in enumerate(("hidden", "secondary", "active"), 1)}


def sweep() -> None:
    """Remove the folders of processes that were killed before they could do so; each is named in its own."""
    for folder in Path(_memory()).glob(f"{_FOLDER}*-*"):
        owner = folder.name.removeprefix(_FOLDER).partition("-")[0]
        if owner.isdigit() and not os.path.exists(f"/proc/{owner}"):
            shutil.rmtree(folder, ignore_errors=True)


def _memory() -> str:
    """Return a folder in memory, or the usual one if there is none."""
    return "/dev/shm" if os.access("/dev/shm", os.W_OK) else tempfile.gettempdir()
