"""The connections of a reproducer: one loop, NBD's two sides, QMP.

It is copied into a script that stands alone, with what is in replay_case, so it needs Python only.
"""

from __future__ import annotations

import json
import selectors
import socket
import struct
import time
from collections.abc import Callable, Generator, Mapping
from typing import Any

READ, WRITE, DISCONNECT, FLUSH, TRIM, CACHE, ZERO, STATUS = range(8)
COMMANDS = {"READ": READ, "WRITE": WRITE, "TRIM": TRIM, "WRITE_ZEROES": ZERO, "BLOCK_STATUS": STATUS}
NAMES = {number: name for name, number in COMMANDS.items()}
SIZE = 1 << 30
Protocol = Generator[int, bytes, None]


class Loop:
    """One thread, one selector."""

    def __init__(self) -> None:
        self.selector = selectors.DefaultSelector()

    def add(self, sock: socket.socket, call: Callable[[], object]) -> None:
        """Call when the socket is readable."""
        self.selector.register(sock, selectors.EVENT_READ, call)

    def until(self, done: Callable[[], bool], timeout: float) -> bool:
        """Go on until it is done, or so many seconds have passed; tell whether it is."""
        end = time.monotonic() + timeout
        while not done():
            left = end - time.monotonic()
            if left <= 0:
                return False
            for key, _ in self.selector.select(min(left, 0.05)):
                key.data()
        return True


class Wire:
    """A stream socket; its protocol is a generator that yields how many bytes it wants next."""

    def __init__(self, loop: Loop, sock: socket.socket, protocol: Callable[[Wire], Protocol]) -> None:
        self.loop, self.sock, self.open, self.unread = loop, sock, True, bytearray()
        self.protocol = protocol(self)
        self.wanted = next(self.protocol)
        loop.add(sock, self.readable)

    def send(self, data: bytes) -> None:
        """Send all of it."""
        try:
            self.sock.sendall(data)
        except OSError:
            self.close()

    def close(self) -> None:
        """Close it."""
        if self.open:
            self.open = False
            self.loop.selector.unregister(self.sock)
            self.sock.close()

    def readable(self) -> None:
        """Take in what is there."""
        try:
            data = self.sock.recv(1 << 20)
        except OSError:
            data = b""
        if not data:
            self.close()
            return
        self.unread += data
        while self.open and len(self.unread) >= self.wanted:
            piece = bytes(self.unread[: self.wanted])
            del self.unread[: self.wanted]
            try:
                self.wanted = self.protocol.send(piece)
            except StopIteration:
                self.close()


class Transfer:
    """What QEMU asks of a disk."""

    def __init__(
        self, disk: str, wire: Wire, command: int, cookie: int, offset: int, length: int, data: bytes,
        structured: bool,
    ) -> None:  # fmt: skip
        self.disk, self.wire, self.command, self.cookie = disk, wire, command, cookie
        self.offset, self.length, self.data, self.structured = offset, length, data, structured
        self.executed, self.reply = False, b""

    def __str__(self) -> str:
        state = ", not answered" if self.executed else ""
        where = f"[{self.offset}, {self.offset + self.length})"
        return f"{self.disk} {NAMES[self.command]} {where}{state}"


class Gate:
    """QEMU's disks: an NBD server that holds each transfer while `holding`."""

    def __init__(self, loop: Loop, path: str, disks: Mapping[str, Any]) -> None:
        self.loop, self.holding, self.disks = loop, False, disks
        self.held: list[Transfer] = []
        self.pages: dict[str, dict[int, bytearray]] = {name: {} for name in self.disks}
        self.listener = socket.socket(socket.AF_UNIX)
        self.listener.bind(path)
        self.listener.listen(16)
        loop.add(self.listener, lambda: Wire(loop, self.listener.accept()[0], self.serve))

    def peek(self, disk: str, offset: int, length: int) -> bytes:
        """Return what is on a disk."""
        fill, pages = self.disks[disk]["fill"], self.pages[disk]
        first, last = offset >> 12, (offset + length - 1) >> 12
        data = b"".join(bytes(pages.get(p, bytes([fill]) * 4096)) for p in range(first, last + 1))
        return data[offset - (first << 12) :][:length]

    def poke(self, disk: str, offset: int, data: bytes) -> None:
        """Write to a disk."""
        fill, pages = self.disks[disk]["fill"], self.pages[disk]
        for at in range(offset, offset + len(data)):
            page = pages.get(at >> 12)
            if page is None:
                page = pages[at >> 12] = bytearray([fill]) * 4096
            page[at & 4095] = data[at - offset]

    def serve(self, wire: Wire) -> Protocol:
        """Speak NBD, fixed newstyle."""

        def option(kind: int, reply: int, payload: bytes = b"") -> None:
            wire.send(struct.pack(">QIII", 0x3E889045565A9, kind, reply, len(payload)) + payload)

        wire.send(b"NBDMAGIC" + struct.pack(">QH", 0x49484156454F5054, 3))
        yield 4
        structured, disk = False, ""
        while not disk:
            _, kind, length = struct.unpack(">QII", (yield 16))
            payload = (yield length) if length else b""
            named = payload[4 : 4 + int.from_bytes(payload[:4], "big")].decode()
            about = self.disks.get(named)
            if kind in (6, 7) and about:
                flags = 1 | 1 << 6 | (1 << 5 if about["discards"] else 0)
                option(kind, 3, struct.pack(">HQH", 0, about["size"], flags))
                option(kind, 3, struct.pack(">HIII", 3, about["block"], max(4096, about["block"]), 1 << 25))
                option(kind, 1)
                disk = named if kind == 7 else ""
            elif kind == 8 and any(each["status"] for each in self.disks.values()):
                structured = True
                option(kind, 1)
            elif kind == 10 and structured and about:
                if about["status"]:
                    option(kind, 4, struct.pack(">I", 1) + b"base:allocation")
                option(kind, 1)
            else:
                option(kind, 0x80000001)
        while True:
            _, _, command, cookie, offset, length = struct.unpack(">IHHQQI", (yield 28))
            if command == DISCONNECT:
                return
            data = (yield length) if command == WRITE else b""
            transfer = Transfer(disk, wire, command, cookie, offset, length, data, structured)
            if self.holding and offset < SIZE // 2:  # beyond are those of ours that wake QEMU up
                self.held.append(transfer)
            else:
                self.execute(transfer)
                self.answer(transfer)

    def execute(self, t: Transfer, error: int = 0) -> None:
        """Move the bytes."""
        t.executed, data = True, b""
        if not error and t.command == READ:
            data = self.peek(t.disk, t.offset, t.length)
        elif not error and t.command == WRITE:
            self.poke(t.disk, t.offset, t.data)
        elif not error and t.command == ZERO:
            self.poke(t.disk, t.offset, bytes(t.length))
        elif not error and t.command == TRIM:
            self.poke(t.disk, t.offset, bytes([self.disks[t.disk]["fill"]]) * t.length)
        if t.structured and error:
            chunk, payload = 0x8001, struct.pack(">IH", error, 0)
        elif t.structured and t.command == READ:
            chunk, payload = 1, struct.pack(">Q", t.offset) + data
        elif t.structured and t.command == STATUS:
            zero = not any(self.peek(t.disk, t.offset, t.length))
            chunk, payload = 5, struct.pack(">III", 1, t.length, 3 * zero)
        else:
            t.reply = struct.pack(">IIQ", 0x67446698, error, t.cookie) + data
            return
        t.reply = struct.pack(">IHHQI", 0x668E33EF, 1, chunk, t.cookie, len(payload)) + payload

    def answer(self, t: Transfer) -> None:
        """Tell QEMU."""
        if t in self.held:
            self.held.remove(t)
        t.wire.send(t.reply)

    def open_up(self) -> None:
        """Hold nothing any more."""
        self.holding = False
        for t in list(self.held):
            if not t.executed:
                self.execute(t)
            self.answer(t)


class Call:
    """Something asked of QEMU, over NBD or QMP."""

    def __init__(self, length: int = 0) -> None:
        self.offset, self.length, self.data, self.answered = 0, length, b"", False
        self.error: Any = None
        self.also: Callable[..., bool] = lambda: True

    @property
    def done(self) -> bool:
        """Whether the answer is there, and what else is waited for."""
        return self.answered and self.also()

    @done.setter
    def done(self, answered: bool) -> None:
        """Take note of the answer."""
        self.answered = answered


class Client:
    """An NBD client of QEMU."""

    def __init__(self, loop: Loop, path: str, export: str, structured: bool) -> None:
        self.export, self.structured, self.ready, self.last = export, structured, False, 0
        self.calls: dict[int, Call] = {}
        sock = socket.socket(socket.AF_UNIX)
        sock.connect(path)
        self.wire = Wire(loop, sock, self.talk)
        if not loop.until(lambda: self.ready or not self.wire.open, 5) or not self.ready:
            raise RuntimeError(f"no NBD export {export}")

    def talk(self, wire: Wire) -> Protocol:
        """Speak NBD."""
        yield 18
        wire.send(struct.pack(">I", 3))
        name = self.export.encode()
        named = struct.pack(">I", len(name)) + name
        options = [(7, named + b"\0\0")]
        if self.structured:
            options[:0] = [(8, b""), (10, named + struct.pack(">II", 1, 15) + b"base:allocation")]
        for kind, payload in options:
            wire.send(struct.pack(">QII", 0x49484156454F5054, kind, len(payload)) + payload)
            reply = 0
            while reply != 1:
                _, _, reply, length = struct.unpack(">QIII", (yield 20))
                if length:
                    yield length
                if reply & 0x80000000:
                    return
        self.ready = True
        while True:
            (magic,) = struct.unpack(">I", (yield 4))
            if magic == 0x67446698:
                error, cookie = struct.unpack(">IQ", (yield 12))
                call = self.calls.pop(cookie)
                if call.length and not error:
                    call.data = yield call.length
                call.error, call.done = error or None, True
                continue
            flags, kind, cookie, length = struct.unpack(">HHQI", (yield 16))
            payload = (yield length) if length else b""
            call = self.calls[cookie]
            known = call.data or bytes(call.length)
            if kind & 0x8000:
                call.error = int.from_bytes(payload[:4], "big")
            elif kind in (1, 2):
                at = int.from_bytes(payload[:8], "big") - call.offset
                piece = payload[8:] if kind == 1 else bytes(int.from_bytes(payload[8:12], "big"))
                call.data = known[:at] + piece + known[at + len(piece) :]
            if flags & 1:
                self.calls.pop(cookie)
                call.done = True

    def submit(self, command: int, offset: int, length: int, data: bytes = b"") -> Call:
        """Ask for something."""
        self.last += 1
        call = self.calls[self.last] = Call(length if command == READ else 0)
        call.offset = offset
        self.wire.send(struct.pack(">IHHQQI", 0x25609513, 0, command, self.last, offset, length) + data)
        return call


class QMP:
    """QEMU's control channel."""

    def __init__(self, loop: Loop, sock: socket.socket) -> None:
        self.loop, self.sock, self.lines, self.last = loop, sock, b"", 0
        self.calls: dict[int, Call] = {}
        self.events: list[str] = []
        self.greeted, self.open = False, True
        loop.add(sock, self.readable)
        if not loop.until(lambda: self.greeted or not self.open, 10) or not self.greeted:
            raise RuntimeError("QEMU does not start")
        self.run("qmp_capabilities", {})

    def readable(self) -> None:
        """Take in what is there."""
        try:
            data = self.sock.recv(1 << 16)
        except OSError:
            data = b""
        if not data:
            self.open = False
            self.loop.selector.unregister(self.sock)
            return
        *lines, self.lines = (self.lines + data).split(b"\n")
        for message in map(json.loads, lines):
            self.greeted |= "QMP" in message
            if "event" in message:
                self.events.append(message["event"])
            elif message.get("id") in self.calls:
                call = self.calls.pop(message["id"])
                call.error, call.done = message.get("error", {}).get("desc"), True

    def submit(self, name: str, arguments: dict[str, Any]) -> Call:
        """Send a command."""
        self.last += 1
        call = self.calls[self.last] = Call()
        message = {"execute": name, "arguments": arguments, "id": self.last}
        self.sock.sendall(json.dumps(message).encode() + b"\n")
        return call

    def run(self, name: str, arguments: dict[str, Any]) -> None:
        """Send a command and wait for the answer."""
        call = self.submit(name, arguments)
        if not self.loop.until(lambda: call.done or not self.open, 10) or call.error:
            raise RuntimeError(f"{name}: {call.error or 'no answer'}")
