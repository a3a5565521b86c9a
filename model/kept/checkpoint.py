"""Checkpoints: how far a search is, in a file, so that a killed one goes on instead of beginning again.

A file is written beside its place, flushed to the disk and renamed, so there is always a whole one; its parts
have checksums (zip). What is damaged, or of another search, counts as no checkpoint.
"""

from __future__ import annotations

import contextlib
import json
import os
import tempfile
import time
import zipfile
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cowpath.model.language.errors import InputError

if TYPE_CHECKING:
    import numpy as np

    Arrays = Mapping[str, np.ndarray[Any, Any]]

_SHARE = (
    20  # a checkpoint is made at most so often that this much of the time goes to the search, to one part
)
_ABOUT = "about"


class Checkpoint:
    """The checkpoint of one search, at a path. `every`: seconds between two, or more if they take long."""

    def __init__(self, path: Path, every: float) -> None:
        self.path = path
        self._pause = self._every = every
        self._saved = time.monotonic()

    def at(self, path: Path) -> Checkpoint:
        """Return another one, beside it."""
        return Checkpoint(self.path.parent / path, self._every)

    def wait_as(self, other: Checkpoint) -> None:
        """Be due when the other one is."""
        self._saved, self._pause = other._saved, other._pause

    @property
    def due(self) -> bool:
        """Whether it is time for one."""
        return time.monotonic() - self._saved >= self._pause

    def save(self, about: Mapping[str, Any], arrays: Arrays) -> None:
        """Write a checkpoint: plain data as JSON has it, and arrays by name. Raises `InputError`."""
        import numpy as np

        began = time.monotonic()
        told = np.frombuffer(json.dumps(about).encode(), dtype=np.uint8)
        try:
            with tempfile.NamedTemporaryFile(dir=self.path.parent, prefix=".", delete=False) as file:
                try:
                    np.savez(file, allow_pickle=False, **{_ABOUT: told, **arrays})
                    file.flush()
                    os.fsync(file.fileno())
                    os.replace(file.name, self.path)
                except BaseException:
                    os.unlink(file.name)
                    raise
        except OSError as error:
            raise InputError(f"--resume: {self.path.parent} cannot be written to: {error.strerror}") from None
        self._saved = time.monotonic()
        self._pause = max(self._every, _SHARE * (self._saved - began))

    def load(self) -> tuple[dict[str, Any], dict[str, np.ndarray[Any, Any]]] | None:
        """Return what was saved; None if there is nothing, or it is damaged."""
        import numpy as np

        try:
            with np.load(self.path, allow_pickle=False) as found:
                arrays = {name: found[name] for name in found.files}
            return json.loads(arrays.pop(_ABOUT).tobytes()), arrays
        except (OSError, ValueError, LookupError, EOFError, zipfile.BadZipFile, zlib.error):
            return None

    def remove(self) -> None:
        """Remove it, for the search is over."""
        with contextlib.suppress(OSError):
            self.path.unlink()
