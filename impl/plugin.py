"""A stack as a plugin of nbdkit, which loads this file into its own Python and calls it from many threads.

Exports: "secondary", where the primary's writes arrive (the default), "guest", what the guest reads and
writes, and "control", a sector: to write "checkpoint" or "stop" there does it, to read it says how all is.
Source: nbdkit-python-plugin(3), API version 2.
"""

from __future__ import annotations

import errno
import json
import os
import sys
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any, NoReturn, TypeVar

import nbdkit

sys.path.append(str(Path(__file__).parents[2]))  # nbdkit's Python is the system's, not ours

from cowpath.impl.context import AioContext
from cowpath.impl.design import Geometry
from cowpath.impl.errors import Crash
from cowpath.impl.reqlist import Wait
from cowpath.impl.stack import Stack
from cowpath.impl.waits import WatchedThreads, describe

T = TypeVar("T")
API_VERSION = 2
CONTROL = 512
EXPORTS = ("secondary", "guest", "control")
ORDERS = ("checkpoint", "stop")
LONGEST = 40  # characters of what is wrong that an error quotes

settings: dict[str, str] = {}
stack: Stack
_in_full = traceback.format_exception


def _in_words(kind: Any, error: Any = None, trace: Any = None, **options: Any) -> list[str]:
    """Return what nbdkit prints of an exception: what a client may meet is one line, and no traceback."""
    if isinstance(error, OSError):
        return [error.strerror or str(error)]
    return _in_full(kind, error, trace, **options)


vars(traceback)["format_exception"] = _in_words  # nbdkit asks this function


def config(key: str, value: str) -> None:
    """Take a parameter: folder, design, delay, or geometry, in JSON."""
    settings[key] = value


def get_ready() -> None:
    """Open the stack."""
    global stack
    threads = WatchedThreads(_deadlock, float(settings["delay"]))
    geometry = Geometry(**json.loads(settings["geometry"]))
    stack = Stack(settings["folder"], settings["design"], geometry, AioContext(threads))


def thread_model() -> int:
    """Let every request run in a thread of its own: that is the point."""
    return int(nbdkit.THREAD_MODEL_PARALLEL)


def list_exports(readonly: bool, is_tls: bool) -> list[str]:
    """Return the exports."""
    return list(EXPORTS)


def default_export(readonly: bool, is_tls: bool) -> str:
    """Return the export of a client that names none."""
    return EXPORTS[0]


def open(readonly: bool) -> str:
    """Return the handle of a connection: the export's name."""
    name = str(nbdkit.export_name()) or EXPORTS[0]
    if name not in EXPORTS:
        nbdkit.set_error(errno.ENOENT)
        raise OSError(errno.ENOENT, f"no export {name[:LONGEST]!r}; accepted: {', '.join(EXPORTS)}")
    return name


def get_size(handle: str) -> int:
    """Return the export's length."""
    return CONTROL if handle == "control" else stack.design.geometry.size


def can_multi_conn(handle: str) -> bool:
    """Say that a flush on one connection is one for all: they share the stack."""
    return True


def pread(handle: str, buf: bytearray, offset: int, flags: int) -> None:
    """Read."""
    reads = {"secondary": stack.nbd_read, "guest": stack.guest_read, "control": _status}
    buf[:] = _answer(lambda: reads[handle](offset, len(buf)))


def pwrite(handle: str, buf: bytearray, offset: int, flags: int) -> None:
    """Write."""
    writes = {"secondary": stack.nbd_write, "guest": stack.guest_write, "control": _order}
    _answer(lambda: writes[handle](offset, bytes(buf)))


def zero(handle: str, count: int, offset: int, flags: int) -> None:
    """Write zeroes."""
    if handle == "secondary":
        _answer(lambda: stack.nbd_zero(offset, count))
    else:
        pwrite(handle, bytearray(count), offset, flags)


def flush(handle: str, flags: int) -> None:
    """Put everything on stable storage."""
    _answer(stack.flush)


def _answer(call: Callable[[], T]) -> T:
    try:
        return call()
    except OSError as error:
        nbdkit.set_error(error.errno or errno.EIO)
        raise
    except Crash as error:
        _end(f"QEMU would have crashed here: {error}")


def _status(offset: int, length: int) -> bytes:
    design = stack.design
    words = f"{design.name}: job {design.job.state}, {len(design.in_flight.entries)} in flight\n"
    return words.encode().ljust(CONTROL, b"\0")[offset : offset + length]


def _order(offset: int, data: bytes) -> None:
    word = data.strip(b"\0\n ").decode("ascii", "replace")
    if offset or word not in ORDERS:
        told = f"no order {word[:LONGEST]!r} at {offset}; accepted: {', '.join(ORDERS)}, at 0"
        raise OSError(errno.EINVAL, told)
    getattr(stack, word)()


def _deadlock(cycle: tuple[Wait, ...]) -> None:
    _end(f"QEMU would hang here for ever, in a deadlock: {describe(cycle)}")


def _end(why: str) -> NoReturn:
    """End the process at once; in QEMU's place there is nothing left to serve."""
    sys.stderr.write(f"cowpath: {why}\n")
    sys.stderr.flush()
    os._exit(1)
