"""One thread, one selector: everything that happens does so in one order, the order of the log.

Why not asyncio, and with it the official QMP client: what is asked here at every step is "has QEMU nothing
left to say?". A selector answers that at once: nothing is readable, and what was read has been dealt with.
In asyncio it may lie in a reader's buffer while the task that is to take it waits for its turn, and how many
turns that takes is the library's own affair.
"""

from __future__ import annotations

import selectors
import socket
import time
from collections.abc import Callable, Generator

Protocol = Generator[int, bytes, None]
"""Yields how many bytes it wants next, is sent them; ends to close the connection."""


class Loop:
    """Sockets and what to call when one is ready. Use it as a context manager: it closes its selector."""

    def __init__(self) -> None:
        self._selector = selectors.DefaultSelector()
        self.unsent = 0
        """Connections on which bytes wait for the peer to take some."""

    def __enter__(self) -> Loop:
        return self

    def __exit__(self, *raised: object) -> None:
        self._selector.close()

    def add(self, sock: socket.socket, call: Callable[[], None]) -> None:
        """Call when the socket is ready."""
        self._selector.register(sock, selectors.EVENT_READ, call)

    def want_to_write(self, sock: socket.socket, wanted: bool) -> None:
        """Say whether the socket is also ready when it can be written to."""
        key = self._selector.get_key(sock)
        events = selectors.EVENT_READ | (selectors.EVENT_WRITE if wanted else 0)
        if key.events != events:
            self.unsent += 1 if wanted else -1
            self._selector.modify(sock, events, key.data)

    def drop(self, sock: socket.socket) -> None:
        """Forget the socket."""
        if sock.fileno() >= 0:
            self.want_to_write(sock, False)
            self._selector.unregister(sock)

    def pump(self, timeout: float = 0.0) -> bool:
        """Deal with all that is ready, waiting so many seconds for it at most; tell whether anything was."""
        ready = self._selector.select(timeout)
        for key, _ in ready:
            key.data()
        return bool(ready)

    def until(self, done: Callable[[], bool], timeout: float) -> bool:
        """Go on until it is done, for so many seconds at most; tell whether it is."""
        end = time.monotonic() + timeout
        while not done():
            left = end - time.monotonic()
            if left <= 0:
                return False
            self.pump(left)
        return True

    def until_polled(self, done: Callable[[], bool], timeout: float) -> bool:
        """Go on as `until`, for what no socket tells of."""
        end = time.monotonic() + timeout
        while not done():
            if time.monotonic() > end:
                return False
            self.pump(0.01)
        return True


class Wire:
    """A connected stream socket that a protocol reads from. `broken`: why it was closed, if not in order."""

    def __init__(self, loop: Loop, sock: socket.socket, protocol: Callable[[Wire], Protocol]) -> None:
        self.open = True
        self.broken = ""
        self.closed: Callable[[], None] = lambda: None
        self._loop = loop
        self._sock = sock
        self._unread = bytearray()
        self._unsent = bytearray()
        sock.setblocking(False)
        loop.add(sock, self._ready)
        self._protocol = protocol(self)
        self._wanted = next(self._protocol)

    def send(self, data: bytes) -> None:
        """Send the bytes, now or as soon as the peer takes them."""
        self._unsent += data
        self._flush()

    def close(self, why: str = "") -> None:
        """Close the connection."""
        if self.open:
            self.open = False
            self.broken = why
            self._loop.drop(self._sock)
            self._sock.close()
            self.closed()

    def _flush(self) -> None:
        while self._unsent and self.open:
            try:
                sent = self._sock.send(self._unsent)
            except BlockingIOError:
                break
            except OSError as error:
                self.close(error.strerror or "the peer is gone")
                return
            del self._unsent[:sent]
        if self.open:
            self._loop.want_to_write(self._sock, bool(self._unsent))

    def _ready(self) -> None:
        if self._unsent:
            self._flush()
        if not self.open:
            return
        try:
            data = self._sock.recv(1 << 20)
        except BlockingIOError:
            return
        except OSError as error:
            self.close(error.strerror or "the peer is gone")
            return
        if not data:
            self.close("the peer has closed the connection")
            return
        self._unread += data
        while self.open and len(self._unread) >= self._wanted:
            piece = bytes(self._unread[: self._wanted])
            del self._unread[: self._wanted]
            try:
                self._wanted = self._protocol.send(piece)
            except StopIteration:
                self.close()
            except ValueError as error:
                self.close(str(error))
