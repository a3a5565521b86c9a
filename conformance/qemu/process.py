"""A QEMU process: started with a QMP channel, watched for rest and for its death, and always ended."""

from __future__ import annotations

import contextlib
import ctypes
import os
import re
import signal
import socket
import subprocess
import time
from pathlib import Path

from cowpath.conformance.qemu.binaries import DAEMON, SYSTEM, Qemu
from cowpath.conformance.qemu.errors import Broken, Died
from cowpath.conformance.qemu.loop import Loop
from cowpath.conformance.qemu.qmp import QMP

_SWITCHES = re.compile(rb"State:\s+(\w).*ctxt_switches:\s+(\d+).*ctxt_switches:\s+(\d+)", re.DOTALL)
_PR_SET_PDEATHSIG = 1
_libc = ctypes.CDLL(None)
_MACHINE = (
    "-machine", "none", "-accel", "tcg", "-nodefaults", "-nographic", "-display", "none", "-S",
    "-no-user-config",
)  # fmt: skip
Sample = list[tuple[str, bytes, bytes, bytes]]
"""Of each thread: its number, its state, how often it has been switched away from, of itself and not."""


class Process:
    """One QEMU, in a folder of its own. Raises Broken if it does not start. Close it."""

    def __init__(self, qemu: Qemu, program: str, folder: Path, loop: Loop) -> None:
        binary = qemu.program(program)
        if binary is None:
            raise Broken(f"{qemu.given or 'this QEMU'} has no {program}")
        self._loop = loop
        self._status: dict[str, int] = {}
        self._errors = folder / "stderr"
        ours, theirs = socket.socketpair()
        chardev = f"socket,id=qmp,fd={theirs.fileno()}"
        if binary.name.startswith(DAEMON) or binary == qemu.daemon:
            arguments = ["--chardev", chardev, "--monitor", "chardev=qmp"]
        else:
            arguments = [*_MACHINE, "-chardev", chardev, "-mon", "chardev=qmp,mode=control"]
        self.command = [*qemu.before, str(binary), *arguments]
        with self._errors.open("wb") as errors:
            self._process = subprocess.Popen(
                self.command,
                pass_fds=[theirs.fileno()],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=errors,
                env=os.environ | dict(qemu.environment),
                preexec_fn=_end_with_parent,
                start_new_session=True,  # Ctrl-C is for us
            )
        theirs.close()
        try:
            self.qmp = QMP(loop, ours)
        except Broken:
            status, said = self._ended(), self.said()
            self.close()
            raise Broken(f"{binary}: does not start, status {status}: {said}") from None

    @property
    def dead(self) -> bool:
        """Whether it has ended."""
        return not self.qmp.open or self._process.poll() is not None

    def death(self) -> Died:
        """Return its death as what can be raised."""
        return Died(self._ended(), self.said())

    def said(self) -> str:
        """Return the last line that it has said on stderr."""
        text = self._errors.read_text(errors="replace") if self._errors.exists() else ""
        return (text.strip().splitlines() or [""])[-1]

    def rest(self, timeout: float = 30.0) -> bool:
        """Wait until nobody in it can move; tell whether that came to pass. Raises Died.

        At an instant between two samples every thread slept: each was asleep in both, and has not been
        switched away from in between. Nothing that it sent is unread here, and nothing of ours unsent, so it
        sleeps until we act, or a timer of its own does.
        """
        end = time.monotonic() + timeout
        before: Sample | None = None
        while True:
            moved = self._loop.pump()
            now = self._sample()
            asleep = all(state in b"SI" for _, state, _, _ in now)
            if not moved and asleep and now and now == before and not self._loop.unsent:
                if not self._loop.pump():
                    return True
                now, asleep = [], True
            if self.dead:
                raise self.death()
            if time.monotonic() > end:
                return False
            before = now if asleep and not moved else None
            if not asleep:
                time.sleep(0.00005)

    def close(self) -> None:
        """End it, whatever it does."""
        with contextlib.suppress(AttributeError):
            self.qmp.close()
        self._process.kill()
        self._process.wait(10)
        for file in self._status.values():
            os.close(file)
        self._status.clear()

    def _ended(self) -> int | None:
        try:
            return self._process.wait(2)
        except subprocess.TimeoutExpired:
            return None

    def _sample(self) -> Sample:
        found: Sample = []
        tasks = f"/proc/{self._process.pid}/task"
        try:
            threads = os.listdir(tasks)
        except OSError:
            return []
        for thread in threads:
            try:
                if thread not in self._status:
                    self._status[thread] = os.open(f"{tasks}/{thread}/status", os.O_RDONLY)
                match = _SWITCHES.search(os.pread(self._status[thread], 4096, 0))
            except OSError:  # the thread has ended
                match = None
            if match is None:
                file = self._status.pop(thread, None)
                if file is not None:
                    os.close(file)
                return []
            state, voluntarily, not_so = match.groups()
            found.append((thread, state, voluntarily, not_so))
        return found


def _end_with_parent() -> None:
    """Ask the kernel to end the new process with us, even if we are killed."""
    _libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


__all__ = ["DAEMON", "SYSTEM", "Process"]
