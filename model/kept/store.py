"""A folder of kept answers: plain files, each whole or of no use.

A file is named after the question and begins with a checksum of its name and content, is written beside its
place and renamed. So processes may share the folder without a lock (the same question has the same answer), a
process may be killed at any time, and what is damaged counts as not kept.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import tempfile
import time
from pathlib import Path

from cowpath.model.language.errors import InputError

_CHECKSUM = 16  # bytes
_HOUR = 3600.0
MOST_BYTES, MOST_FILES = 256 << 20, 20_000
"""Beyond either, the answers that were not asked for longest are thrown away, down to three quarters."""


class Store:
    """Answers in a folder, by names that are hexadecimal digests.

    Raises `InputError` if the folder cannot be had, or somebody else could write to it: what is kept may be
    machine code.
    """

    def __init__(self, folder: Path, most_bytes: int = MOST_BYTES, most_files: int = MOST_FILES) -> None:
        self.folder = folder
        self._most = most_bytes, most_files
        self._tidied = False
        try:
            folder.mkdir(0o700, parents=True, exist_ok=True)
            found = folder.stat()
        except OSError as error:
            raise InputError(f"the folder of kept answers, {folder}: {error.strerror}") from None
        if found.st_uid != os.geteuid() or found.st_mode & 0o022 or not os.access(folder, os.W_OK):
            raise InputError(
                f"the folder of kept answers, {folder}: must be yours, and yours alone to write to"
            )

    def get(self, name: str) -> bytes | None:
        """Return what is kept under the name; None if nothing is, or it is damaged."""
        path = self._path(name)
        try:
            written = path.read_bytes()
            content = written[_CHECKSUM:]
            if written[:_CHECKSUM] != _checksum(name, content):
                path.unlink()
                return None
            os.utime(path)  # it was of use: those that are not go first
        except OSError:
            return None
        return content

    def put(self, name: str, content: bytes) -> None:
        """Keep the content, if there is room for it; an answer that cannot be kept is no error."""
        path = self._path(name)
        with contextlib.suppress(OSError):
            if not self._tidied:
                self._tidied = True
                self._tidy()
            path.parent.mkdir(0o700, exist_ok=True)
            with tempfile.NamedTemporaryFile(dir=path.parent, prefix=".", delete=False) as file:
                try:
                    file.write(_checksum(name, content) + content)
                    file.flush()
                    os.replace(file.name, path)
                except BaseException:
                    os.unlink(file.name)
                    raise

    def _path(self, name: str) -> Path:
        return self.folder / name[:2] / name[2:]

    def _tidy(self) -> None:
        """Throw away what is too much, and what killed processes have left half written."""
        found: list[tuple[float, int, Path]] = []
        for path in self.folder.glob("??/*"):
            with contextlib.suppress(OSError):  # another process tidies, too
                about = path.stat()
                if path.name.startswith("."):
                    if about.st_mtime < time.time() - _HOUR:
                        path.unlink()
                else:
                    found.append((about.st_mtime, about.st_size, path))
        total, count = sum(size for _, size, _ in found), len(found)
        most_bytes, most_files = self._most
        if total <= most_bytes and count <= most_files:
            return
        for _, size, path in sorted(found):
            if total <= most_bytes * 3 // 4 and count <= most_files * 3 // 4:
                break
            with contextlib.suppress(OSError):
                path.unlink()
            total, count = total - size, count - 1


def _checksum(name: str, content: bytes) -> bytes:
    return hashlib.blake2b(content, digest_size=_CHECKSUM, key=name.encode()[:64]).digest()
