"""Where a QEMU is, which release it is, and how it is started: installed, or only unpacked into a folder."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from cowpath.conformance.qemu.errors import NoQemu

PACKAGES = "qemu-system-x86 qemu-utils qemu-system-common"
"""Debian's packages that have what is run here."""
DAEMON, SYSTEM = "qemu-storage-daemon", "qemu-system-x86_64"
_VERSION = re.compile(r"version (\d+\.\d+\.\d+)")
_LIBRARIES = ("usr/lib/x86_64-linux-gnu", "lib/x86_64-linux-gnu", "usr/lib64", "usr/lib")
_LOADERS = ("lib64/ld-linux-x86-64.so.2", "usr/lib64/ld-linux-x86-64.so.2", *(
    f"{folder}/ld-linux-x86-64.so.2" for folder in _LIBRARIES[:2]
))  # fmt: skip


@dataclass(frozen=True)
class Qemu:
    """One release of QEMU. A program that it lacks is None; `version` is like "7.2.22".

    `before` is put before a program's path: the loader of the release that it comes from, where it is not
    this machine's. `environment` is added to ours. `given` is how the user named it.
    """

    version: str
    daemon: Path | None
    system: Path | None
    before: tuple[str, ...] = ()
    environment: tuple[tuple[str, str], ...] = ()
    given: str = ""

    @property
    def release(self) -> tuple[int, ...]:
        """The version in numbers, to compare."""
        return tuple(map(int, self.version.split(".")))

    def program(self, name: str) -> Path | None:
        """Return the program that serves for the one of this name: the emulator can do all, too."""
        return self.system if name == SYSTEM else self.daemon or self.system


def installed() -> Qemu:
    """Return the QEMU on the PATH. Raises NoQemu."""
    daemon, system = (shutil.which(name) for name in (DAEMON, SYSTEM))
    if daemon is None and system is None:
        raise NoQemu(f"no QEMU is installed; on Debian: apt install {PACKAGES}; or give --binary or --prefix")
    return _known(_path(daemon), _path(system), (), (), "")


def at_prefix(folder: str) -> Qemu:
    """Return the QEMU that is in a folder's bin or usr/bin. Raises NoQemu."""
    root = Path(folder)
    programs = [
        next((p for p in (root / "usr/bin" / name, root / "bin" / name) if p.is_file()), None)
        for name in (DAEMON, SYSTEM)
    ]
    if not any(programs):
        raise NoQemu(f"--prefix {folder}: neither {DAEMON} nor {SYSTEM} in its bin or usr/bin")
    before: tuple[str, ...] = ()
    environment: tuple[tuple[str, str], ...] = ()
    if root.resolve() not in (Path("/"), Path("/usr")):
        libraries = ":".join(str((root / each).resolve()) for each in _LIBRARIES if (root / each).is_dir())
        loader = next((root / each for each in _LOADERS if (root / each).exists()), None)
        if loader is not None:
            before = (str(loader.resolve()), "--library-path", libraries)
        elif libraries:
            environment = (("LD_LIBRARY_PATH", libraries),)
    return _known(programs[0], programs[1], before, environment, folder)


def from_binary(path: str) -> Qemu:
    """Return the QEMU that is this file. Raises NoQemu."""
    binary = Path(shutil.which(path) or path)
    if not binary.is_file() or not os.access(binary, os.X_OK):
        raise NoQemu(f"--binary {path}: not a program; accepted: the path of {DAEMON} or {SYSTEM}")
    said = _say((), binary, ())
    if DAEMON in said or "storage daemon" in said.lower():
        return _known(binary, None, (), (), path)
    if "emulator" in said.lower():
        return _known(None, binary, (), (), path)
    raise NoQemu(f"--binary {path}: does not say that it is {DAEMON} or {SYSTEM}: '{said.strip()[:60]}'")


def _path(found: str | None) -> Path | None:
    return None if found is None else Path(found)


def _known(
    daemon: Path | None,
    system: Path | None,
    before: tuple[str, ...],
    environment: tuple[tuple[str, str], ...],
    given: str,
) -> Qemu:
    binary = daemon or system
    assert binary is not None
    said = _say(before, binary, environment)
    match = _VERSION.search(said)
    if match is None:
        raise NoQemu(f"{binary}: does not tell its version, but '{said.strip()[:80]}'")
    return Qemu(match[1], daemon, system, before, environment, given)


def _say(before: Sequence[str], binary: Path, environment: Sequence[tuple[str, str]]) -> str:
    try:
        done = subprocess.run(
            [*before, str(binary), "--version"],
            capture_output=True, text=True, errors="replace", timeout=20, env=os.environ | dict(environment),
        )  # fmt: skip
    except (OSError, subprocess.TimeoutExpired) as error:
        raise NoQemu(f"{binary}: cannot be run: {error}") from None
    return done.stdout or done.stderr
