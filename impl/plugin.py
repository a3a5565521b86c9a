"""A stack as a plugin of nbdkit, which loads this file into its own Python and calls it from many threads.

Exports of a secondary: "secondary", where the primary's writes arrive (the default), "guest", what the guest
reads and writes, and "control", a sector: to write "checkpoint" or "stop" there does it, to read it says how
all is. Of a mirror: "guest" (the default), "target", which can be read only, and "control", which takes
"pause", "resume", "complete" and "change-mode".
Source: nbdkit-python-plugin(3), API version 2.
"""

from __future__ import annotations

import errno
import json
import os
import sys
import traceback
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn, TypeVar

import nbdkit

sys.path.append(str(Path(__file__).parents[2]))  # nbdkit's Python is the system's, not ours

from cowpath.impl.context import AioContext
from cowpath.impl.design import Geometry
from cowpath.impl.errors import Crash
from cowpath.impl.mirror.job import MirrorGeometry
from cowpath.impl.reqlist import Wait
from cowpath.impl.stack import EXPORTS, MirrorStack, Stack
from cowpath.impl.waits import WatchedThreads, describe

T = TypeVar("T")
API_VERSION = 2
CONTROL = 512
LONGEST = 40  # characters of what is wrong that an error quotes


@dataclass(frozen=True)
class Served:
    """A stack, by what its exports do. `zeroes`: those that have a call of their own for that."""

    size: int
    reads: Mapping[str, Callable[[int, int], bytes]]
    writes: Mapping[str, Callable[[int, bytes], None]]
    zeroes: Mapping[str, Callable[[int, int], None]]
    orders: Mapping[str, Callable[[], None]]
    flush: Callable[[], None]
    status: Callable[[], str]


settings: dict[str, str] = {}
served: Served
_in_full = traceback.format_exception


def _in_words(kind: Any, error: Any = None, trace: Any = None, **options: Any) -> list[str]:
    """Return what nbdkit prints of an exception: what a client may meet is one line, and no traceback."""
    if isinstance(error, OSError):
        return [error.strerror or str(error)]
    return _in_full(kind, error, trace, **options)


vars(traceback)["format_exception"] = _in_words  # nbdkit asks this function


def config(key: str, value: str) -> None:
    """Take a parameter: machine, folder, design, delay, or geometry, in JSON."""
    settings[key] = value


def get_ready() -> None:
    """Open a secondary's stack. A mirror's job has a thread, and none outlives the fork that comes now."""
    if settings["machine"] == "secondary":
        _open()


def after_fork() -> None:
    """Open a mirror."""
    if settings["machine"] == "mirror":
        _open()


def _open() -> None:
    global served
    context = AioContext(WatchedThreads(_deadlock, float(settings["delay"])))
    sizes = json.loads(settings["geometry"])
    if settings["machine"] == "mirror":
        served = _mirror(
            MirrorStack(settings["folder"], settings["design"], MirrorGeometry(**sizes), context, _died)
        )
    else:
        served = _secondary(Stack(settings["folder"], settings["design"], Geometry(**sizes), context))


def _secondary(stack: Stack) -> Served:
    design = stack.design
    return Served(
        stack.size,
        {"secondary": stack.nbd_read, "guest": stack.guest_read},
        {"secondary": stack.nbd_write, "guest": stack.guest_write},
        {"secondary": stack.nbd_zero},
        {"checkpoint": stack.checkpoint, "stop": stack.stop},
        stack.flush,
        lambda: f"{design.name}: job {design.job.state}, {len(design.in_flight.entries)} in flight",
    )


def _mirror(stack: MirrorStack) -> Served:
    return Served(
        stack.size,
        {"guest": stack.guest_read, "target": stack.target_read},
        {"guest": stack.guest_write},
        {"guest": stack.guest_zero},
        {
            "pause": stack.pause,
            "resume": stack.resume,
            "complete": stack.complete,
            "change-mode": stack.change_mode,
        },
        stack.flush,
        stack.status,
    )


def thread_model() -> int:
    """Let every request run in a thread of its own: that is the point."""
    return int(nbdkit.THREAD_MODEL_PARALLEL)


def list_exports(readonly: bool, is_tls: bool) -> list[str]:
    """Return the exports."""
    return list(EXPORTS[settings["machine"]])


def default_export(readonly: bool, is_tls: bool) -> str:
    """Return the export of a client that names none."""
    return EXPORTS[settings["machine"]][0]


def open(readonly: bool) -> str:
    """Return the handle of a connection: the export's name."""
    exports = EXPORTS[settings["machine"]]
    name = str(nbdkit.export_name()) or exports[0]
    if name not in exports:
        nbdkit.set_error(errno.ENOENT)
        raise OSError(errno.ENOENT, f"no export {name[:LONGEST]!r}; accepted: {', '.join(exports)}")
    return name


def get_size(handle: str) -> int:
    """Return the export's length."""
    return CONTROL if handle == "control" else served.size


def can_write(handle: str) -> bool:
    """Say what can be written to."""
    return handle == "control" or handle in served.writes


def can_multi_conn(handle: str) -> bool:
    """Say that a flush on one connection is one for all: they share the stack."""
    return True


def pread(handle: str, buf: bytearray, offset: int, flags: int) -> None:
    """Read."""
    read = served.reads.get(handle, _status)
    buf[:] = _answer(lambda: read(offset, len(buf)))


def pwrite(handle: str, buf: bytearray, offset: int, flags: int) -> None:
    """Write."""
    write = served.writes.get(handle, _order)
    _answer(lambda: write(offset, bytes(buf)))


def zero(handle: str, count: int, offset: int, flags: int) -> None:
    """Write zeroes."""
    if handle in served.zeroes:
        _answer(lambda: served.zeroes[handle](offset, count))
    else:
        pwrite(handle, bytearray(count), offset, flags)


def flush(handle: str, flags: int) -> None:
    """Put everything on stable storage."""
    _answer(served.flush)


def _answer(call: Callable[[], T]) -> T:
    try:
        return call()
    except OSError as error:
        nbdkit.set_error(error.errno or errno.EIO)
        raise
    except Crash as error:
        _end(f"QEMU would have crashed here: {error}")


def _status(offset: int, length: int) -> bytes:
    return f"{served.status()}\n".encode().ljust(CONTROL, b"\0")[offset : offset + length]


def _order(offset: int, data: bytes) -> None:
    word = data.strip(b"\0\n ").decode("ascii", "replace")
    if offset or word not in served.orders:
        told = f"no order {word[:LONGEST]!r} at {offset}; accepted: {', '.join(served.orders)}, at 0"
        raise OSError(errno.EINVAL, told)
    served.orders[word]()


def _deadlock(cycle: tuple[Wait, ...]) -> None:
    _end(f"QEMU would hang here for ever, in a deadlock: {describe(cycle)}")


def _died(error: BaseException) -> None:
    _end(f"QEMU would have crashed here: {error}" if isinstance(error, Crash) else f"the job fails: {error}")


def _end(why: str) -> NoReturn:
    """End the process at once; in QEMU's place there is nothing left to serve."""
    sys.stderr.write(f"cowpath: {why}\n")
    sys.stderr.flush()
    os._exit(1)
