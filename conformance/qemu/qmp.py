"""QMP, QEMU's control channel: JSON, a message a line. Commands are submitted, answers come later.

The official client (qemu.qmp) is built on asyncio; why that is not used is said where the loop is.
"""

from __future__ import annotations

import json
import socket
from typing import Any

from cowpath.conformance.qemu.client import Call
from cowpath.conformance.qemu.errors import Broken
from cowpath.conformance.qemu.loop import Loop

_LONGEST = 1 << 24  # bytes in one message


class QMP:
    """One end of the channel. `events` has what QEMU told unasked. Raises Broken if nobody greets."""

    def __init__(self, loop: Loop, sock: socket.socket, timeout: float = 30.0) -> None:
        self.events: list[dict[str, Any]] = []
        self.open = True
        self._loop = loop
        self._sock = sock
        self._timeout = timeout
        self._unread = bytearray()
        self._calls: dict[int, tuple[Call, list[Any]]] = {}
        self._last = 0
        self._greeted = False
        sock.setblocking(False)
        loop.add(sock, self._ready)
        if not loop.until(lambda: self._greeted or not self.open, timeout) or not self._greeted:
            raise Broken("QEMU does not greet over QMP")
        self.run("qmp_capabilities")

    def submit(self, name: str, arguments: dict[str, Any] | None = None) -> Call:
        """Send a command; the call is done when QEMU has answered."""
        self._last += 1
        call = Call(name)
        self._calls[self._last] = call, []
        message = {"execute": name, "arguments": arguments or {}, "id": self._last}
        try:
            self._sock.sendall(json.dumps(message).encode() + b"\n")
        except OSError:
            self._close()
        return call

    def run(self, name: str, arguments: dict[str, Any] | None = None) -> Any:
        """Send a command and return what QEMU answers. Raises Broken if that is an error, or nothing."""
        number = self._last + 1
        call = self.submit(name, arguments)
        answer = self._calls[number][1] if number in self._calls else []
        if not self._loop.until(lambda: call.done, self._timeout) or call.lost:
            raise Broken(f"{name}: QEMU does not answer")
        if call.error is not None:
            raise Broken(f"{name}: {call.error}")
        return answer[0] if answer else None

    def close(self) -> None:
        """Close the channel."""
        self._close()

    def _close(self) -> None:
        if self.open:
            self.open = False
            self._loop.drop(self._sock)
            self._sock.close()
        for call, _ in self._calls.values():
            call.lost = call.done = True
        self._calls.clear()

    def _ready(self) -> None:
        try:
            data = self._sock.recv(1 << 16)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        self._unread += data
        if not data or len(self._unread) > _LONGEST:
            self._close()
            return
        while b"\n" in self._unread:
            line, _, rest = bytes(self._unread).partition(b"\n")
            self._unread = bytearray(rest)
            try:
                message = json.loads(line)
            except ValueError:
                self._close()
                return
            self._take(message)

    def _take(self, message: dict[str, Any]) -> None:
        if "QMP" in message:
            self._greeted = True
        elif "event" in message:
            self.events.append(message)
        elif message.get("id") in self._calls:
            call, answer = self._calls.pop(message["id"])
            answer.append(message.get("return"))
            if "error" in message:
                call.error = str(message["error"].get("desc", "an error"))
            call.done = True
