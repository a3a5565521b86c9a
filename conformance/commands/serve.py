"""The command `serve`: the threaded block stack over NBD."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import sys
from pathlib import Path

import click
from click.core import ParameterSource

from cowpath import impl
from cowpath.impl.context import AioContext
from cowpath.impl.design import Geometry
from cowpath.impl.designs import find_any
from cowpath.impl.mirror.job import MirrorGeometry
from cowpath.impl.mirror.mirror import Mirror
from cowpath.impl.stack import EXPORTS, Folder, MirrorStack, Stack
from cowpath.impl.sync import Threads
from cowpath.model.commands.files import make_folder
from cowpath.model.language.errors import InputError
from cowpath.model.scenarios.mirror import COPY_MODES
from cowpath.model.scenarios.sizes import parse_size
from cowpath.model.scenarios.vocabulary import OPTIONS

_DESIGN = click.argument("design", metavar="DESIGN|FILE.py")


_OF_SECONDARY = (
    "request_alignment",
    "protocol_alignment",
    "copy_on_read",
    "break_snapshot",
    "on_cbw_error",
    "cbw_timeout",
)
_ON_CBW_ERROR = OPTIONS["on_cbw_error"].accepted
_OF_MIRROR = ("copy_mode", "buffers")
_BUFFER = 16 << 20  # bytes (blockdev-mirror's buf-size)
_LONGEST_SOCKET = 107  # bytes: sockaddr_un of unix(7), with its null


class _Size(click.ParamType[int]):
    name = "SIZE"

    def convert(self, value: str | int, param: click.Parameter | None, ctx: click.Context | None) -> int:
        if isinstance(value, int):
            return value
        where = param.opts[0] if param else "size"
        size = parse_size(value, where)
        if size < 1:
            raise InputError(f"{where}: {value}; accepted: 1B or more")
        return size


@click.command(short_help="Export the threaded block stack over NBD.")
@_DESIGN
@click.argument("folder")
@click.option("--size", type=_Size(), help="Length of the disks. Default: that of the first one's file.")
@click.option("--cluster", type=_Size(), default="64KiB", show_default=True, help="The job's copy unit.")
@click.option(
    "--request-alignment", type=_Size(), default="1B", show_default=True, help="Of the secondary's node."
)
@click.option(
    "--protocol-alignment", type=_Size(), default="1B", show_default=True, help="Of the node below it."
)
@click.option("--copy-on-read", is_flag=True, help="The secondary's node copies on read.")
@click.option(
    "--on-cbw-error",
    type=click.Choice(_ON_CBW_ERROR),
    default=_ON_CBW_ERROR[0],
    show_default=True,
    help="What a failed copy breaks, in designs that know it (7.1 on).",
)
@click.option("--break-snapshot", is_flag=True, hidden=True, help="--on-cbw-error break-snapshot.")
@click.option(
    "--cbw-timeout",
    type=click.FloatRange(min=0),
    metavar="SECONDS",
    default=0,
    help="A write waits so long for its copy, in designs that know it (7.1 on). Default: for ever.",
)
@click.option(
    "--copy-mode",
    type=click.Choice(COPY_MODES),
    default=COPY_MODES[0],
    show_default=True,
    help="Of a mirror.",
)
@click.option(
    "--buffers",
    type=click.IntRange(min=1),
    metavar="N",
    help="Of a mirror: units that it may have in hand. Default: as many as are 16MiB.",
)
@click.option(
    "--delay",
    type=click.FloatRange(min=0),
    default=0,
    metavar="SECONDS",
    help="Every step of a request takes up to so long, as on a slow disk.",
)
@click.option("--socket", "socket_path", metavar="PATH", help="Default: FOLDER/nbd.sock.")
@click.option("--run", metavar="COMMAND", help="Serve while a shell command runs, with $uri and $unixsocket.")
def serve(
    design: str,
    folder: str,
    size: int | None,
    cluster: int,
    request_alignment: int,
    protocol_alignment: int,
    copy_on_read: bool,
    on_cbw_error: str,
    break_snapshot: bool,
    cbw_timeout: float,
    copy_mode: str,
    buffers: int | None,
    delay: float,
    socket_path: str | None,
    run: str | None,
) -> None:
    """Export the threaded block stack over NBD: its disks are files in FOLDER, which is made if need be.

    Exports: secondary (the default; the primary writes there), guest (what the guest sees), and control: to
    write the word checkpoint or stop there does it. Of a mirror: guest (the default), target, and control:
    pause, resume, complete, change-mode. Where QEMU would hang or crash the server says so on stderr and
    ends. Needs nbdkit with its Python plugin.
    """
    nbdkit = _nbdkit()
    disks = make_folder(folder, "FOLDER").resolve()
    geometry: Geometry | MirrorGeometry
    try:
        found = find_any(design)
        mirrors = issubclass(found, Mirror)
        _refuse(design, _OF_SECONDARY if mirrors else _OF_MIRROR)
        length = size or _length(disks / ("source.img" if mirrors else "secondary.img"))
        if issubclass(found, Mirror):
            geometry = MirrorGeometry(
                length,
                cluster,
                blocking=copy_mode == COPY_MODES[0],
                buffers=buffers or max(_BUFFER // cluster, 1),
            )
        else:
            breaks = break_snapshot or on_cbw_error == OPTIONS["on_cbw_error"].true
            if breaks and not found.breaks_snapshot:
                raise InputError(
                    f"--on-cbw-error: {design} does not know on-cbw-error; accepted: {_ON_CBW_ERROR[0]}"
                )
            if cbw_timeout and not found.times_out:
                raise InputError(f"--cbw-timeout: {design} does not know cbw-timeout; accepted: none, or 0")
            geometry = Geometry(
                length,
                cluster,
                request_alignment,
                protocol_alignment,
                copy_on_read,
                break_snapshot=breaks,
                cbw_timeout=cbw_timeout,
            )
        geometry.check()
        if isinstance(geometry, Geometry):
            Stack(disks, design, geometry).close()
        else:  # whose job would begin
            with Folder(length) as files:
                files.open(AioContext(Threads()), disks, MirrorStack.disks)
    except OSError as error:
        raise InputError(f"{error.filename or folder}: {error.strerror}") from None
    except ValueError as error:  # sizes that the stack refuses
        raise InputError(str(error)) from None
    settings = {
        "machine": "mirror" if mirrors else "secondary",
        "folder": disks,
        "design": str(Path(design).resolve()) if design.endswith(".py") else design,
        "delay": delay,
        "geometry": json.dumps(vars(geometry)),
    }
    plugin = str(Path(impl.__file__).with_name("plugin.py"))
    command = [nbdkit, "--foreground", "--exit-with-parent"]
    if run is None:
        path = Path(socket_path) if socket_path else disks / "nbd.sock"
        _make_way(path)
        command += ["--unix", str(path.absolute())]
        for export in EXPORTS["mirror" if mirrors else "secondary"]:
            click.echo(f"{export:<9} nbd+unix:///{export}?socket={path}")
    else:
        command += ["--unix", "-", "--run", run]
    sys.stdout.flush()
    os.execv(nbdkit, [*command, "python", plugin, *(f"{name}={value}" for name, value in settings.items())])


def _refuse(design: str, names: tuple[str, ...]) -> None:
    """Refuse options that the design has not."""
    context = click.get_current_context()
    for name in names:
        if context.get_parameter_source(name) is ParameterSource.COMMANDLINE:
            other = "a mirror" if names is _OF_MIRROR else "a design that copies before writes"
            raise InputError(f"--{name.replace('_', '-')} is of {other}, which {design} is not")


def _nbdkit() -> str:
    """Return nbdkit's path. Raises `InputError` where it, or its plugin, is not installed."""
    nbdkit = shutil.which("nbdkit")
    if nbdkit and subprocess.run([nbdkit, "python", "--dump-plugin"], capture_output=True).returncode == 0:
        return nbdkit
    raise InputError("nbdkit is not installed; on Debian: apt install nbdkit nbdkit-plugin-python")


def _make_way(path: Path) -> None:
    """Remove a socket on which nobody listens any more. Raises `InputError` if the place is taken."""
    if len(os.fsencode(path.absolute())) > _LONGEST_SOCKET or not path.absolute().parent.is_dir():
        raise InputError(
            f"--socket: '{path}' cannot be a socket; accepted: a path in a folder that is there,"
            f" of at most {_LONGEST_SOCKET} bytes"
        )
    try:
        if not path.exists():
            return
        if path.is_socket():
            with socket.socket(socket.AF_UNIX) as client:
                client.connect(str(path))
            raise InputError(f"--socket: another server listens on '{path}'; accepted: a path of its own")
        raise InputError(f"--socket: '{path}' is there already, and no socket; accepted: a path of its own")
    except ConnectionRefusedError:
        path.unlink()
    except OSError as error:
        raise InputError(f"--socket: '{path}': {error.strerror or error}") from None


def _length(disk: Path) -> int:
    if not disk.exists() or not disk.stat().st_size:
        raise InputError(f"{disk} is not there to tell a length: give --size")
    return disk.stat().st_size
