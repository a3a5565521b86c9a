"""An NBD client: stands for the writer and the reader. It submits, and is told later what came of it."""

from __future__ import annotations

import socket
import struct
from collections.abc import Generator
from dataclasses import dataclass

from cowpath.conformance.qemu import nbd
from cowpath.conformance.qemu.errors import Broken
from cowpath.conformance.qemu.loop import Loop, Protocol, Wire
from cowpath.conformance.qemu.nbd import Chunk, Command, Option, OptionReply

_Reply = Generator[int, bytes, tuple[int, bytes]]


@dataclass(eq=False)
class Call:
    """Something asked of QEMU: over NBD or QMP. `error` is an NBD error number, or QMP's words.

    `lost`: the connection ended before the answer came.
    """

    command: Command | str
    offset: int = 0
    length: int = 0
    data: bytes | None = None
    error: int | str | None = None
    done: bool = False
    lost: bool = False


class Client:
    """Connected to one export. `structured`: it asks for structured replies and block status.

    QEMU then reads by block status. Raises Broken if there is no such export.
    """

    def __init__(
        self, loop: Loop, path: str, export: str, *, structured: bool = False, timeout: float = 30.0
    ) -> None:
        self.export = export
        self.size = 0
        self.flags = 0
        self.tells_status = False
        self._structured = structured
        self._calls: dict[int, Call] = {}
        self._last = 0
        self._ready = False
        sock = socket.socket(socket.AF_UNIX)
        try:
            sock.connect(path)
        except OSError as error:
            sock.close()
            raise Broken(f"no NBD server at {path}: {error.strerror}") from None
        self._wire = Wire(loop, sock, self._talk)
        self._wire.closed = self._closed
        loop.until(lambda: self._ready or not self._wire.open, timeout)
        if not self._ready:
            why = self._wire.broken
            self._wire.close()
            raise Broken(f"no NBD export '{export}' at {path}" + (f": {why}" if why else ""))

    @property
    def broken(self) -> str:
        """Why the connection ended, empty while it has not."""
        return self._wire.broken or ("" if self._wire.open else "closed")

    def submit(self, command: Command, offset: int, length: int, data: bytes = b"") -> Call:
        """Send a command; the call is done when the answer is there."""
        self._last += 1
        call = self._calls[self._last] = Call(command, offset, length)
        self._wire.send(nbd.Request(0, command, self._last, offset, length).to_bytes() + data)
        if not self._wire.open:
            self._closed()
        return call

    def close(self) -> None:
        """Say good-bye and close the connection."""
        if self._wire.open:
            self._wire.send(nbd.Request(0, Command.DISCONNECT, 0, 0, 0).to_bytes())
        self._wire.close()

    def _closed(self) -> None:
        for call in self._calls.values():
            call.lost = call.done = True
            call.error = call.error or 5
        self._calls.clear()

    # -- the protocol

    def _talk(self, wire: Wire) -> Protocol:
        greeting = yield 18
        if greeting[:8] != nbd.MAGIC or greeting[8:16] != struct.pack(">Q", nbd.OPTION_MAGIC):
            raise ValueError("not an NBD server")
        wire.send(struct.pack(">I", nbd.FIXED_NEWSTYLE | nbd.NO_ZEROES))
        name = self.export.encode()
        structured = False
        if self._structured:
            wire.send(nbd.option(Option.STRUCTURED_REPLY))
            reply, _ = yield from _option_reply(Option.STRUCTURED_REPLY)
            structured = reply == OptionReply.ACK
        if structured:
            wire.send(nbd.option(Option.SET_META_CONTEXT, nbd.contexts(name, nbd.ALLOCATION)))
            while True:
                reply, _ = yield from _option_reply(Option.SET_META_CONTEXT)
                self.tells_status |= reply == OptionReply.META_CONTEXT
                if reply != OptionReply.META_CONTEXT:
                    break
        wire.send(nbd.option(Option.GO, nbd.named(name)))
        while True:
            reply, payload = yield from _option_reply(Option.GO)
            if reply == OptionReply.INFO and len(payload) == 12 and payload[:2] == b"\0\0":
                self.size, self.flags = struct.unpack(">QH", payload[2:])
            if reply == OptionReply.ACK:
                break
            if reply != OptionReply.INFO:
                raise ValueError(payload.decode(errors="replace") or f"the server refuses: {reply:#x}")
        self._ready = True
        while True:
            (magic,) = struct.unpack(">I", (yield 4))
            if magic == nbd.SIMPLE_MAGIC:
                error, cookie = struct.unpack(">IQ", (yield 12))
                call = self._call(cookie)
                if call.command is Command.READ and not error:
                    call.data = yield call.length
                self._finish(cookie, error)
            elif magic == nbd.STRUCTURED_MAGIC and structured:
                flags, kind, cookie, length = struct.unpack(">HHQI", (yield 16))
                if length > nbd.LONGEST + 8:
                    raise ValueError(f"a chunk of {length} bytes")
                payload = (yield length) if length else b""
                _take(self._call(cookie), kind, payload)
                if flags & nbd.DONE:
                    self._finish(cookie, 0)
            else:
                raise ValueError(f"not a reply: magic number {magic:#x}")

    def _call(self, cookie: int) -> Call:
        if cookie not in self._calls:
            raise ValueError(f"a reply to no request, {cookie}")
        return self._calls[cookie]

    def _finish(self, cookie: int, error: int) -> None:
        call = self._calls.pop(cookie)
        call.error = call.error or error or None
        call.done = True


def _option_reply(kind: int) -> _Reply:
    magic, answered, reply, length = struct.unpack(">QIII", (yield 20))
    if magic != nbd.OPTION_REPLY_MAGIC or answered != kind or length > nbd.LONGEST:
        raise ValueError("not a reply to the option")
    return reply, (yield length) if length else b""


def _take(call: Call, kind: int, payload: bytes) -> None:
    """Take in a chunk. Raises ValueError if it does not fit the call."""
    if kind & 0x8000:
        call.error = struct.unpack_from(">I", payload)[0] if len(payload) >= 4 else 5
        return
    if kind == Chunk.NONE:
        return
    if kind == Chunk.BLOCK_STATUS and call.command is Command.BLOCK_STATUS:
        call.data = payload[4:]
        return
    if call.command is not Command.READ or len(payload) < 8:
        raise ValueError(f"a chunk of kind {kind} that was not asked for")
    at = struct.unpack_from(">Q", payload)[0] - call.offset
    if kind == Chunk.OFFSET_DATA:
        piece = payload[8:]
    elif kind == Chunk.OFFSET_HOLE and len(payload) == 12:
        piece = bytes(struct.unpack_from(">I", payload, 8)[0])
    else:
        raise ValueError(f"a chunk of kind {kind}")
    known = call.data if call.data is not None else bytes(call.length)
    if at < 0 or at + len(piece) > call.length:
        raise ValueError("data that were not asked for")
    call.data = known[:at] + piece + known[at + len(piece) :]
