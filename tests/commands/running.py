"""The installed command, run as a user runs it: a process of its own in a folder of its own."""

from __future__ import annotations

import fcntl
import os
import pty
import re
import select
import signal
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import pytest

from tests.in_process import Ran as Ran

COWPATH = Path(sys.executable).parent / "cowpath"
COLUMNS = 100
PATIENCE = 120.0  # seconds until a process that hangs fails its test

SMALL = """\
name = "a small one of my own"
unit = "sectors"
sectors = 4
cluster = 4

[secondary]
request_alignment = 4

[[request]]
kind = "guest-read"
at = [0, 4]

[[request]]
kind = "nbd-write"
at = [1, 1]
"""
# Aligned requests only, so that nothing falls; and far more states than anyone waits for.
LONG = 'name = "long"\nunit = "sectors"\nsectors = 4\ncluster = 2\n' + "".join(
    f'[[request]]\nkind = "{kind}"\nat = {extent}\n'
    for extent in ([0, 3], [1, 3], [0, 2], [1, 1], [0, 4])
    for kind in ("nbd-write", "guest-read")
)
STEP = {"step", "action", "request", "changes", "sees", "source"}  # the keys of a trace's steps in JSON


def environment() -> dict[str, str]:
    """The environment without what would colour, narrow or widen the output."""
    unwanted = {"COLUMNS", "LINES", "NO_COLOR", "FORCE_COLOR", "TTY_COMPATIBLE", "TTY_INTERACTIVE"}
    kept = {name: value for name, value in os.environ.items() if name not in unwanted}
    return {**kept, "TERM": "xterm-256color"}


def run(
    folder: Path, *arguments: str, stdin: bytes = b"", stdout: int = subprocess.PIPE, **extra: str
) -> Ran:
    """Run the command there, with more in its environment if need be."""
    done = subprocess.run(
        [COWPATH, *arguments],
        cwd=folder,
        env=environment() | extra,
        input=stdin,
        stdout=stdout,
        stderr=subprocess.PIPE,
        timeout=PATIENCE,
        check=False,
    )
    return Ran(done.returncode, (done.stdout or b"").decode(), done.stderr.decode())


def widest(text: str) -> int:
    return max(map(len, text.splitlines()))


@dataclass(frozen=True)
class Watched:
    """What a terminal showed, the exit status, and the seconds from the interrupt to the end."""

    status: int
    shown: str
    seconds: float


def on_terminal(
    folder: Path, *arguments: str, stdout: IO[bytes] | None = None, interrupt_at: bytes | None = None
) -> Watched:
    """Run with stderr, and stdout unless it goes elsewhere, on a terminal of 200 columns.

    With `interrupt_at`, a pattern, press Ctrl-C as soon as the terminal shows that.
    """
    keyboard, screen = pty.openpty()
    fcntl.ioctl(screen, termios.TIOCSWINSZ, struct.pack("HHHH", 50, 200, 0, 0))
    process = subprocess.Popen(
        [COWPATH, *arguments],
        cwd=folder,
        env=environment(),
        stdin=screen,
        stdout=screen if stdout is None else stdout,
        stderr=screen,
        # A shell's background job, which pytest may be, ignores SIGINT, and its children inherit that.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )
    os.close(screen)
    shown, interrupted = b"", time.monotonic()
    try:
        for piece in _pieces(keyboard):
            shown += piece
            if interrupt_at is not None and re.search(interrupt_at, shown):
                interrupt_at = None
                process.send_signal(signal.SIGINT)
                interrupted = time.monotonic()
        status = process.wait(PATIENCE)
    finally:
        process.kill()
        process.wait()
        os.close(keyboard)
    assert interrupt_at is None, f"never shown: {interrupt_at!r}; shown: {shown[-2000:]!r}"
    return Watched(status, shown.decode(), time.monotonic() - interrupted)


def _pieces(keyboard: int) -> Iterator[bytes]:
    end = time.monotonic() + PATIENCE
    while select.select([keyboard], [], [], max(0.0, end - time.monotonic()))[0]:
        try:
            piece = os.read(keyboard, 1 << 16)
        except OSError:  # how Linux says that nobody has the terminal open any more
            return
        if not piece:
            return
        yield piece
    pytest.fail(f"not ended after {PATIENCE} s")
