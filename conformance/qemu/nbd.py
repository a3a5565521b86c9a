"""The NBD protocol as it goes over the wire: numbers, and messages to and from bytes. Nothing here does I/O.

Source: the NBD project's doc/proto.md, fixed newstyle negotiation with structured replies.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from enum import IntEnum
from typing import NamedTuple

MAGIC = b"NBDMAGIC"
OPTION_MAGIC = 0x49484156454F5054
OPTION_REPLY_MAGIC = 0x3E889045565A9
REQUEST_MAGIC = 0x25609513
SIMPLE_MAGIC = 0x67446698
STRUCTURED_MAGIC = 0x668E33EF
LONGEST = 1 << 25
"""Bytes of payload in one message, 32 MiB; a peer that wants more is not served."""
ALLOCATION = b"base:allocation"
"""The only metadata context here; it has the number 1."""
CONTEXT = 1
HOLE, ZERO = 1, 2
"""Flags of an extent in a block status."""


class Command(IntEnum):
    """What a client asks for."""

    READ = 0
    WRITE = 1
    DISCONNECT = 2
    FLUSH = 3
    TRIM = 4
    CACHE = 5
    WRITE_ZEROES = 6
    BLOCK_STATUS = 7


WRITES = (Command.WRITE, Command.WRITE_ZEROES, Command.TRIM)
"""Commands that change what a disk holds."""


class Option(IntEnum):
    """What a client asks for before it has an export."""

    EXPORT_NAME = 1
    ABORT = 2
    LIST = 3
    INFO = 6
    GO = 7
    STRUCTURED_REPLY = 8
    LIST_META_CONTEXT = 9
    SET_META_CONTEXT = 10


class OptionReply(IntEnum):
    """What a server answers to an option."""

    ACK = 1
    SERVER = 2
    INFO = 3
    META_CONTEXT = 4
    UNSUPPORTED = (1 << 31) + 1
    INVALID = (1 << 31) + 3
    UNKNOWN = (1 << 31) + 6


class Info(IntEnum):
    """What a server tells of an export."""

    EXPORT = 0
    BLOCK_SIZE = 3


class Flag(IntEnum):
    """What an export can do."""

    HAS_FLAGS = 1 << 0
    SEND_FLUSH = 1 << 2
    SEND_TRIM = 1 << 5
    SEND_WRITE_ZEROES = 1 << 6
    SEND_DF = 1 << 7


class Chunk(IntEnum):
    """The kinds of chunks of a structured reply."""

    NONE = 0
    OFFSET_DATA = 1
    OFFSET_HOLE = 2
    BLOCK_STATUS = 5
    ERROR = (1 << 15) + 1
    ERROR_OFFSET = (1 << 15) + 2


FIXED_NEWSTYLE, NO_ZEROES = 1, 2
"""Flags of both sides' handshake."""
DONE = 1
"""Flag of the last chunk of a structured reply."""
REQ_ONE = 1 << 3
"""Flag of a command: one extent of block status is enough."""


REQUEST_SIZE = 28
"""Bytes of a request."""


class Request(NamedTuple):
    """A client's command; a write's data follow it."""

    flags: int
    command: int
    cookie: int
    offset: int
    length: int

    @classmethod
    def parse(cls, data: bytes) -> Request:
        """Read one from its bytes. Raises ValueError for the wrong magic number."""
        magic, *rest = struct.unpack(">IHHQQI", data)
        if magic != REQUEST_MAGIC:
            raise ValueError(f"not a request: magic number {magic:#x}")
        return cls(*rest)

    def to_bytes(self) -> bytes:
        """Return its bytes."""
        return struct.pack(">IHHQQI", REQUEST_MAGIC, *self)


def option(kind: int, payload: bytes = b"") -> bytes:
    """Return a client's option."""
    return struct.pack(">QII", OPTION_MAGIC, kind, len(payload)) + payload


def option_reply(kind: int, reply: int, payload: bytes = b"") -> bytes:
    """Return a server's reply to an option."""
    return struct.pack(">QIII", OPTION_REPLY_MAGIC, kind, reply, len(payload)) + payload


def named(name: bytes, *infos: int) -> bytes:
    """Return the payload of INFO and GO: an export's name, and what is asked of it."""
    return struct.pack(f">I{len(name)}sH{len(infos)}H", len(name), name, len(infos), *infos)


def contexts(name: bytes, *queries: bytes) -> bytes:
    """Return the payload of SET_META_CONTEXT: an export's name, and the contexts that are wanted."""
    lengths = b"".join(struct.pack(">I", len(query)) + query for query in queries)
    return struct.pack(">I", len(name)) + name + struct.pack(">I", len(queries)) + lengths


def leading_name(payload: bytes) -> bytes:
    """Return the name that a payload begins with. Raises ValueError if there is none."""
    if len(payload) < 4:
        raise ValueError("no name")
    (length,) = struct.unpack_from(">I", payload)
    if len(payload) < 4 + length:
        raise ValueError("the name is cut short")
    return payload[4 : 4 + length]


def queries(payload: bytes) -> list[bytes]:
    """Return the contexts that a SET_META_CONTEXT or LIST_META_CONTEXT asks for. Raises ValueError."""
    at = 4 + len(leading_name(payload))
    found, at = [], at + 4
    while at < len(payload):
        found.append(leading_name(payload[at:]))
        at += 4 + len(found[-1])
    return found


def simple(cookie: int, error: int = 0, data: bytes = b"") -> bytes:
    """Return a simple reply."""
    return struct.pack(">IIQ", SIMPLE_MAGIC, error, cookie) + data


def chunk(cookie: int, kind: int, payload: bytes) -> bytes:
    """Return a structured reply of one chunk."""
    return struct.pack(">IHHQI", STRUCTURED_MAGIC, DONE, kind, cookie, len(payload)) + payload


def data_chunk(cookie: int, offset: int, data: bytes) -> bytes:
    """Return a structured reply with data."""
    return chunk(cookie, Chunk.OFFSET_DATA, struct.pack(">Q", offset) + data)


def status_chunk(cookie: int, extents: Sequence[tuple[int, int]]) -> bytes:
    """Return a structured reply with a block status: (length, flags) of each extent."""
    packed = b"".join(struct.pack(">II", *extent) for extent in extents)
    return chunk(cookie, Chunk.BLOCK_STATUS, struct.pack(">I", CONTEXT) + packed)


def error_chunk(cookie: int, error: int) -> bytes:
    """Return a structured reply with an error."""
    return chunk(cookie, Chunk.ERROR, struct.pack(">IH", error, 0))
