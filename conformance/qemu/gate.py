"""The gate: an NBD server whose exports are QEMU's disks, and which holds each transfer until it is let go.

A transfer takes effect (`execute`) at one instant, so that the order in a log is that in which things
happened, and is answered (`answer`) later or at once. While `holds` says no it passes straight through.
"""

from __future__ import annotations

import errno
import os
import socket
import struct
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from enum import Enum

from cowpath.conformance.qemu import nbd
from cowpath.conformance.qemu.disk import SparseDisk
from cowpath.conformance.qemu.loop import Loop, Protocol, Wire
from cowpath.conformance.qemu.nbd import Command, Flag, Info, Option, OptionReply


class Stage(Enum):
    """How far a transfer is."""

    HELD = "held"
    DONE = "done"
    ANSWERED = "answered"


@dataclass(eq=False)
class Transfer:
    """A command of a client on a disk. `data` are those to be written, or those that were read.

    `number` counts the transfers of one disk, command and extent, so that a transfer has a name.
    """

    disk: SparseDisk
    wire: Wire
    command: Command
    cookie: int
    offset: int
    length: int
    data: bytes | None
    structured: bool
    one_extent: bool = False
    number: int = 0
    stage: Stage = Stage.HELD
    reply: bytes = field(default=b"", repr=False)

    @property
    def writes(self) -> bool:
        """Whether it changes what the disk holds."""
        return self.command in nbd.WRITES

    @property
    def moves_data(self) -> bool:
        """Whether it reads or writes a guest's data; else it asks."""
        return self.disk.holds_data and (self.writes or self.command is Command.READ)

    def __str__(self) -> str:
        what = self.command.name.lower().replace("_", " ")
        return f"{self.disk.name} {what} [{self.offset}, {self.offset + self.length})"


class Gate:
    """Listens on a Unix socket; `held` has the transfers that wait for the driver, in order of arrival.

    `arrived` is told of each that is held, `passed` of each that is not.
    """

    def __init__(self, loop: Loop, path: str, disks: Sequence[SparseDisk]) -> None:
        self.disks = {disk.name: disk for disk in disks}
        self.held: list[Transfer] = []
        self.holds: Callable[[Transfer], bool] = lambda transfer: False
        self.arrived: Callable[[Transfer], None] = lambda transfer: None
        self.passed: Callable[[Transfer], None] = lambda transfer: None
        self._loop = loop
        self._path = path
        self._wires: list[Wire] = []
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.bind(path)
        self._listener.listen(16)
        loop.add(self._listener, self._accept)

    def execute(self, transfer: Transfer, error: int = 0) -> None:
        """Let the transfer take effect, or fail with this error number of NBD."""
        disk, cookie = transfer.disk, transfer.cookie
        offset, length = transfer.offset, transfer.length
        transfer.stage = Stage.DONE
        if error:
            tells = transfer.structured and transfer.command in (Command.READ, Command.BLOCK_STATUS)
            transfer.reply = nbd.error_chunk(cookie, error) if tells else nbd.simple(cookie, error)
            return
        transfer.reply = nbd.simple(cookie)
        match transfer.command:
            case Command.READ:
                transfer.data = data = disk.read(offset, length)
                in_chunks = transfer.structured
                transfer.reply = (
                    nbd.data_chunk(cookie, offset, data) if in_chunks else nbd.simple(cookie, data=data)
                )
            case Command.WRITE | Command.WRITE_ZEROES:
                disk.write(offset, transfer.data or bytes(length))
            case Command.TRIM:
                disk.discard(offset, length)
            case Command.BLOCK_STATUS:
                runs = disk.status(offset, length)
                extents = [(count, (nbd.HOLE | nbd.ZERO) * zero) for count, zero in runs]
                transfer.reply = nbd.status_chunk(cookie, extents[: 1 if transfer.one_extent else None])

    def answer(self, transfer: Transfer) -> None:
        """Answer a transfer that has taken effect."""
        transfer.stage = Stage.ANSWERED
        if transfer in self.held:
            self.held.remove(transfer)
        if transfer.wire.open:
            transfer.wire.send(transfer.reply)

    def open_up(self) -> None:
        """Hold nothing any more: all that is held goes its way."""
        self.holds = lambda transfer: False
        for transfer in list(self.held):
            if transfer.stage is Stage.HELD:
                self.execute(transfer)
            self.answer(transfer)

    def close(self) -> None:
        """Close all connections and the socket."""
        self._loop.drop(self._listener)
        self._listener.close()
        for wire in self._wires:
            wire.close()
        if os.path.exists(self._path):
            os.unlink(self._path)

    # -- the server

    def _accept(self) -> None:
        sock, _ = self._listener.accept()
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 1 << 22)
        self._wires = [wire for wire in self._wires if wire.open]
        self._wires.append(Wire(self._loop, sock, self._serve))

    def _serve(self, wire: Wire) -> Protocol:
        """Serve a client: a wrong message ends its connection (ValueError), and nothing else."""
        wire.send(nbd.MAGIC + struct.pack(">QH", nbd.OPTION_MAGIC, nbd.FIXED_NEWSTYLE | nbd.NO_ZEROES))
        (flags,) = struct.unpack(">I", (yield 4))
        structured, disk = False, None
        while disk is None:
            magic, kind, length = struct.unpack(">QII", (yield 16))
            if magic != nbd.OPTION_MAGIC or length > nbd.LONGEST:
                raise ValueError("not an option")
            payload = (yield length) if length else b""
            match kind:
                case Option.EXPORT_NAME:
                    disk = self.disks.get(payload.decode(errors="replace"))
                    if disk is None:
                        return
                    zeroes = b"" if flags & nbd.NO_ZEROES else bytes(124)
                    wire.send(struct.pack(">QH", disk.size, _flags(disk, structured)) + zeroes)
                case Option.GO | Option.INFO:
                    found = self._named(wire, kind, payload)
                    if found is not None:
                        _tell(wire, kind, found, structured)
                        disk = found if kind == Option.GO else None
                case Option.STRUCTURED_REPLY if not payload:
                    structured = any(each.tells_status for each in self.disks.values())
                    wire.send(nbd.option_reply(kind, _acknowledged(structured)))
                case Option.LIST_META_CONTEXT | Option.SET_META_CONTEXT if structured:
                    if (found := self._named(wire, kind, payload)) is not None:
                        _tell_contexts(wire, kind, payload, found)
                case Option.LIST if not payload:
                    for name in self.disks:
                        told = struct.pack(">I", len(name)) + name.encode()
                        wire.send(nbd.option_reply(kind, OptionReply.SERVER, told))
                    wire.send(nbd.option_reply(kind, OptionReply.ACK))
                case Option.ABORT:
                    wire.send(nbd.option_reply(kind, OptionReply.ACK))
                    return
                case _:
                    wire.send(nbd.option_reply(kind, OptionReply.UNSUPPORTED))
        yield from self._transmit(wire, disk, structured)

    def _named(self, wire: Wire, kind: int, payload: bytes) -> SparseDisk | None:
        """Return the disk that an option names; if there is none tell the client."""
        try:
            disk = self.disks.get(nbd.leading_name(payload).decode(errors="replace"))
        except ValueError:
            wire.send(nbd.option_reply(kind, OptionReply.INVALID))
            return None
        if disk is None:
            wire.send(nbd.option_reply(kind, OptionReply.UNKNOWN))
        return disk

    def _transmit(self, wire: Wire, disk: SparseDisk, structured: bool) -> Protocol:
        counts: dict[tuple[int, int, int], int] = {}
        while True:
            request = nbd.Request.parse((yield nbd.REQUEST_SIZE))
            if request.command == Command.DISCONNECT:
                return
            if request.command == Command.WRITE and request.length > nbd.LONGEST:
                raise ValueError(f"a write of {request.length} bytes")
            data = (yield request.length) if request.command == Command.WRITE and request.length else None
            error = _refused(disk, request, structured)
            if error:
                wire.send(
                    nbd.error_chunk(request.cookie, error)
                    if structured and request.command in (Command.READ, Command.BLOCK_STATUS)
                    else nbd.simple(request.cookie, error)
                )
                continue
            command = Command(request.command)
            if command in (Command.WRITE_ZEROES, Command.TRIM):
                data = bytes([0 if command is Command.WRITE_ZEROES else disk.fill]) * request.length
            key = (request.command, request.offset, request.length)
            counts[key] = counts.get(key, -1) + 1
            transfer = Transfer(
                disk, wire, command, request.cookie, request.offset, request.length, data, structured,
                bool(request.flags & nbd.REQ_ONE), counts[key],
            )  # fmt: skip
            if self.holds(transfer):
                self.held.append(transfer)
                self.arrived(transfer)
            else:
                self.passed(transfer)
                self.execute(transfer)
                self.answer(transfer)


def _flags(disk: SparseDisk, structured: bool) -> int:
    flags = Flag.HAS_FLAGS | Flag.SEND_WRITE_ZEROES | Flag.SEND_DF * structured
    return int(flags | Flag.SEND_TRIM * disk.discards)


def _acknowledged(yes: bool) -> OptionReply:
    return OptionReply.ACK if yes else OptionReply.UNSUPPORTED


def _tell(wire: Wire, kind: int, disk: SparseDisk, structured: bool) -> None:
    export = struct.pack(">HQH", Info.EXPORT, disk.size, _flags(disk, structured))
    sizes = struct.pack(">HIII", Info.BLOCK_SIZE, disk.block, max(4096, disk.block), nbd.LONGEST)
    for payload in (export, sizes):
        wire.send(nbd.option_reply(kind, OptionReply.INFO, payload))
    wire.send(nbd.option_reply(kind, OptionReply.ACK))


def _tell_contexts(wire: Wire, kind: int, payload: bytes, disk: SparseDisk) -> None:
    try:
        wanted = nbd.queries(payload)
    except ValueError:
        wire.send(nbd.option_reply(kind, OptionReply.INVALID))
        return
    listed = kind == Option.LIST_META_CONTEXT and not wanted
    if disk.tells_status and (listed or nbd.ALLOCATION in wanted or b"base:" in wanted):
        told = struct.pack(">I", nbd.CONTEXT) + nbd.ALLOCATION
        wire.send(nbd.option_reply(kind, OptionReply.META_CONTEXT, told))
    wire.send(nbd.option_reply(kind, OptionReply.ACK))


def _refused(disk: SparseDisk, request: nbd.Request, structured: bool) -> int:
    """Return why a request is not let in, as an error number; 0 if it is."""
    offered = {Command.READ, Command.WRITE, Command.WRITE_ZEROES}
    offered |= {Command.TRIM} if disk.discards else set()
    offered |= {Command.BLOCK_STATUS} if disk.tells_status and structured else set()
    if request.command not in offered:
        return errno.EINVAL
    end = request.offset + request.length
    if not request.length or end > disk.size:
        return errno.ENOSPC if request.command in nbd.WRITES and request.length else errno.EINVAL
    if request.offset % disk.block or end % disk.block:
        return errno.EINVAL
    if request.command == Command.READ and request.length > nbd.LONGEST:
        return errno.EINVAL
    return 0
